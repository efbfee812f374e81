"""Where the figures of an analysis come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from experiments.comparison.environment import code_state, environment
from experiments.comparison.examples import Examples
from experiments.comparison.suite import SuiteConfig
from lcr.catalogue.machine import cpu_model


def facts_of(
    config: SuiteConfig, examples: Examples, weights: Mapping[str, str], *, device: str = "cpu"
) -> dict[str, Any]:
    """Say which data, weights, code and machine figures come from, as JSON values."""
    return {
        "suite": config.name,
        "split": config.split,
        "seed": config.seed,
        "n_examples": len(examples.indices),
        "data_digest": examples.digest,
        "weights": dict(sorted(weights.items())),
        "code": code_state(),
        "env": environment(device),
        "cpu": cpu_model(),
    }
