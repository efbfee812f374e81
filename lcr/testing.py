"""The conformance suite: what every Remixer must do, for anyone who writes one.

Needs numpy and the standard library only; every failure is an AssertionError in words.

    from lcr.testing import check_remixer
    def test_my_system():
        check_remixer(MyRemixer)

With pytest, parametrise over `CHECKS` and one `Subject` to see each rule on its own.
"""

from __future__ import annotations

import contextlib
import random
import re
import socket
import sys
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from lcr.errors import LcrError
from lcr.instruction import Task
from lcr.remixer import (
    Audio,
    BatchRemixer,
    Family,
    MissingOracleError,
    Oracle,
    OracleUse,
    Remixer,
    RemixRequest,
    Step,
    SystemCard,
)
from lcr.sample_case import PROMPT, Case, make_case, oracle_for

LENGTHS = (1, 2, 3, 255, 256, 257, 1000, 7999)
"""Samples at 16 kHz: single ones, around common hops, odd ones."""
_BATCH_TOLERANCE = 1e-3


class Subject:
    """The system under test: built on first use, then kept."""

    def __init__(self, factory: Callable[[], Remixer]) -> None:
        self.factory = factory

    @cached_property
    def remixer(self) -> Remixer:
        return self.factory()

    def run(self, case: Case, prompt: str = PROMPT) -> Audio:
        """Remix a case and hold the answer to the contract's shape, dtype and finiteness."""
        return run(self.remixer, case, prompt)


def run(remixer: Remixer, case: Case, prompt: str = PROMPT) -> Audio:
    """The remix's audio, after checking that it is finite float32 of the mixture's shape."""
    oracle = oracle_for(case, remixer.card)
    remix = remixer.remix(case.mixture, case.sample_rate, prompt, oracle=oracle)
    # Typed as the contract has it; a system under test may break that.
    audio: Any = remix.audio
    trace: Any = remix.trace
    given = case.mixture
    where = f"for {given.shape} at {case.sample_rate} Hz"
    _require(isinstance(audio, np.ndarray), f"audio is {type(audio).__name__}, not an array")
    _require(audio.shape == given.shape, f"audio has shape {audio.shape} {where}")
    _require(audio.dtype == np.float32, f"audio is {audio.dtype}, not float32, {where}")
    _require(bool(np.isfinite(audio).all()), f"audio holds NaN or infinite samples {where}")
    steps = isinstance(trace, tuple) and all(isinstance(step, Step) for step in trace)
    _require(steps, "trace is not a tuple of Step")
    return remix.audio


def card_is_well_formed(subject: Subject) -> None:
    card: Any = subject.remixer.card
    _require(isinstance(card, SystemCard), f"card is {type(card).__name__}, not SystemCard")
    named = re.fullmatch(r"[a-z0-9][a-z0-9._-]*", card.name) is not None
    _require(named, f"card.name {card.name!r} is not lower-case letters, digits and . _ -")
    _require(card.family in get_args(Family), f"card.family {card.family!r} is unknown")
    rate = card.sample_rate
    _require(rate is None or (isinstance(rate, int) and rate > 0), f"card.sample_rate is {rate!r}")
    some = card.tasks is None or (len(card.tasks) > 0 and card.tasks <= set(Task))
    _require(some, f"card.tasks is neither None nor some tasks: {card.tasks!r}")
    unknown = set(card.uses_oracle) - set(get_args(OracleUse))
    _require(isinstance(card.uses_oracle, frozenset), "card.uses_oracle is not a frozenset")
    _require(not unknown, f"card.uses_oracle holds {sorted(unknown)}")
    for weight, digest in card.weights.items():
        sound = re.fullmatch(r"[0-9a-f]{64}", digest) is not None
        _require(sound, f"card.weights[{weight!r}] is no sha256: {digest!r}")
    _require(subject.remixer.card == card, "card changes from one reading to the next")


def any_length(subject: Subject) -> None:
    for samples in LENGTHS:
        subject.run(make_case(samples))


def mono_and_stereo(subject: Subject) -> None:
    for channels in (1, 2):
        subject.run(make_case(8000, channels=channels))
    subject.run(make_case(1, channels=2))


def common_sample_rates(subject: Subject) -> None:
    for sample_rate in (8_000, 16_000, 44_100):
        subject.run(make_case(sample_rate // 2 + 1, channels=2, sample_rate=sample_rate))


def input_is_left_alone(subject: Subject) -> None:
    case = make_case(8000, channels=2)
    kept = case.mixture.copy()
    expected = subject.run(case)
    _require(np.array_equal(case.mixture, kept), "remix changed its read-only input")
    # The same samples stored frame by frame, as files come.
    framed = np.asfortranarray(case.mixture)
    framed.flags.writeable = False
    other = subject.run(Case(mixture=framed, sample_rate=16_000, oracle=case.oracle))
    _require(_same(other, expected), "the memory layout of the input changes the answer")


def repeatable(subject: Subject) -> None:
    case, other = make_case(8000), make_case(5000, channels=2)
    first = subject.run(case).copy()
    subject.run(other, "Keep only the rain.")
    _require(np.array_equal(subject.run(case), first), "an earlier call changes a later answer")
    with _global_randomness_moved():
        again = run(subject.factory(), case)
    _require(_same(again, first), "a second instance, or another global seed, answers otherwise")


def global_randomness_is_left_alone(subject: Subject) -> None:
    case = make_case(4000)
    subject.run(case)
    before = _random_states()
    subject.run(case)
    _require(_random_states() == before, "remix draws from a global random generator")


def silence_gives_finite_audio(subject: Subject) -> None:
    for samples in (1, 8000):
        case = make_case(samples)
        silence = np.zeros_like(case.mixture)
        sources = np.zeros((2, *silence.shape), dtype=np.float32)
        oracle = Oracle(instruction=case.oracle.instruction, sources=sources, target=silence)
        subject.run(Case(mixture=silence, sample_rate=16_000, oracle=oracle))


def empty_prompt_is_answered_or_refused(subject: Subject) -> None:
    subject.run(make_case(4000))  # so that no other failure passes for a refusal
    for prompt in ("", "  \n"):
        try:
            subject.run(make_case(4000), prompt)
        except (ValueError, LcrError) as refusal:
            _require(bool(str(refusal)), "an empty prompt is refused without a word why")


def oracle_is_asked_for_by_name(subject: Subject) -> None:
    case, card = make_case(4000), subject.remixer.card
    if not card.uses_oracle:
        return
    try:
        subject.remixer.remix(case.mixture, case.sample_rate, PROMPT, oracle=None)
    except MissingOracleError:
        return
    _require(False, "without the truth its card names it must raise MissingOracleError")


def batches_agree(subject: Subject) -> None:
    remixer = subject.remixer
    if not isinstance(remixer, BatchRemixer):
        return
    cases = (make_case(8000), make_case(8000), make_case(3001, channels=2))
    prompts = (PROMPT, "Keep only the rain.", PROMPT)
    requests = [
        RemixRequest(
            mixture=case.mixture,
            sample_rate=case.sample_rate,
            prompt=prompt,
            oracle=oracle_for(case, remixer.card),
        )
        for case, prompt in zip(cases, prompts, strict=True)
    ]
    answers = remixer.remix_many(requests)
    _require(len(answers) == len(cases), f"{len(answers)} answers to {len(cases)} requests")
    for case, prompt, answer in zip(cases, prompts, answers, strict=True):
        alone = subject.run(case, prompt)
        _require(answer.audio.shape == alone.shape, f"batched shape {answer.audio.shape}")
        close = np.allclose(answer.audio, alone, rtol=0, atol=_BATCH_TOLERANCE)
        _require(bool(close), "remix_many and remix answer differently")


def no_network(subject: Subject) -> None:
    """Neither building nor running may look a name up or connect (seen from Python)."""
    with _network_watched() as attempts:
        run(subject.factory(), make_case(4000))
    _require(not attempts, f"the system used the network: {', '.join(attempts)}")


CHECKS: dict[str, Callable[[Subject], None]] = {
    check.__name__: check
    for check in (
        card_is_well_formed,
        any_length,
        mono_and_stereo,
        common_sample_rates,
        input_is_left_alone,
        repeatable,
        global_randomness_is_left_alone,
        silence_gives_finite_audio,
        empty_prompt_is_answered_or_refused,
        oracle_is_asked_for_by_name,
        batches_agree,
        no_network,
    )
}
"""Name -> check; each takes a Subject and raises AssertionError."""


def check_remixer(factory: Callable[[], Remixer]) -> None:
    """Run every check on the system that `factory` builds. Raises AssertionError naming one."""
    subject = Subject(factory)
    for name, check in CHECKS.items():
        try:
            check(subject)
        except AssertionError as failure:
            raise AssertionError(f"{name}: {failure}") from failure


def _require(truth: bool, otherwise: str) -> None:
    if not truth:
        raise AssertionError(otherwise)


def _same(a: NDArray[np.float32], b: NDArray[np.float32]) -> bool:
    return bool(np.allclose(a, b, rtol=0, atol=1e-6))


def _random_states() -> list[str]:
    states = [repr(random.getstate()), repr(np.random.get_state(legacy=False))]
    if "torch" in sys.modules:
        states.append(str(sys.modules["torch"].get_rng_state().numpy().tobytes()))
    return states


@contextlib.contextmanager
def _global_randomness_moved() -> Iterator[None]:
    """Advance every global generator; put them back afterwards."""
    python, numpy_state = random.getstate(), np.random.get_state()
    torch = sys.modules.get("torch")
    torch_state = torch.get_rng_state() if torch is not None else None
    try:
        random.random()
        np.random.random()
        if torch is not None:
            torch.rand(())
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy_state)
        if torch is not None:
            torch.set_rng_state(torch_state)


@contextlib.contextmanager
def _network_watched() -> Iterator[list[str]]:
    """Refuse and list every look-up of a name and every connection."""
    attempts: list[str] = []
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: object) -> None:
        attempts.append(f"connect to {address!r}")
        raise OSError("the conformance suite allows no network")

    def guarded_look_up(host: object, *args: object, **kwargs: object) -> list[object]:
        attempts.append(f"look-up of {host!r}")
        raise socket.gaierror("the conformance suite allows no network")

    patched: Any = socket
    patched.socket.connect, patched.getaddrinfo = guarded_connect, guarded_look_up
    try:
        yield attempts
    finally:
        patched.socket.connect, patched.getaddrinfo = connect, look_up
