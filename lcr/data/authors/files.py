"""Where the authors' source files lie on this machine: corpora under one root, or one folder each.

The manifests name files as `LibriTTS/…`, `VCTK/…`, `VGGSound/…` and `TextrolSpeech/…`, the last
with a folder for each of ESD, MESS, MEAD and SAVEE. Their own records have the same paths below a
folder of the authors' machine, which is cut off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from lcr.errors import LcrError

CORPORA = {
    "LibriTTS": "LibriTTS",
    "VCTK": "VCTK",
    "VGGSound": "VGGSound",
    "ESD": "TextrolSpeech/Emotional Speech Dataset (ESD)",
    "MESS": "TextrolSpeech/MESS compressed",
    "MEAD": "TextrolSpeech/MEAD",
    "SAVEE": "TextrolSpeech/SAVEE",
    **{name: name for name in ("TextrolSpeech", "FSD50K", "ESC-50", "FUSS", "AudioSet")},
}
"""A corpus' name -> its folder in the manifests."""

ENDINGS = (".wav", ".flac", ".mp3", ".ogg")
"""A file of the same name with another of these endings does as well."""

_TOP = {folder.split("/")[0] for folder in CORPORA.values()}


class DataRootError(LcrError):
    """A `--data-root` is no folder or names no corpus."""


@dataclass(frozen=True)
class DataRoots:
    """`root` holds every corpus under the manifests' names; `folders` hold one each, by name."""

    root: Path | None
    folders: tuple[tuple[str, Path], ...] = ()

    def find(self, file: str) -> Path | None:
        """The file on this machine, or None when it is not there."""
        inside = below_corpora(file)
        places = [
            folder / inside.relative_to(CORPORA[name])
            for name, folder in self.folders
            if inside.is_relative_to(CORPORA[name])
        ]
        if self.root is not None:
            places.append(self.root / inside)
        return next(filter(None, map(existing, places)), None)


def existing(place: Path) -> Path | None:
    """The file at `place`, or one of the same name with another of `ENDINGS`."""
    choices = (place, *(place.with_suffix(ending) for ending in ENDINGS))
    return next((path for path in choices if path.is_file()), None)


def data_roots(given: Sequence[str]) -> DataRoots:
    """From `DIR` and `NAME=DIR`, later ones of one name winning. Raises DataRootError."""
    root: Path | None = None
    folders: dict[str, Path] = {}
    for text in given:
        name, equals, folder = text.partition("=")
        known = bool(equals) and name in CORPORA
        path = Path(folder if known else text)
        if not path.is_dir():
            names = ", ".join(CORPORA)
            raise DataRootError(f"--data-root {text}: no such folder (NAME=DIR takes {names})")
        if known:
            folders[name] = path
        else:
            root = path
    if root is None and not folders:
        raise DataRootError(
            "this suite reads the original corpora; say where they are with --data-root DIR "
            "or --data-root NAME=DIR for each"
        )
    return DataRoots(root, tuple(folders.items()))


def below_corpora(file: str) -> PurePosixPath:
    """The path from its corpus' folder on; ".." has no place in one. Raises DataRootError."""
    parts = PurePosixPath(file.replace("\\", "/")).parts
    start = next((i for i, part in enumerate(parts) if part in _TOP), None)
    if start is None or ".." in parts:
        raise DataRootError(f"{file!r} lies in none of the corpora {', '.join(sorted(_TOP))}")
    return PurePosixPath(*parts[start:])
