"""Mixtures of described sources with their target and prompt, by random access (sections III, V-A).

A mixture is n speech + m audio sources whose levels differ by up to +-3 dB. Two rules go beyond
the paper because a nearly silent source makes a task meaningless (its input SNR is 40 dB and any
output a loss): crops are chosen so that every source is active for a stated share of the clip,
and levels are set on the active part.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from lcr.data.bank import SAMPLE_RATE, Bank, Entry, Split, Waveform
from lcr.data.style_pairs import MULTIPLE, style_pair
from lcr.errors import LcrError
from lcr.instruction import (
    STYLE_ATTRIBUTES,
    Action,
    AudioDescription,
    Instruction,
    Kind,
    Task,
    parse_pattern,
    patterns_by_task,
    tell_apart,
)
from lcr.prompts.generator import Prompt, write_prompt

_FRAME = SAMPLE_RATE // 50  # 20 ms, the usual length for level statistics
_FLOOR = 1e-6  # mean square of -60 dBFS: below it a frame is silence whatever surrounds it
_DRAWS = 300
_ONE_SOUND = (Task.TAR.value, Task.TA_UP.value, Task.TA_DOWN.value)
_MOST_SOURCES = 8
_RANGES = (
    ("duration_s", 0.2, 3600.0),
    ("level_db", 0.0, 100.0),
    ("reference_level_db", -200.0, 100.0),
    ("active_range_db", 0.0, 200.0),
)

WORDINGS = 5
"""Of the instruction of a mixture that is heard again, as in section V."""

GIVEN = "given"
"""The form of prompts whose structure is not known."""


@dataclass(frozen=True, kw_only=True)
class MixtureConfig:
    """How mixtures are drawn; identity of a suite together with its bank and seed.

    A frame of 20 ms is active when its level is within `active_range_db` of the source's 95th
    percentile frame level. Sources whose best crop is active for less than `min_active` of the
    clip are repeated with pauses until they are not.
    """

    n_speech: int = 2
    n_audio: int = 2
    duration_s: float = 5.0
    level_db: float = 3.0
    reference_level_db: float = -28.0
    """RMS of the active part of a source at 0 dB, re full scale."""
    min_active: float = 0.4
    active_range_db: float = 30.0
    differ_in: str = ""
    """A style attribute: two speakers that differ in it and in no other; "multiple": in several;
    "": in any (Table IV)."""
    tasks: tuple[str, ...] = ()
    """Only these of the tasks that the mixture allows; () for all."""
    absent: bool = False
    """What a prompt changes is not there: that source is silent, and the target the mixture. Of the
    tasks only those that change one sound (TAR, TA↑, TA↓)."""

    def __post_init__(self) -> None:
        if self.n_speech < 0 or self.n_audio < 0 or self.n_speech + self.n_audio < 2:
            raise LcrError("a mixture needs at least two sources: n_speech + n_audio >= 2")
        if self.n_speech + self.n_audio > _MOST_SOURCES:
            raise LcrError(f"a mixture has at most {_MOST_SOURCES} sources")
        for name, low, high in _RANGES:
            if not low <= getattr(self, name) <= high:
                raise LcrError(
                    f"{name} must be from {low:g} to {high:g}; got {getattr(self, name)}"
                )
        if not 0 < self.min_active < 1:
            raise LcrError(f"min_active must lie between 0 and 1; got {self.min_active}")
        if self.differ_in not in ("", MULTIPLE, *STYLE_ATTRIBUTES):
            known = ", ".join((*STYLE_ATTRIBUTES, MULTIPLE))
            raise LcrError(f"differ_in must be empty or one of {known}; got {self.differ_in!r}")
        if self.differ_in and self.n_speech != 2:
            raise LcrError(f"differ_in is about two speakers; got n_speech = {self.n_speech}")
        if self.absent and self.n_audio < 2:
            raise LcrError(f"an absent sound needs another beside it; got n_audio = {self.n_audio}")
        if unknown := set(self.tasks) - set(self.allowed):
            raise LcrError(f"no tasks {', '.join(sorted(unknown))} in such mixtures")

    @property
    def allowed(self) -> dict[str, tuple[str, ...]]:
        """By task, the patterns of actions that mixtures of this config can have."""
        found = {t.value: ps for t, ps in patterns_by_task(self.n_speech, self.n_audio).items()}
        return {t: found[t] for t in _ONE_SOUND if t in found} if self.absent else found

    @property
    def samples(self) -> int:
        return round(self.duration_s * SAMPLE_RATE)

    @property
    def identity(self) -> str:
        """What goes into digests: options newer than the first records only where they are set."""
        values = asdict(self)
        for name in ("differ_in", "tasks", "absent"):
            if not values[name]:
                del values[name]
        return str(sorted(values.items()))


@dataclass(frozen=True, kw_only=True)
class Example:
    """One mixture with its truth. Arrays are float32 at `sample_rate`, a signal (samples,) or
    (channels, samples); `sources` is (n, …) as mixed, so that `mixture == sources.sum(0)` and
    `target == gains @ sources`."""

    id: str
    index: int
    mixture: NDArray[np.float32]
    sources: NDArray[np.float32]
    target: NDArray[np.float32]
    instruction: Instruction
    prompt: str
    written: Prompt
    """The prompt with the structure it was written from; of form `GIVEN`, with none, where people
    or GPT wrote it."""
    sample_rate: int
    clips: tuple[str, ...]
    groups: tuple[str, ...]

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of what makes it the example it is: sources, target and prompt."""
        digest = hashlib.sha256(self.sources.tobytes())
        digest.update(self.target.tobytes())
        digest.update(self.prompt.encode())
        return digest.hexdigest()


def active_frames(waveform: Waveform, range_db: float) -> NDArray[np.bool_]:
    """(samples // 320,) True where a 20 ms frame is active; all False for silence."""
    count = len(waveform) // _FRAME
    if count == 0:
        return np.zeros(0, dtype=bool)
    frames = waveform[: count * _FRAME].reshape(count, _FRAME)
    power = np.einsum("ij,ij->i", frames, frames, dtype=np.float64) / _FRAME
    loud = np.percentile(power, 95)
    # Events shorter than 5 % of a long clip would vanish from the percentile.
    loud = max(loud, power.max() / 10)
    active: NDArray[np.bool_] = power > max(loud * 10 ** (-range_db / 10), _FLOOR)
    return active


def place(
    waveform: Waveform, samples: int, rng: np.random.Generator, config: MixtureConfig
) -> Waveform:
    """Crop or pad to (samples,) so that the source is active for `min_active` of it.

    A longer clip is cropped at a random place among those active enough; a shorter one starts at
    a random place (partial overlap). A clip that cannot reach the share has its pauses shortened
    and is repeated. Raises LcrError when nothing in it is audible.
    """
    need = config.min_active * samples / _FRAME
    wave = _level_floor(waveform)
    active = active_frames(wave, config.active_range_db)
    if not active.any():
        raise LcrError("a source holds no audible sound; remove it from the bank")
    length = len(wave)
    total = np.concatenate([[0], np.cumsum(active)])
    if length > samples:
        span = -(-samples // _FRAME)  # whole frames that cover the crop
        counts = total[span:] - total[:-span]
        good = np.flatnonzero(counts >= need)
        if len(good):
            start = int(rng.choice(good)) * _FRAME
            return wave[start : start + samples]
    elif active.sum() >= need:
        out = np.zeros(samples, dtype=np.float32)
        start = int(rng.integers(samples - length + 1))
        out[start : start + length] = wave
        return out
    return _repeat(wave, active, samples, rng, config)


def _level_floor(wave: Waveform) -> Waveform:
    """Banks differ in level; judging activity needs the peak near full scale."""
    peak = float(np.abs(wave).max(initial=0.0))
    return (wave / peak).astype(np.float32) if peak > 0 else wave


def _repeat(
    wave: Waveform,
    active: NDArray[np.bool_],
    samples: int,
    rng: np.random.Generator,
    config: MixtureConfig,
) -> Waveform:
    """The active stretches of a clip, pauses cut short, again and again with pauses between."""
    share = config.min_active
    # As much of the quiet around each sound as the share allows: 40 ms, 20 ms or none.
    for margin in (2, 1, 0):
        # Not mode="same", which gives more than came in for clips shorter than the kernel.
        near = np.convolve(active, np.ones(2 * margin + 1))[margin : margin + len(active)]
        kept = near > 0
        density = active.sum() / kept.sum()
        if density >= share:
            break
    event = wave[: len(active) * _FRAME].reshape(-1, _FRAME)[kept].ravel()
    # Fades lie in the quiet margin, or a click at the very edge of an event would be lost: where
    # the clip itself begins or ends in sound there is none, and no fade.
    fade = margin * _FRAME // 2
    ramp = np.linspace(0, 1, fade, dtype=np.float32)
    first, last = np.flatnonzero(kept)[[0, -1]]
    if not active[first]:
        event[:fade] *= ramp
    if not active[last]:
        event[len(event) - fade :] *= ramp[::-1]
    # Whole frames, so that what was one active frame never becomes a part of one or of two.
    longest = min(15, int(kept.sum() * (density / share - 1)))
    sounding = np.repeat(active[kept], _FRAME)
    while True:
        out, heard = np.zeros(samples, dtype=np.float32), 0
        at = _FRAME * int(rng.integers(longest + 1))
        while at < samples:
            stop = min(samples, at + len(event))
            out[at:stop] = event[: stop - at]
            heard += int(sounding[: stop - at].sum())
            at = stop + _FRAME * int(rng.integers(longest + 1))
        # Pauses that are right on average can still crowd out sound in one short mixture.
        if heard >= share * samples or longest == 0:
            return out
        longest //= 2


def set_level(wave: Waveform, level_db: float, config: MixtureConfig) -> Waveform:
    """Scale so that the RMS over active frames is `level_db` re the reference level."""
    active = active_frames(wave, config.active_range_db)
    frames = wave[: len(active) * _FRAME].reshape(-1, _FRAME)[active]
    if frames.size == 0:
        raise LcrError("a source holds no audible sound; remove it from the bank")
    rms = float(np.sqrt(np.mean(np.square(frames, dtype=np.float64))))
    gain = 10 ** ((config.reference_level_db + level_db) / 20) / rms
    return (wave * np.float32(gain)).astype(np.float32)


def draw_entries(
    pool: Mapping[Kind, Sequence[Sequence[Entry]]], config: MixtureConfig, rng: np.random.Generator
) -> tuple[Entry, ...]:
    """Speech then audio entries, every two of which words can tell apart.

    `pool` maps a kind to groups of entries drawn evenly (a class of sounds; one group for speech).
    """
    chosen = style_pair(pool["speech"], config.differ_in, rng) if config.differ_in else []
    counts: dict[Kind, int] = {"speech": config.n_speech, "audio": config.n_audio}
    counts["speech"] -= len(chosen)
    for kind in (k for k, n in counts.items() for _ in range(n)):
        groups = pool[kind]
        for _ in range(_DRAWS):
            group = groups[int(rng.integers(len(groups)))]
            entry = group[int(rng.integers(len(group)))]
            if all(tell_apart(entry.description, e.description) for e in chosen):
                chosen.append(entry)
                break
        else:
            raise LcrError(
                f"no {kind} source in {_DRAWS} draws can be told from the others by its "
                "description; the bank needs more varied descriptions"
            )
    return tuple(chosen)


def entry_pool(bank: Bank, split: Split, config: MixtureConfig) -> dict[Kind, list[list[Entry]]]:
    """Group the entries of a split by what is drawn evenly, for `draw_entries`: all speech is one
    group, each class of sounds is another. Raises LcrError for a split with too few."""
    speech: list[Entry] = []
    by_label: dict[str, list[Entry]] = {}
    for entry in bank.entries(split):
        if isinstance(entry.description, AudioDescription):
            by_label.setdefault(entry.description.label, []).append(entry)
        elif entry.description.known:
            speech.append(entry)
    if len(speech) < config.n_speech or len(by_label) < config.n_audio:
        raise LcrError(
            f"bank {bank.name!r} has {len(speech)} described speech clips and {len(by_label)} "
            f"classes of sounds in split {split!r}; mixtures of {config.n_speech} speech + "
            f"{config.n_audio} audio sources need more"
        )
    return {"speech": [speech], "audio": list(by_label.values())}


@dataclass(frozen=True)
class Drawn:
    """A mixture before it has sound: its instruction, its sources, and by how many dB the level of
    each differs from the reference."""

    instruction: Instruction
    entries: tuple[Entry, ...]
    levels_db: tuple[float, ...]


class MixtureSet:
    """Endless examples of one bank and split, the same for (name, seed, index) in any process.

    Tasks are drawn evenly: example i has task i modulo the number of tasks (16 for 2 + 2).
    """

    def __init__(
        self, bank: Bank, *, split: Split, config: MixtureConfig, seed: int, name: str
    ) -> None:
        self.bank, self.split, self.config, self.seed, self.name = bank, split, config, seed, name
        self._pool = entry_pool(bank, split, config)
        self._tasks = tuple(
            patterns
            for task, patterns in config.allowed.items()
            if not config.tasks or task in config.tasks
        )

    @cached_property
    def digest(self) -> str:
        """sha256 hex of what determines the examples; a bank of files is read whole for it."""
        parts = (self.bank.digest, self.split, self.config.identity, str(self.seed), self.name)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    @property
    def n_tasks(self) -> int:
        return len(self._tasks)

    def rng(self, index: int) -> np.random.Generator:
        """The generator all draws of example `index` >= 0 come from."""
        if index < 0:
            raise IndexError(f"example index must be >= 0; got {index}")
        word = int.from_bytes(hashlib.sha256(self.name.encode()).digest()[:8], "little")
        return np.random.default_rng(np.random.SeedSequence([word, self.seed, index]))

    def draw(self, index: int, rng: np.random.Generator) -> Drawn:
        """What example `index` is made of, by `rng(index)`."""
        patterns, config = self._tasks[index % len(self._tasks)], self.config
        pattern = patterns[int(rng.integers(len(patterns)))]
        entries = draw_entries(self._pool, config, rng)
        levels = rng.uniform(-config.level_db, config.level_db, size=len(entries))
        instruction = Instruction(parse_pattern(pattern), tuple(e.description for e in entries))
        return Drawn(instruction, entries, tuple(levels.tolist()))

    def example(self, index: int) -> Example:
        """Example `index` >= 0. Raises AudioFileError when a clip cannot be read."""
        rng = self.rng(index)
        drawn = self.draw(index, rng)
        instruction, entries = drawn.instruction, drawn.entries
        sources = np.stack(
            [self._source(e, db, rng) for e, db in zip(entries, drawn.levels_db, strict=True)]
        )
        if self.config.absent:
            sources[[action is not Action.KEEP for action in instruction.actions]] = 0
        mixture = sources.sum(0)
        written = write_prompt(instruction, rng)
        target = (np.array(instruction.gains, dtype=np.float32)[:, None] * sources).sum(0)
        return Example(
            id=f"{self.name}-{self.seed}-{index:05d}",
            index=index,
            mixture=mixture,
            sources=sources,
            target=target,
            instruction=instruction,
            prompt=written.text,
            written=written,
            sample_rate=SAMPLE_RATE,
            clips=tuple(e.id for e in entries),
            groups=tuple(e.group for e in entries),
        )

    def _source(
        self, entry: Entry, level_db: float, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        wave = self.bank.load(entry)
        try:
            return set_level(
                place(wave, self.config.samples, rng, self.config), level_db, self.config
            )
        except LcrError as error:
            raise LcrError(f"{entry.id}: {error}") from error
