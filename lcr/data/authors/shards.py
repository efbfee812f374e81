"""Sources ready mixed, in shards as WebDataset reads them: tar files that hold, for each mixture,
ID.json (its line of the manifest, and `peaks`) and ID.0.flac, ID.1.flac, … (its sources).

The FLAC is of 16 bits. What is beyond full scale is written at a peak of 1: a source comes back
times its entry in `peaks`.
"""

from __future__ import annotations

import io
import json
import tarfile
from typing import IO

import numpy as np
import soundfile
from numpy.typing import NDArray

from lcr.data.authors.set import PaperMixture, Shard, line_of
from lcr.data.bank import SAMPLE_RATE
from lcr.errors import AudioFileError


def write_sample(
    tar: tarfile.TarFile, mixture: PaperMixture, sources: NDArray[np.float32]
) -> tuple[int, int]:
    """Append a mixture with its sources (n, samples); gives its offset and size in bytes. The same
    mixture gives the same bytes."""
    begin = tar.offset
    peaks = [max(1.0, float(np.abs(source).max())) for source in sources]
    row = json.loads(line_of(mixture)) | {"peaks": peaks}
    _add(tar, f"{mixture.id}.json", json.dumps(row, ensure_ascii=False).encode())
    for number, (source, peak) in enumerate(zip(sources, peaks, strict=True)):
        sound = io.BytesIO()
        soundfile.write(sound, source / peak, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
        _add(tar, f"{mixture.id}.{number}.flac", sound.getvalue())
    return begin, tar.offset - begin


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)  # of no user and no time
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def new_shard(file: IO[bytes]) -> tarfile.TarFile:
    return tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT)


def read_sample(shard: Shard, samples: int) -> NDArray[np.float32]:
    """The sources (n, samples) of a mixture. Raises AudioFileError, also for another length."""
    try:
        with open(shard.file, "rb") as file:
            file.seek(shard.offset)
            content = io.BytesIO(file.read(shard.size))
        with tarfile.open(fileobj=content, mode="r:") as tar:
            about, *sounds = (tar.extractfile(member) for member in tar)
            peaks = json.loads(about.read())["peaks"] if about else []
            found = [soundfile.read(sound, dtype="float32")[0] for sound in sounds]
        if wrong := {len(wave) for wave in found} - {samples}:
            raise ValueError(f"sources of {wrong.pop()} samples, where {samples} are wanted")
        return np.stack([wave * np.float32(p) for wave, p in zip(found, peaks, strict=True)])
    except (
        OSError,
        tarfile.TarError,
        soundfile.SoundFileError,
        ValueError,
    ) as error:
        problem = f"holds no whole mixture at byte {shard.offset} ({error})"
        raise AudioFileError(shard.file, problem) from error
