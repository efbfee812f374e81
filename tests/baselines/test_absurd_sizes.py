"""Checkpoints whose config.json tells of sizes that no weights of theirs have: refused by every
reader, before memory is spent."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from baselines.clap.checkpoint import load_clap
from baselines.lass.remixer import load_lass
from baselines.llm_tse.remixer import load_llm_tse
from baselines.pit.separation import load_separator
from baselines.shipped import find_weights
from lcr.checkpoints import CONFIG_FILE, WEIGHTS, WeightsError
from lcr.joint.load import load_any
from lcr.nn.reader.tagger import load_tagger

resource = pytest.importorskip("resource", reason="memory is not told here")

MANY = 1_000_000
"""As a width: some hundred gigabytes or more. The largest size that is not refused by itself."""
CASES: list[tuple[Callable[[Path], Any], Path, str]] = [
    (load_tagger, WEIGHTS / "open-reader", "tagger.lora_rank"),
    (load_any, WEIGHTS / "lcr-g", "reader.lora.rank"),
    (load_any, WEIGHTS / "lcr-g", "remixer.channels"),
    (load_any, WEIGHTS / "lcr-q", "style_hidden"),
    (load_any, WEIGHTS / "lcr-q", "remixer.channels"),
    (load_clap, find_weights("clap-audio"), "clap.towers.width"),
    (load_clap, find_weights("clap-audio"), "clap.towers.features.n_fft"),
    (load_clap, find_weights("clap-speech"), "clap.towers.channels"),
    (load_separator, find_weights("separator"), "separator.mask_hidden"),
    (load_lass, find_weights("lass-audio"), "lass.extractor.channels"),
    (load_llm_tse, find_weights("llm-tse"), "llm-tse.clues.channels"),
    (load_llm_tse, find_weights("llm-tse"), "llm-tse.reader.lora.rank"),
]


@pytest.mark.parametrize(("load", "folder", "key"), CASES, ids=[case[2] for case in CASES])
def test_absurd_sizes_are_refused_before_memory_is_spent(
    load: Callable[[Path], Any], folder: Path, key: str, tmp_path: Path
) -> None:
    if not (folder / CONFIG_FILE).is_file():
        pytest.skip(f"{folder.name} is not here")
    copy = tmp_path / folder.name
    shutil.copytree(folder, copy)
    config = json.loads((copy / CONFIG_FILE).read_text())
    *path, last = key.split(".")
    table = config
    for name in path:
        table = table[name]
    assert isinstance(table[last], int)
    table[last] = MANY
    (copy / CONFIG_FILE).write_text(json.dumps(config))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(WeightsError):
        load(copy)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 1_000_000  # kilobytes; the libraries and the language model are among them
