"""Every registered Remixer passes every check; the suite itself catches what it must catch."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from _pytest.mark import ParameterSet

from baselines.mixture import MixtureRemixer
from lcr.errors import LcrError
from lcr.instruction import Task
from lcr.registry import BrokenSystemError, available, create
from lcr.remixer import Audio, Oracle, OracleUse, Remix, RemixRequest
from lcr.sample_case import make_case, oracle_for
from lcr.testing import CHECKS, Subject, check_remixer

BUILT_IN = {"mixture", "ideal-ratio-mask", "ideal-binary-mask", "lcr"}
QUICK = {"mixture", "ideal-ratio-mask", "ideal-binary-mask"}
"""They have no weights."""
SIBLINGS = {
    "lcr-g-small-budget": "lcr-g",
    "lcr-c": "lcr-t",
    "lcr-m": "lcr-t",
    "clap-cascade": "cascade",
    "pit": "cascade",
    "pit-convtasnet": "cascade",
    "lass-audio": "lass-speech",
    "agent-generative": "agent-offline",
    "agent-oracle-plan": "agent-offline",
}
"""Systems of one class with others: those pass every check in every run of the tests, these pass
BRIEF, and the rest in `make test-all`."""
BRIEF = {"card_is_well_formed", "mono_and_stereo", "oracle_is_asked_for_by_name", "batches_agree"}


def test_the_built_in_systems_are_registered() -> None:
    assert {system.name for system in available()} >= BUILT_IN


OWN_PACKAGES = {"lcr", "baselines", "agents", "experiments"}


@cache
def _subject(name: str) -> Subject:
    """The system under test; skips where an optional package or its weights are not there."""
    subject = Subject(lambda: create(name))
    try:
        assert subject.remixer
    except BrokenSystemError as error:
        cause = error.__cause__
        if not isinstance(cause, ModuleNotFoundError) or cause.name is None:
            raise
        if cause.name.partition(".")[0] in OWN_PACKAGES:
            raise
        pytest.skip(str(error))
    except LcrError as error:
        # By name: their modules need torch and langchain, which need not be installed here.
        if type(error).__name__ not in (
            "MissingWeightsError",
            "MissingModelError",
            "MissingPeerError",
        ):
            raise
        pytest.skip(f"{name}: {error}")
    return subject


def _marked(name: str, check: str) -> ParameterSet:
    """A system and a check, with the mark of what they cost."""
    if name in SIBLINGS and check not in BRIEF:
        marks: tuple[pytest.MarkDecorator, ...] = (pytest.mark.rehearsal,)
    else:
        marks = () if name in QUICK else (pytest.mark.slow,)
    return pytest.param(name, check, marks=marks)


@pytest.mark.parametrize(
    ("name", "check"), [_marked(system.name, check) for system in available() for check in CHECKS]
)
def test_registered_system(name: str, check: str) -> None:
    CHECKS[check](_subject(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", [system.name for system in available()])
def test_card_carries_the_registered_name(name: str) -> None:
    assert _subject(name).remixer.card.name == name


@pytest.mark.rehearsal
@pytest.mark.parametrize("name", SIBLINGS)
def test_a_sibling_is_of_the_class_that_stands_for_it(name: str) -> None:
    assert type(_subject(name).remixer) is type(_subject(SIBLINGS[name]).remixer)


class Faulty(MixtureRemixer):
    """The no-op with one fault, to see that the suite finds it."""

    def __init__(self, fault: Callable[[Audio, int, str], Audio]) -> None:
        self._fault = fault

    def remix(
        self, mixture: Audio, sample_rate: int, prompt: str, *, oracle: Oracle | None = None
    ) -> Remix:
        return Remix(audio=self._fault(mixture, sample_rate, prompt))


def _in_place(mixture: Audio) -> Audio:
    mixture *= np.float32(0.5)
    return mixture


def _normalised(mixture: Audio) -> Audio:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(mixture / np.abs(mixture).max())


def _look_up(mixture: Audio) -> Audio:
    try:
        socket.getaddrinfo("example.org", 443)
    except OSError:
        return mixture
    return mixture


_FAULTS: dict[str, tuple[str, Callable[[Audio, int, str], Audio]]] = {
    "truncates": ("any_length", lambda x, rate, prompt: x[:, : x.shape[1] // 4 * 4]),
    "mono only": ("mono_and_stereo", lambda x, rate, prompt: x[:1]),
    "wrong rate": ("common_sample_rates", lambda x, rate, prompt: x[:, : 16_000 * 8 // 16]),
    "double precision": ("any_length", lambda x, rate, prompt: x.astype(np.float64)),
    "in place": ("input_is_left_alone", lambda x, rate, prompt: _in_place(x)),
    "ignores strides": (
        "input_is_left_alone",
        lambda x, rate, prompt: x.ravel(order="K").reshape(x.shape),
    ),
    "global numpy": ("repeatable", lambda x, rate, prompt: x + np.float32(np.random.random())),
    "global python": (
        "global_randomness_is_left_alone",
        lambda x, rate, prompt: x * np.float32(random.random() < 2),
    ),
    "normalises": ("silence_gives_finite_audio", lambda x, rate, prompt: _normalised(x)),
    "no words": ("empty_prompt_is_answered_or_refused", lambda x, rate, prompt: x * len(prompt[0])),
    "network": ("no_network", lambda x, rate, prompt: _look_up(x)),
}


@pytest.mark.parametrize("fault", _FAULTS)
def test_the_suite_finds_the_fault(fault: str) -> None:
    check, behaviour = _FAULTS[fault]
    with pytest.raises((AssertionError, ValueError, IndexError)):
        CHECKS[check](Subject(lambda: Faulty(behaviour)))


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Two Words"},
        {"family": "other"},
        {"sample_rate": 0},
        {"uses_oracle": frozenset({"everything"})},
        {"weights": {"a": "not a digest"}},
        {"tasks": frozenset()},
        {"tasks": frozenset({"SE"})},
    ],
)
def test_the_suite_finds_a_bad_card(change: dict[str, object]) -> None:
    remixer = MixtureRemixer()
    remixer.card = replace(remixer.card, **change)  # type: ignore[arg-type]
    with pytest.raises(AssertionError, match="card_is_well_formed"):
        check_remixer(lambda: remixer)


@pytest.mark.parametrize("task", Task)
def test_a_system_of_one_task_is_asked_for_it(task: Task) -> None:
    uses: frozenset[OracleUse] = frozenset({"instruction", "sources", "target"})
    card = replace(MixtureRemixer().card, tasks=frozenset({task}), uses_oracle=uses)
    case = make_case(1000, channels=2)
    oracle = oracle_for(case, card)
    assert oracle is not None
    assert oracle.instruction is not None
    assert oracle.sources is not None
    assert oracle.target is not None
    assert oracle.instruction.task is task
    np.testing.assert_allclose(oracle.sources.sum(0), case.mixture, atol=1e-6)
    target = np.tensordot(oracle.instruction.gains, oracle.sources, axes=1)
    np.testing.assert_allclose(oracle.target, target, atol=1e-6)
    assert oracle_for(case, MixtureRemixer().card) is None


def test_the_suite_finds_an_oracle_system_that_runs_without_truth() -> None:
    remixer = MixtureRemixer()
    remixer.card = replace(remixer.card, uses_oracle=frozenset({"target"}))
    with pytest.raises(AssertionError, match="oracle_is_asked_for_by_name"):
        check_remixer(lambda: remixer)


def test_the_suite_finds_batches_that_disagree() -> None:
    class Batching(MixtureRemixer):
        def remix_many(self, requests: list[RemixRequest]) -> list[Remix]:
            return [Remix(audio=r.mixture[::-1] * np.float32(0.9)) for r in requests]

    with pytest.raises(AssertionError, match="batches_agree"):
        check_remixer(Batching)
