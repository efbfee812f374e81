"""Instructions go out to be worded, and what comes back is what is trained on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from experiments.training import wordings
from experiments.training.recipe import build_stage, open_mixtures
from experiments.training.schema import load_recipe
from tests.experiments.training import test_train_cli
from tests.tiny_models import tiny_llama

pytestmark = pytest.mark.slow

bank = test_train_cli.bank
RECIPE = Path(__file__).parents[3] / "experiments" / "recipes" / "paper" / "lcr-c.toml"


def test_out_and_back(bank: Path, tmp_path: Path) -> None:
    sets = [
        "training.distinct=3",
        "training.mixtures=2",
        "training.duration_s=0.3",
        f'reader.base="{tiny_llama(tmp_path / "llama")}"',
        "sound.network={bottleneck=8,hidden=8,repeats=1,layers=1}",
    ]
    out = tmp_path / "w.jsonl"
    words = [word for one in sets for word in ("--set", one)]
    command = [str(RECIPE), "--out", str(out), "--corpus", str(bank), *words]
    assert wordings.main(command) == 0
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["mixture"] for row in rows] == [0, 1, 2]
    for row in rows:
        (instruction,), (prompts,) = row["instructions"], row["prompts"]
        assert {one["action"] for one in instruction} <= {"remove", "keep", "up", "down"}
        assert [set(one) & {"label", "gender"} != set() for one in instruction] == [True] * 4
        assert len(prompts) == 5
        row["prompts"] = [[f"Чем тише, тем лучше ({row['mixture']})"]]
    out.write_text("".join(json.dumps(row) + "\n" for row in rows))
    recipe = load_recipe(RECIPE, [*sets, f'training.wordings="{out}"'])
    mixtures = open_mixtures(recipe, {"corpus": bank})
    import numpy as np

    texts = {p.text for row in mixtures.batch(np.random.default_rng(0)).prompts for p in row}
    assert all(text.startswith("Чем тише") for text in texts)
    assert build_stage(recipe, mixtures).loss(np.random.default_rng(0))[0].isfinite()
    assert wordings.main([*command, "--set", "training.distinct=0"]) == 2
