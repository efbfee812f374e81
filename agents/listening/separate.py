"""A whole recording's stems: a separator's outputs in one order from beginning to end."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from baselines.pit.separation import Separator
from lcr.audio.core import check_audio, resampled_length
from lcr.audio.streams import ArraySource
from lcr.losses.pit import assignment, pairwise_cost
from lcr.remixer import Audio
from lcr.running.chunked import AdapterConfig, chunk_starts, stream_core

CHUNK_S, OVERLAP_S = 20.0, 4.0


def separate_stems(
    separator: Separator, mixture: Audio, sample_rate: int, *, device: str = "cpu"
) -> NDArray[np.float32]:
    """(sources, channels, samples) of `mixture` (channels, samples), aligned and at level.

    Each channel is separated on its own, long recordings in chunks. Which output of one is which
    of another is the assignment of highest SI-SDR: between channels, and over what neighbouring
    chunks share. Raises ValueError for audio that `check_audio` refuses.
    """
    check_audio(mixture, sample_rate)
    config = AdapterConfig(native_rate=separator.sample_rate, chunk_s=CHUNK_S, overlap_s=OVERLAP_S)
    samples = resampled_length(mixture.shape[1], sample_rate, separator.sample_rate)
    starts = chunk_starts(samples, config.chunk, config.overlap)
    core = _Stems(separator, len(mixture), starts, device)
    # To the adapter the stems are channels, each of which begins as the mixture.
    source = _Repeated(mixture, sample_rate, separator.sources)
    stems = np.empty((source.channels, source.samples), np.float32)
    done = 0
    for block in stream_core(core, source, config):
        stems[:, done : done + block.shape[1]] = block
        done += block.shape[1]
    return stems.reshape(separator.sources, *mixture.shape)


@dataclass(frozen=True)
class _Repeated(ArraySource):
    """An array's channels several times, without ever being held so."""

    times: int

    @property
    def channels(self) -> int:
        return self.times * len(self.audio)

    def blocks(self) -> Iterator[Audio]:
        for block in super().blocks():
            yield np.tile(block, (self.times, 1))


class _Stems:
    """The core: chunk after chunk of the mixture, as many times as there are sources, to stems in
    the order of the chunk before."""

    def __init__(self, separator: Separator, channels: int, starts: list[int], device: str) -> None:
        self._separator, self._channels, self._device = separator, channels, device
        self._steps = [b - a for a, b in itertools.pairwise(starts)]
        self._before: Tensor | None = None

    @torch.inference_mode()
    def __call__(self, audio: Audio) -> Audio:
        mixture = torch.from_numpy(audio[: self._channels]).to(self._device)
        # (channels, sources, samples), one at a time: many channels need no more memory.
        stems = torch.cat([self._separator(one[None]) for one in mixture])
        if self._before is None:
            ordered = [one[_order(one, stems[0])] for one in stems]
        else:
            step = self._steps.pop(0)
            shared = self._before.shape[-1] - step
            ordered = [
                one[_order(one[:, :shared], before[:, step:])]
                for one, before in zip(stems, self._before, strict=True)
            ]
        self._before = torch.stack(ordered)
        out: Audio = self._before.transpose(0, 1).flatten(0, 1).cpu().numpy()
        return out


def _order(heard: Tensor, reference: Tensor) -> Tensor:
    """Which of `heard` (sources, samples) is each of `reference`, of the same shape."""
    cost = pairwise_cost(estimate=heard[None], reference=reference[None], measure="si_sdr")
    return assignment(cost)[0].argsort()
