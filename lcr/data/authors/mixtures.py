"""The authors' test mixtures rebuilt from the corpora (section V), as a suite's examples.

The manifest fixes the sources, their levels, the instruction and the prompts; of its five the last
is used, as the authors do. It does not fix where a source was cropped and to what its level refers.
Here, for source k of mixture `id` (seeded by both, so the same anywhere):

- mono at 16 kHz; longer than 5 s: cropped at a start drawn evenly; shorter: placed at a start drawn
  evenly and padded with zeros ("partially overlapped");
- scaled so that the RMS of the crop, without what was padded, is the level in the manifest re
  `reference_level_db`. A digitally silent crop gives way to the file's loudest; a silent file stays
  silent.

So scores can differ from the authors' by the luck of crops, mixture by mixture.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from lcr.audio.core import read_audio, resample
from lcr.data.authors.files import DataRoots, below_corpora
from lcr.data.authors.set import PaperMixture, PaperSource
from lcr.data.authors.shards import read_sample
from lcr.data.bank import SAMPLE_RATE, Waveform
from lcr.data.mixtures import GIVEN, Example, MixtureConfig
from lcr.errors import LcrError
from lcr.instruction import Task
from lcr.prompts.generator import Prompt

_RULE = 1  # goes into the digest; raise it when the same manifest gives other samples


@dataclass(frozen=True)
class _Found:
    mixture: PaperMixture
    files: tuple[Path, ...]


class PaperMixtures:
    """Mixtures of the authors' whose files are all there, `per_task` of each task at most.

    Examples are in rounds over the tasks, in the manifest's order within each. `missing` names the
    files that are not there, `left_out` counts the mixtures that need them, `total` all of them.
    Raises LcrError when no mixture can be made.
    """

    def __init__(
        self,
        mixtures: Iterable[PaperMixture],
        roots: DataRoots,
        *,
        config: MixtureConfig,
        per_task: int,
        name: str,
    ) -> None:
        self.config, self.name = config, name
        by_task: dict[Task, list[_Found]] = {}
        missing: dict[str, None] = {}
        self.total = self.left_out = 0
        for mixture in mixtures:
            self.total += 1
            if mixture.shard is not None:
                by_task.setdefault(mixture.instruction.task, []).append(_Found(mixture, ()))
                continue
            files = [roots.find(source.file) for source in mixture.sources]
            absent = [s.file for s, f in zip(mixture.sources, files, strict=True) if f is None]
            missing.update(dict.fromkeys(absent))
            if absent:
                self.left_out += 1
                continue
            found = _Found(mixture, tuple(f for f in files if f is not None))
            by_task.setdefault(mixture.instruction.task, []).append(found)
        self.missing = tuple(missing)
        if not by_task:
            first = f"; the first missing file: {self.missing[0]}" if missing else ""
            raise LcrError(f"none of the manifest's {self.total} mixtures can be made{first}")
        kept = [by_task[task][:per_task] for task in Task if task in by_task]
        self.n_tasks = len(kept)
        self._found = [
            some[i] for i in range(max(map(len, kept))) for some in kept if i < len(some)
        ]
        self.digest = self._digest()

    def __len__(self) -> int:
        return len(self._found)

    def mixture(self, index: int) -> PaperMixture:
        """What example `index` is made of."""
        return self._found[index].mixture

    def example(self, index: int) -> Example:
        """Example `index`. Raises IndexError, AudioFileError when a file cannot be read."""
        if not 0 <= index < len(self._found):
            raise IndexError(f"there are {len(self._found)} examples; got {index}")
        found = self._found[index]
        mixture = found.mixture
        if mixture.shard is not None:
            sources = read_sample(mixture.shard, self.config.samples)
        else:
            sources = np.stack(
                [
                    self._source(mixture.id, number, source, file)
                    for number, (source, file) in enumerate(
                        zip(mixture.sources, found.files, strict=True)
                    )
                ]
            )
        gains = np.array(mixture.instruction.gains, dtype=np.float32)
        prompt = mixture.prompts[-1]
        clips = tuple(below_corpora(source.file).as_posix() for source in mixture.sources)
        return Example(
            id=mixture.id,
            index=index,
            mixture=sources.sum(0),
            sources=sources,
            target=(gains[:, None] * sources).sum(0),
            instruction=mixture.instruction,
            prompt=prompt,
            written=Prompt(prompt, (), GIVEN),
            sample_rate=SAMPLE_RATE,
            clips=clips,
            groups=clips,
        )

    def _source(
        self, name: str, number: int, source: PaperSource, file: Path
    ) -> NDArray[np.float32]:
        clip = read_audio(file)
        mono = resample(clip.audio.mean(axis=0, keepdims=True), clip.sample_rate, SAMPLE_RATE)[0]
        word = hashlib.sha256(f"{name}\n{number}".encode()).digest()
        rng = np.random.default_rng(int.from_bytes(word[:8], "little"))
        level_db = self.config.reference_level_db + source.level_db
        return fit(mono, self.config.samples, level_db=level_db, rng=rng)

    def _digest(self) -> str:
        digest = hashlib.sha256(f"paper {_RULE} {self.config.identity}\n".encode())
        for found in self._found:
            mixture = found.mixture
            sources = [(str(below_corpora(s.file)), s.level_db) for s in mixture.sources]
            sizes = [file.stat().st_size for file in found.files]
            if mixture.shard is not None:
                sizes = [mixture.shard.offset, mixture.shard.size]
            told = f"{mixture.id} {mixture.instruction.pattern} {sources} {sizes} "
            digest.update(f"{told}{mixture.prompts[-1]}\n".encode())
        return digest.hexdigest()


class Examples(Sequence[Example]):
    """`mixtures` as a sequence of examples, each made when it is asked for: thousands of them take
    no memory."""

    def __init__(self, mixtures: PaperMixtures, indices: Sequence[int] | None = None) -> None:
        self._mixtures = mixtures
        self._indices = range(len(mixtures)) if indices is None else indices

    def __len__(self) -> int:
        return len(self._indices)

    @overload
    def __getitem__(self, index: int) -> Example: ...
    @overload
    def __getitem__(self, index: slice) -> Examples: ...
    def __getitem__(self, index: int | slice) -> Example | Examples:
        if isinstance(index, slice):
            return Examples(self._mixtures, self._indices[index])
        return self._mixtures.example(self._indices[index])


def fit(
    wave: Waveform, samples: int, *, level_db: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """`wave` cropped or placed to (samples,), the RMS of what is not padding at `level_db` re full
    scale. Silence stays silence."""
    spare = len(wave) - samples
    start = int(rng.integers(abs(spare) + 1))
    crop = wave[start : start + samples] if spare > 0 else wave
    if spare > 0 and not crop.any():
        power = np.concatenate([[0.0], np.cumsum(np.square(wave, dtype=np.float64))])
        best = int(np.argmax(power[samples:] - power[:-samples]))
        crop = wave[best : best + samples]
    rms = float(np.sqrt(np.mean(np.square(crop, dtype=np.float64))))
    out = np.zeros(samples, dtype=np.float32)
    at = start if spare < 0 else 0
    out[at : at + len(crop)] = crop * np.float32(10 ** (level_db / 20) / rms if rms > 0 else 0.0)
    return out
