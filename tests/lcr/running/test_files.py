"""Files from disk to disk: any length, whole or not at all, and what is said about it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from baselines.mixture import MixtureRemixer
from lcr.audio.core import read_audio
from lcr.audio.reader import AudioFile
from lcr.errors import AudioFileError
from lcr.prompts.time_words import TimedPrompt
from lcr.remixer import Audio, Oracle, Remix, Step, SystemCard
from lcr.running import files as remix_files
from lcr.running.chunked import AdapterConfig, AnyRateRemixer
from lcr.running.files import SystemFailedError, remix_file

HALF, LOUD = TimedPrompt(prompt="half"), TimedPrompt(prompt="loud")


class Scaling:
    """A plain Remixer that counts its calls."""

    card = SystemCard(name="scaling", family="reference", sample_rate=None)

    def __init__(self, gain: float = 0.5) -> None:
        self.gain = np.float32(gain)
        self.lengths: list[int] = []

    def remix(
        self, mixture: Audio, sample_rate: int, prompt: str, *, oracle: Oracle | None = None
    ) -> Remix:
        self.lengths.append(mixture.shape[1])
        return Remix(audio=mixture * self.gain, trace=(Step(name=prompt),))


def recording(path: Path, seconds: float = 3.0, rate: int = 44_100, **settings: str) -> AudioFile:
    noise = 0.2 * np.random.default_rng(0).standard_normal((round(seconds * rate), 2))
    soundfile.write(path, noise.clip(-1, 1), rate, **settings)
    return AudioFile.open(path)


def test_nothing_changes_without_a_change(tmp_path: Path) -> None:
    source = recording(tmp_path / "a.wav", subtype="PCM_16")
    done = remix_file(
        MixtureRemixer(), source, tmp_path / "new" / "b.wav", TimedPrompt(prompt="nothing")
    )
    assert (tmp_path / "new" / "b.wav").read_bytes() == (tmp_path / "a.wav").read_bytes()
    assert (done.warnings, done.clipped_samples, done.encoding.subtype) == ((), 0, "PCM_16")
    assert os.listdir(tmp_path / "new") == ["b.wav"]


def test_a_short_recording_goes_through_whole_and_a_long_one_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = recording(tmp_path / "a.wav", subtype="FLOAT")
    heard: list[int] = []
    whole = Scaling()
    done = remix_file(whole, source, tmp_path / "b.wav", HALF, tell=heard.append)
    assert whole.lengths == [source.samples]
    assert sum(heard) == source.samples
    assert [step.name for step in done.trace] == ["half"]
    monkeypatch.setattr(remix_files, "_PART_S", 0.5)
    parts = Scaling()
    remix_file(parts, source, tmp_path / "c.wav", HALF)
    assert len(parts.lengths) > 5
    assert max(parts.lengths) == 22_050
    for name in ("b.wav", "c.wav"):
        found = read_audio(tmp_path / name)
        assert found.sample_rate == 44_100
        np.testing.assert_allclose(
            found.audio, 0.5 * read_audio(source.path).audio, rtol=0, atol=1e-6
        )


def test_a_prepared_system_gives_the_file_what_it_gives_the_array(tmp_path: Path) -> None:
    config = AdapterConfig(native_rate=16_000, chunk_s=0.5, overlap_s=0.1)
    remixer = AnyRateRemixer(Scaling(0.25), config)
    source = recording(tmp_path / "a.wav", subtype="FLOAT")
    remix_file(
        remixer, source, tmp_path / "b.wav", TimedPrompt(prompt="quarter"), gain_db=20 * np.log10(2)
    )
    expected = remixer.remix(read_audio(source.path).audio, 44_100, "quarter").audio
    np.testing.assert_allclose(
        read_audio(tmp_path / "b.wav").audio, 2 * expected, rtol=0, atol=1e-6
    )


def test_clipping_is_said_and_the_gain_that_is_offered_ends_it(tmp_path: Path) -> None:
    source = recording(tmp_path / "a.wav", subtype="PCM_16")
    loud = remix_file(Scaling(8), source, tmp_path / "b.wav", LOUD)
    (warning,) = loud.warnings
    assert loud.peak_db is not None
    assert loud.clipped_samples > 0
    assert f"{loud.clipped_samples} samples are beyond full scale" in warning
    offered = float(warning.split("--gain-db ")[1].split(",")[0])
    quiet = remix_file(Scaling(8), source, tmp_path / "b.wav", LOUD, gain_db=offered)
    assert (quiet.warnings, quiet.clipped_samples) == ((), 0)
    assert quiet.peak_db == pytest.approx(loud.peak_db + offered, abs=1e-4)
    assert quiet.peak_db > -0.11
    floats = recording(tmp_path / "c.wav", subtype="FLOAT")
    kept = remix_file(Scaling(8), floats, tmp_path / "d.wav", LOUD)
    assert (kept.warnings, kept.clipped_samples) == ((), 0)
    assert np.abs(read_audio(tmp_path / "d.wav").audio).max() > 1


def test_another_subtype_is_said(tmp_path: Path) -> None:
    source = recording(tmp_path / "a.ogg")
    done = remix_file(Scaling(), source, tmp_path / "b.flac", HALF)
    assert done.warnings == ("written as FLAC PCM_24 (it was VORBIS)",)


def test_a_source_that_grows_is_refused(tmp_path: Path) -> None:
    source = recording(tmp_path / "a.wav", 1.0)
    recording(tmp_path / "a.wav", 2.0)
    with pytest.raises(AudioFileError, match="has grown"):
        remix_file(Scaling(), source, tmp_path / "b.wav", HALF)
    assert os.listdir(tmp_path) == ["a.wav"]


@pytest.mark.parametrize("fault", ["nan", "cut"])
def test_a_fault_in_the_middle_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, fault: str
) -> None:
    if fault == "nan":
        noise = np.zeros(200_000)
        noise[150_000] = np.nan
        soundfile.write(tmp_path / "a.wav", noise, 44_100, subtype="FLOAT")
    else:
        recording(tmp_path / "a.flac", 5.0)
        whole = (tmp_path / "a.flac").read_bytes()
        (tmp_path / "a.flac").write_bytes(whole[: len(whole) // 2])
    (source,) = (AudioFile.open(path) for path in tmp_path.iterdir())
    target = tmp_path / "b.wav"
    target.write_bytes(b"old")
    with pytest.raises(AudioFileError, match=r"NaN|cut off|cannot be read"):
        remix_file(Scaling(), source, target, HALF)
    assert target.read_bytes() == b"old"
    assert len(os.listdir(tmp_path)) == 2


def test_a_full_disk_is_told_from_a_failing_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = recording(tmp_path / "a.wav")

    class Offline(Scaling):
        def remix(self, *_: object, **__: object) -> Remix:
            raise ConnectionError("no network")

    with pytest.raises(SystemFailedError, match="scaling failed: no network"):
        remix_file(Offline(), source, tmp_path / "b.wav", HALF)

    class Exiting(Scaling):
        def remix(self, *_: object, **__: object) -> Remix:
            raise SystemExit(0)

    with pytest.raises(SystemFailedError, match="scaling failed: it exits"):
        remix_file(Exiting(), source, tmp_path / "b.wav", HALF)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(AudioFileError, match=r"b\.wav: cannot be written \(No space left"):
        remix_file(Scaling(), source, tmp_path / "b.wav", HALF)
    assert os.listdir(tmp_path) == ["a.wav"]


def test_a_source_is_never_overwritten(tmp_path: Path) -> None:
    source = recording(tmp_path / "a.wav")
    (tmp_path / "link.wav").symlink_to(tmp_path / "a.wav")
    for name in ("a.wav", "link.wav"):
        with pytest.raises(AudioFileError, match="is its own source"):
            remix_file(Scaling(), source, tmp_path / name, HALF)
