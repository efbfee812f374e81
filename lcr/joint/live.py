"""Chunk-by-chunk remixing: sound goes in and comes out remixed, 20 ms later.

The network works at the sound's own rate: 10 ms hops have the same frequencies a bin apart at any
rate, so nothing is resampled and no filter adds its delay. What lies above the network's 8 kHz
follows the mask of its highest band. Each channel is encoded and remixed on its own.

Prompts are read by the reader of `lcr`. What each thing is to sound like goes to the network by
the slots that it has learnt; its gain is any, since the mask is linear in the gains (see
`lcr.nn.grounded.remixer`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lcr.audio.core import check_audio
from lcr.audio.low_delay import FRAME_HOPS, LowDelayTransform, RunningLevel, power_scale
from lcr.audio.streams import Queue
from lcr.checkpoints import WeightsError, find_checkpoint, read_config
from lcr.instruction import AudioDescription
from lcr.joint.query import SAMPLE_RATE, Floats
from lcr.nn.reader.slots import SlotVocabulary
from lcr.prompts.pointing import PointingError, points
from lcr.prompts.reading import NamedThing, OpenReader, Reading
from lcr.prompts.reading.applied import breadth, denoted
from lcr.prompts.reading.words import checked, doubts, told
from lcr.remixer import Audio, RefusedError
from lcr.runtime import Graph, exported

GRAPH = "live.onnx"
_MOST_FRAMES = 64
"""Frames at a time, so that long chunks need no more memory."""
_MOST_CHANNELS = 64
_LOUDEST = 1e6
"""120 dB above full scale: what is beyond it is no sound."""
_LEAST = 0.9
"""Of `lcr.prompts.reading.applied.sound_score`, from which on a name is one of the model's: to
take one sound for another would be a silent mistake."""


class LiveNetwork(Protocol):
    """`lcr.nn.grounded.causal.CausalRemixer.advance` on arrays."""

    def __call__(self, spectrum: Floats, asked: Floats, state: Floats) -> tuple[Floats, Floats]: ...


@dataclass(frozen=True)
class Filter:
    """What a prompt comes to: the gain of all that it does not name, and for each group of things
    its gain (groups,) and what the network is `asked` for (groups, 2 columns)."""

    rest: float
    gains: Floats
    asked: Floats


@dataclass(frozen=True)
class LivePrompt:
    """A filter, what was read, for a person, and what of it is lost."""

    filter: Filter
    told: str
    warnings: tuple[str, ...]


class LiveModel:
    """The live network with its sizes, and the names and styles that it can be asked for."""

    def __init__(self, network: LiveNetwork, config: dict[str, Any], reader: OpenReader) -> None:
        """`config` is the checkpoint's. Raises LookupError, TypeError or ValueError where it
        describes none."""
        sizes = config["remixer"]
        self.network, self._reader = network, reader
        self.hop = int(sizes["hop"])
        self.band_bins = tuple(map(int, sizes["band_bins"]))
        self.level_frames = float(sizes["level_frames"])
        self._vocabulary = SlotVocabulary(tuple(config["labels"]))
        self._column = {name: i for i, name in enumerate(self._vocabulary.columns)}
        self._state = int(sizes["blocks"]), len(self.band_bins), int(sizes["channels"])

    def start(self, rows: int) -> Floats:
        """The network's state before the first frame of `rows` rows of audio."""
        blocks, bands, channels = self._state
        return np.zeros((blocks, rows * bands, channels), np.float32)

    def read(self, prompt: str) -> LivePrompt:
        """Raises RefusedError for a prompt that asks for no remix, or for nothing that the model
        knows, and PointingError for one that points at a sound."""
        if points(prompt):
            raise PointingError("live sound cannot be pointed at: say its name")
        reading = checked(self._reader.read([prompt])[0])
        rows: dict[float, Floats] = {}
        lost = []
        for thing in sorted(reading.listed, key=breadth):
            columns = list(self._columns(thing))
            if not columns:
                lost.append(thing)
                continue
            row = rows.setdefault(thing.gain, np.zeros(len(self._column), np.float32))
            sounds = [c for c in columns if c < len(self._vocabulary.labels)]
            for other in rows.values():
                other[sounds] = 0  # the narrower thing wins
            row[columns] = 1
        if lost and len(lost) == len(reading.things):
            raise RefusedError(f"the live model can find no {_listed(lost)}: nothing is changed")
        kept = tuple(thing for thing in reading.things if thing not in lost)
        return LivePrompt(
            self._filter(reading, rows),
            told(replace(reading, things=kept)),
            tuple(_warnings(reading, lost)),
        )

    def _columns(self, thing: NamedThing) -> Iterable[int]:
        """Of the slots that say what a thing is; none where no slot does."""
        if thing.kind == "sound":
            described = [AudioDescription(label=label) for label in self._vocabulary.labels]
            return denoted(thing, described, least=_LEAST)
        if thing.kind in ("all_speech", "all_sounds"):
            return [self._column["all_speech" if thing.kind == "all_speech" else "all_audio"]]
        if thing.relation is not None:
            return []
        styles = [f"{name}={value}" for name, value in thing.styles.items()]
        return [self._column[name] for name in ("speech", *styles)]

    def _filter(self, reading: Reading, rows: dict[float, Floats]) -> Filter:
        rest = reading.rest_gain
        every = sum(rows.values(), np.zeros(len(self._column), np.float32))
        used = {gain: row for gain, row in rows.items() if gain != rest and row.any()}
        asked = [np.concatenate([row, np.clip(every - row, 0, 1)]) for row in used.values()]
        width = 2 * len(self._column)
        return Filter(
            rest,
            np.array(list(used), np.float32),
            np.array(asked, np.float32).reshape(-1, width),
        )


def _warnings(reading: Reading, lost: list[NamedThing]) -> Iterable[str]:
    yield from doubts(reading.not_understood, reading.unsure)
    if lost:
        yield f"The live model can find no {_listed(lost)}; the rest is done."


def _listed(things: list[NamedThing]) -> str:
    return " and no ".join(f'"{thing.words}"' for thing in things)


class StreamingRemixer:
    """Remixes an endless stream: `push` chunks of any length, get as many samples back.

    The output is `latency` samples late and begins with as many zeros; `finish` gives the rest.
    `ask` changes the prompt in mid-stream: within `fade_s` seconds the new mask takes over.
    Not for several threads at once, but for `steer`, which may be called from any.

    Samples that are NaN, infinite or 120 dB above full scale become silence; so do those that come
    out as NaN or infinite, and the network begins anew. `silenced` says that this has happened.
    """

    def __init__(
        self,
        model: LiveModel,
        prompt: str,
        *,
        sample_rate: int,
        channels: int = 1,
        fade_s: float = 0.05,
    ) -> None:
        """Raises ValueError for a rate below 2 kHz, or no channel, or more than 64, and what
        `LiveModel.read` raises."""
        if not 1 <= channels <= _MOST_CHANNELS:
            raise ValueError(f"channels must be 1 to {_MOST_CHANNELS}; got {channels}")
        hop = round(model.hop * sample_rate / SAMPLE_RATE)
        if hop < 16:
            raise ValueError(f"live remixing needs a rate of 2 kHz or more; got {sample_rate} Hz")
        self.sample_rate, self.channels = sample_rate, channels
        self.silenced = False
        self._model, self._transform = model, LowDelayTransform(hop)
        # At another rate frames are longer or shorter: so are their spectra louder or softer.
        self._scale = np.float32(model.hop / hop)
        self._power = power_scale(LowDelayTransform(model.hop).window)
        self._fade_frames = max(1, round(fade_s * sample_rate / hop))
        self.asked = self.read(prompt)
        """The prompt that it begins with."""
        self._filter = self.asked.filter
        self._next: Filter | None = None
        self._waiting: Filter | None = None
        self._faded = 0  # frames of the fade from `_filter` to `_next` that are done
        self._level = RunningLevel(model.level_frames)
        self._begin()
        self._input, self._output = Queue(channels), Queue(channels)
        self._input.put(np.zeros((channels, (FRAME_HOPS - 1) * hop), np.float32))
        self._output.put(np.zeros((channels, self.latency), np.float32))
        self._tail: Audio | None = None  # what the last frame gives to the block now complete

    @property
    def latency(self) -> int:
        """Samples between a sound's coming in and its going out."""
        return 2 * self._transform.hop - 1

    @property
    def latency_s(self) -> float:
        return self.latency / self.sample_rate

    def ask(self, prompt: str) -> None:
        """Remix by another prompt from the next frame on. Reading takes tens of milliseconds;
        where that is too long between two chunks, `read` elsewhere and `steer`. Raises as
        `LiveModel.read` does, and then changes nothing."""
        self.steer(self.read(prompt).filter)

    def read(self, prompt: str) -> LivePrompt:
        """See `LiveModel.read`."""
        return self._model.read(prompt)

    def steer(self, filter: Filter) -> None:
        """Remix by `filter` from the next frame on, or, while another change is being faded in,
        after that: the latest counts."""
        self._waiting = filter

    def push(self, chunk: Audio) -> Audio:
        """(channels, samples), none or more -> as many samples, `latency` late. Raises ValueError
        for other channels, and then has taken none of them."""
        if chunk.ndim != 2 or chunk.shape[0] != self.channels:
            raise ValueError(f"expected ({self.channels}, samples); got {chunk.shape}")
        samples = chunk.shape[1]
        if samples:
            sound = np.abs(chunk) <= _LOUDEST  # which NaN is not
            self.silenced = self.silenced or not sound.all()
            chunk = np.where(sound, chunk, np.float32(0))
            check_audio(chunk, self.sample_rate)
            self._input.put(chunk)
            self._advance()
        return np.ascontiguousarray(self._output.take(samples))

    def finish(self) -> Audio:
        """The last `latency` samples; nothing may be pushed after it."""
        return self.push(np.zeros((self.channels, self.latency), np.float32))

    def _begin(self) -> None:
        self._state = self._model.start(self.channels)
        self._heard = self._level.start(self.channels)

    def _advance(self) -> None:
        """All frames that are whole by now."""
        hop = self._transform.hop
        past = (FRAME_HOPS - 1) * hop
        while (ready := (len(self._input) - past) // hop) > 0:
            frames = min(ready, _MOST_FRAMES)
            wave = self._input.peek(past + frames * hop)
            self._input.take(frames * hop)
            spectrum = self._transform.analyse(wave)
            first, second = self._transform.synthesise(self._mask(spectrum) * spectrum)
            if not (np.isfinite(first).all() and np.isfinite(second).all()):
                first, second = (np.where(np.isfinite(one), one, 0) for one in (first, second))
                self._begin()
                self.silenced = True
            if self._tail is None:  # before the first block there is none
                blocks = second[:, :-1] + first[:, 1:]
            else:
                blocks = np.concatenate([self._tail, second[:, :-1]], 1) + first
            self._tail = second[:, -1:]
            self._output.put(blocks.reshape(self.channels, -1))

    def _mask(self, spectrum: NDArray[np.complex64]) -> Floats:
        """For frames (channels, bins, frames), faded from one filter to the next where a change is
        asked."""
        if self._next is None and self._waiting is not None:
            self._next, self._waiting, self._faded = self._waiting, None, 0
        filters = [self._filter] if self._next is None else [self._filter, self._next]
        parts = self._parts(spectrum, np.concatenate([one.asked for one in filters]))
        count = len(self._filter.gains)
        mask = _weighed(self._filter, parts[:, :count])
        if self._next is not None:
            frames = spectrum.shape[2]
            step = np.arange(self._faded + 1, self._faded + frames + 1) / self._fade_frames
            self._faded += frames
            share = np.minimum(step, 1).astype(np.float32)
            mask = mask + share * (_weighed(self._next, parts[:, count:]) - mask)
            if self._faded >= self._fade_frames:
                self._filter, self._next = self._next, None
        return mask

    def _parts(self, spectrum: NDArray[np.complex64], asked: Floats) -> Floats:
        """The share of each bin that fits each group of `asked`, (channels, groups, bins, frames),
        in the bins of this sample rate."""
        bins, highest = sum(self._model.band_bins), self._model.band_bins[-1]
        seen = self._scale * spectrum[:, :bins]
        seen = np.pad(seen, ((0, 0), (0, bins - seen.shape[1]), (0, 0)))
        energy = np.square(np.abs(seen)).sum(1, dtype=np.float64)
        level, self._heard = self._level.follow(energy * self._power, self._heard)
        seen = np.ascontiguousarray((seen / level[:, None]).astype(np.complex64))
        # The network listens also where nothing is asked of it.
        given = asked if len(asked) else np.zeros((1, asked.shape[1]), np.float32)
        parts, self._state = self._model.network(
            seen.view(np.float32).reshape(*seen.shape, 2), given, self._state
        )
        parts = parts[:, : len(asked)].swapaxes(2, 3)
        here = spectrum.shape[1]
        if here <= bins:
            return parts[:, :, :here]
        above = parts[:, :, -highest:].mean(2, keepdims=True)
        return np.concatenate([parts, above.repeat(here - bins, 2)], 2)


def _weighed(filter: Filter, parts: Floats) -> Floats:
    """h_m = u + sum_a (gain_a - u) m_a for parts m (channels, groups, bins, frames)."""
    mask = np.einsum("g,cgbf->cbf", filter.gains - np.float32(filter.rest), parts)
    found: Floats = mask + np.float32(filter.rest)
    return found


def load_live(weights: str = "lcr-live") -> LiveModel:
    """The shipped live model, or a checkpoint folder of one, by onnxruntime where it is exported
    (see `lcr.runtime`), else by torch. Raises MissingWeightsError, WeightsError or
    RuntimeChoiceError."""
    folder = find_checkpoint(weights)
    config = read_config(folder)
    if config.get("remixer", {}).get("kind") != "causal":
        raise WeightsError(f"{folder.name} hears what is to come; live needs lcr-live")
    try:
        return LiveModel(_network(folder), config, OpenReader.load())
    except (LookupError, TypeError, ValueError) as error:
        raise WeightsError(f"{folder} is damaged: {error}") from error


def _network(folder: Path) -> LiveNetwork:
    found = exported(folder)
    if found is None:
        from lcr.joint.torch_live import read_network

        return read_network(folder)
    # Frames are too small to share.
    return partial(_run, Graph(found / GRAPH, threads=1))


def _run(graph: Graph, spectrum: Floats, asked: Floats, state: Floats) -> tuple[Floats, Floats]:
    parts, after = graph({"spectrum": spectrum, "asked": asked, "state": state})
    return parts, after
