"""Checkpoint folders: found, read, written, checked."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest
import torch
from torch import nn

from lcr.base_weights import MissingWeightsError
from lcr.checkpoints import (
    CONFIG_FILE,
    WEIGHTS_FILE,
    Checkpoint,
    WeightsError,
    find_checkpoint,
    load_tensors,
    must_be,
    must_fit,
    no_larger_than,
    read_state,
    states_of,
    write_checkpoint,
)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    module = nn.Linear(3, 2)
    write_checkpoint(tmp_path / "one", states_of(part=module), {"table": {"a": 1}, "line": 2})
    found = Checkpoint.read(tmp_path / "one")
    assert found.section("table", "model") == {"a": 1}
    assert found.weights() == {"one": found.sha256}
    other = nn.Linear(3, 2)
    load_tensors(other, found.tensors, "part.")
    assert torch.equal(other.weight, module.weight)
    for name in ("line", "nothing"):
        with pytest.raises(WeightsError, match="is no model"):
            found.section(name, "model")


def test_missing_and_broken_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingWeightsError):
        Checkpoint.read(tmp_path)
    write_checkpoint(tmp_path, {"a": torch.ones(2)}, {})
    (tmp_path / WEIGHTS_FILE).write_bytes(b"cut short")
    for read in (Checkpoint.read, lambda folder: read_state(folder / WEIGHTS_FILE)):
        with pytest.raises(WeightsError):
            read(tmp_path)


def test_absurd_sizes_are_refused_before_memory_is_spent(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, {"a": torch.ones(2)}, {"net": {"layers": [3, 2_000_000]}})
    with pytest.raises(WeightsError, match=r"net\.layers\.1 is 2000000"):
        Checkpoint.read(tmp_path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    state = states_of(part=nn.Linear(3, 2))
    for build in (
        lambda: nn.Linear(30_000, 30_000),
        lambda: nn.Sequential(*(nn.Linear(1, 1) for _ in range(10**9))),
    ):
        with pytest.raises((ValueError, RuntimeError)), no_larger_than(state):
            build()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 200_000  # kilobytes, where 4 GB were asked for
    with no_larger_than(state):
        nn.Linear(3, 2)
    nn.Linear(30, 20)


@pytest.mark.parametrize("config", ["[]", "3", '"text"', "{", "\xff"])
def test_a_config_that_is_no_table_is_refused(tmp_path: Path, config: str) -> None:
    write_checkpoint(tmp_path, {"a": torch.ones(2)}, {})
    (tmp_path / CONFIG_FILE).write_bytes(config.encode("latin-1"))
    with pytest.raises(WeightsError):
        Checkpoint.read(tmp_path)


def test_tensors_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    state = states_of(part=nn.Linear(3, 2))
    with pytest.raises(ValueError, match="1 tensors are missing"):
        load_tensors(nn.Linear(3, 2, bias=False), state, "part.")
    with pytest.raises(WeightsError), must_fit(tmp_path):
        load_tensors(nn.Linear(4, 2), state, "part.")
    with pytest.raises(WeightsError), must_fit(tmp_path):
        raise KeyError("size")


def test_what_ships_comes_before_a_folder_of_the_same_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for path in ("shipped/a", "a", "b"):
        Path(path).mkdir(parents=True)
    assert find_checkpoint("a", Path("shipped")) == Path("shipped/a")
    assert find_checkpoint("b", Path("shipped")) == Path("b")


def test_other_weights_than_expected_are_refused() -> None:
    must_be("1f", "1f", "the ears")
    must_be("1f", None, "the ears")
    with pytest.raises(WeightsError):
        must_be("1f", "2e", "the ears")
