"""How a system failed decides its status, and what it did before is not lost."""

from __future__ import annotations

import numpy as np
import pytest

from baselines.mixture import MixtureRemixer
from experiments.comparison.answers import llm_cost
from experiments.comparison.environment import MemoryMeter
from experiments.comparison.systems import ReadySystem, run_batch
from lcr.data.mixtures import Example
from lcr.instruction import AudioDescription, instruction
from lcr.prompts.generator import write_prompt
from lcr.remixer import Audio, Oracle, RefusedError, Remix, Step

SPENT = (Step(name="llm_call", data={"llm_calls": 1, "tokens_in": 70, "tokens_out": 5}),)


class Failing(MixtureRemixer):
    def __init__(self, error: Exception) -> None:
        self.error = error

    def remix(
        self, mixture: Audio, sample_rate: int, prompt: str, *, oracle: Oracle | None = None
    ) -> Remix:
        raise self.error


class GaveUpWaitingError(TimeoutError):
    trace = SPENT


class DeclinedError(RefusedError):
    trace = SPENT


class OddError(Exception):
    trace = ("not", "steps")


def ready(error: Exception) -> ReadySystem:
    remixer = Failing(error)
    return ReadySystem(
        name="failing",
        remixer=remixer,
        card=remixer.card,
        config_digest="0" * 64,
        device="cpu",
        load_bytes=0,
    )


@pytest.mark.parametrize(
    ("error", "status", "tokens"),
    [
        (ValueError("no"), "error", 0),
        (OddError("no"), "error", 0),
        (RefusedError("not that"), "refused", 0),
        (DeclinedError("not that"), "refused", 70),
        (TimeoutError("slow"), "timeout", 0),
        (GaveUpWaitingError("slow"), "timeout", 70),
    ],
)
def test_status_and_cost_of_a_failure(error: Exception, status: str, tokens: int) -> None:
    (outcome,) = run_batch(ready(error), [example()], MemoryMeter("cpu"), timeout_s=0)
    assert (outcome.status, outcome.remix) == (status, None)
    assert outcome.error == {"type": type(error).__name__, "message": str(error)}
    assert llm_cost(outcome.trace)["tokens_in"] == tokens


def example() -> Example:
    told = instruction("01", (AudioDescription(label="rain"), AudioDescription(label="dog")))
    sources = np.ones((2, 8), np.float32)
    return Example(
        id="one",
        index=0,
        mixture=sources.sum(0),
        sources=sources,
        target=sources[1],
        instruction=told,
        prompt="remove the rain",
        written=write_prompt(told, np.random.default_rng(0)),
        sample_rate=8_000,
        clips=("a", "b"),
        groups=("a", "b"),
    )
