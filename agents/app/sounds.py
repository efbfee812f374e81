"""What one user's browser plays and downloads: files in a folder of the user's own, whose name
cannot be guessed and which goes when the recording does."""

from __future__ import annotations

import gc
import re
import secrets
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile

from agents.app.levels import playback
from agents.app.picture import loudest_db, picture
from agents.conversation.session import Conversation
from lcr.audio import ffmpeg
from lcr.audio.core import Clip, read_audio, write_audio
from lcr.audio.reader import AudioFile
from lcr.errors import AudioFileError, LcrError
from lcr.remixer import Audio

_KEPT = 12
_KEPT_BYTES = 2**29
"""Sounds in a folder, and what they may take; older ones are made again when they are wanted."""
_MOST_CHANNELS = 8


@dataclass(frozen=True, kw_only=True)
class Playable:
    """A sound for the page: what the player plays, the download in full quality, the picture."""

    title: str
    preview: Path
    download: Path
    picture: str
    note: str


@dataclass(eq=False)
class Visit:
    """A recording, (channels, samples) at `sample_rate` Hz, that a user works on in `folder`.
    `name` is the file's, without its suffix; `top_db` is the level of the brightest colour of all
    pictures."""

    name: str
    audio: Audio
    sample_rate: int
    conversation: Conversation
    folder: Path
    top_db: float = field(init=False)
    open: bool = True

    def __post_init__(self) -> None:
        self.top_db = loudest_db(self.audio, self.sample_rate)

    def turn(self, number: int, *, matched: bool) -> Playable:
        """Turn `number`; 0 is the original. Raises IndexError where there is no such turn, and
        what the system raises that made it."""
        title = "Original" if number == 0 else f"Turn {number}"
        stem = "original" if number == 0 else f"turn-{number}"
        return self.playable(self.conversation.audio(number), title, stem, matched=matched)

    def playable(self, audio: Audio, title: str, stem: str, *, matched: bool) -> Playable:
        """Write what plays `audio` (channels, samples). Raises AudioFileError on a full disk."""
        rate = self.sample_rate
        heard = playback(audio, self.audio, rate, matched=matched)
        # A new name each time: browsers keep what they fetched by name.
        own = self.folder / secrets.token_hex(8)
        own.mkdir(parents=True)
        download = own / f"{self.name}.{stem}.wav"
        write_audio(download, audio, rate)
        preview = own / "preview.wav"
        scaled = audio * np.float32(10 ** (heard.gain_db / 20))
        soundfile.write(preview, np.clip(scaled, -1, 1).T, rate, subtype="PCM_16")
        self._forget()
        return Playable(
            title=title,
            preview=preview,
            download=download,
            picture=picture(audio, rate, top_db=self.top_db),
            note=heard.note,
        )

    def close(self) -> None:
        """Let go of the files and of the sound; nothing else may be asked of it then."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.open = False
        self.audio = np.empty((len(self.audio), 0), np.float32)  # a slice would keep the whole
        self.__dict__.pop("conversation", None)
        gc.collect()  # its turns and the conversation refer to each other

    def _forget(self) -> None:
        made = [one for one in self.folder.iterdir() if one.is_dir()]
        kept = min(_KEPT, max(2, _KEPT_BYTES // (2 * self.audio.nbytes)))
        for old in sorted(made, key=lambda one: one.stat().st_mtime_ns)[:-kept]:
            shutil.rmtree(old, ignore_errors=True)


def new_folder(root: Path) -> Path:
    """A folder of one user's, in `root`, with 128 bits of chance in its name."""
    folder = root / secrets.token_hex(16)
    folder.mkdir(parents=True)
    return folder


def read_recording(path: Path, *, most_s: float, most_bytes: int) -> Clip:
    """What was uploaded, of at most `most_bytes` decoded. Raises LcrError in words for the page,
    without the path."""
    try:
        if path.is_file() and ffmpeg.format_of(path) is not None:  # of any length, once decoded
            raise AudioFileError(path, "is of a format that only the command lcr remix reads")
        file = AudioFile.open(path)
        if file.duration_s > most_s:
            raise LcrError(
                f"The recording is {file.duration_s / 60:.1f} minutes long; this page takes "
                f"{most_s / 60:g}. The command lcr remix takes any length."
            )
        if file.channels > _MOST_CHANNELS:
            raise LcrError(
                f"The recording has {file.channels} channels; {_MOST_CHANNELS} are the most."
            )
        size = 4 * file.samples * file.channels
        if size > most_bytes:
            raise LcrError(
                f"The recording takes {size / 2**20:.0f} MB decoded ({file.channels} channels at "
                f"{file.sample_rate:,} Hz); this page takes {most_bytes / 2**20:.0f} (--most-mb). "
                "The command lcr remix takes any size."
            )
        return read_audio(path)
    except AudioFileError as error:
        told = re.sub(r"\s*\(.*\)\s*$", "", error.problem, flags=re.DOTALL)
        raise LcrError(
            f"{path.name} {told}. This page takes WAV, FLAC, Ogg, MP3 and AIFF files."
        ) from error
