"""Plans of several trainings: all arms are checked first, then trained in turn and shipped."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import load_file

from experiments.compare import main as compare
from experiments.compare import resolve_config
from experiments.comparison.errors import ConfigError
from experiments.paper.rows import TABLE_2, TABLE_5
from experiments.training.ablate import Training, comparison, load_plan, main, train
from experiments.training.schema import load_recipe
from lcr.joint.remixer import JointRemixer

pytestmark = pytest.mark.slow

PLANS = sorted((Path(__file__).parents[3] / "experiments" / "ablations").glob("*.toml"))
TINY = """
name = "tiny"
stage = "joint"
validation = 2
[[blends]]
speech = "field"
audio = "field"
share = 1.0
[training]
mixtures = 1
instructions = 1
duration_s = 0.5
[model]
channels = 8
query_channels = 8
blocks = 1
[loop]
steps = 2
save_every = 1
validate_every = 2
"""


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    (tmp_path / "tiny.toml").write_text(TINY)
    path = tmp_path / "plan.toml"
    path.write_text(
        f'recipe = "{tmp_path / "tiny.toml"}"\nseeds = [3, 4]\n[arms.one]\n'
        "[arms.other]\nset = ['reader.mode=\"frozen\"']\n"
    )
    return path


@pytest.fixture
def bank(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    rows = ["path,kind,split,group,label,gender"]
    for split in ("train", "valid"):
        for label in ("rain", "helicopter"):
            rows.append(f"{split}{label}.wav,audio,{split},{split}{label},{label},")
        for gender in "MF":
            rows.append(f"{split}{gender}.wav,speech,{split},{split}{gender},,{gender}")
    for row in rows[1:]:
        name = row.partition(",")[0]
        soundfile.write(tmp_path / name, 0.1 * rng.standard_normal(16000), 16000)
    (tmp_path / "manifest.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_every_plan_is_whole(path: Path) -> None:
    assert load_plan(path)


def test_arms_and_seeds_become_trainings(plan: Path) -> None:
    trainings = load_plan(plan, ["loop.steps=1"])
    assert [t.name for t in trainings] == ["one-seed3", "other-seed3", "one-seed4", "other-seed4"]
    assert trainings[0].overrides == ("loop.steps=1", "loop.seed=3")
    assert trainings[3].overrides == ('reader.mode="frozen"', "loop.steps=1", "loop.seed=4")


def test_what_is_set_for_the_plan_is_set_for_every_arm_unless_it_says_otherwise(plan: Path) -> None:
    plan.write_text("set = ['reader.mode=\"lora\"', 'loop.steps=7']\n" + plan.read_text())
    one, other = load_plan(plan)[:2]
    assert one.overrides == ('reader.mode="lora"', "loop.steps=7", "loop.seed=3")
    recipe = load_recipe(other.recipe, other.overrides)
    assert (recipe.reader.mode, recipe.loop.steps) == ("frozen", 7)


def test_an_arm_may_have_a_recipe_and_a_place_of_its_own(plan: Path, tmp_path: Path) -> None:
    tiny = tmp_path / "tiny.toml"
    plan.write_text(f'[arms.one]\nrecipe = "{tiny}"\ninto = "lcr/weights"\n')
    (one,) = load_plan(plan)
    assert one.recipe == tiny
    assert one.into == Path(__file__).parents[3] / "lcr" / "weights"
    plan.write_text("[arms.one]\n")
    with pytest.raises(ConfigError, match="names a recipe"):
        load_plan(plan)


def test_the_plan_of_rows_has_all_that_table_ii_names() -> None:
    trained = {t.name: t for t in load_plan(PLANS[0].parent / "rows.toml")}
    wanted = {
        str(value)
        for form in (*TABLE_2.values(), *TABLE_5.values())
        for key, value in form.options.items()
        if key != "system"
    }
    assert wanted <= set(trained)
    assert {name for name, t in trained.items() if load_recipe(t.recipe, []).name != name} == set()
    order = list(trained)
    assert order.index("desk-clap-speech") < order.index("desk-lass-speech")
    assert order.index("desk-lcr-t") < order.index("desk-lcr-t-two-speakers")


def test_an_arm_that_cannot_be_trained_stops_all_before_the_first(plan: Path) -> None:
    plan.write_text(plan.read_text().replace("reader.mode", "reader.mood"))
    with pytest.raises(ConfigError, match="did you mean 'mode'"):
        load_plan(plan)
    plan.write_text('recipe = "blocks"\n[arms]\n')
    with pytest.raises(ConfigError, match="at least one arm"):
        load_plan(plan)


@pytest.mark.rehearsal
def test_an_arm_is_trained_shipped_and_not_trained_again(
    plan: Path, bank: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = bank / "out"
    arguments = ["--out", str(out), "--only", "one-seed3", "--field", str(bank)]
    assert main([str(plan), *arguments, "--processes", "1"]) == 0
    assert "options.one-seed3=" in capfd.readouterr().out
    model = out / "one-seed3"
    first = JointRemixer.from_checkpoint(model, name="lcr").card.weights["one-seed3"]
    assert main([str(plan), *arguments]) == 0
    assert "from the start" not in capfd.readouterr().out
    assert JointRemixer.from_checkpoint(model, name="lcr").card.weights["one-seed3"] == first
    assert main([str(plan), "--out", str(out), "--only", "two"]) == 2
    assert "has no arm two" in capfd.readouterr().err


@pytest.mark.rehearsal
def test_an_arm_may_start_from_a_reader_of_its_own(plan: Path, bank: Path) -> None:
    reader = bank / "reader.toml"
    text = TINY.replace('"joint"', '"reader"').replace('"tiny"', '"tiny-reader"')
    reader.write_text(text + "[objective]\nreader_batch = 2\n")
    plan.write_text(
        f'recipe = "{bank / "tiny.toml"}"\nreader = "{reader}"\n[arms.one]\n'
        "reader_set = ['reader.mode=\"frozen\"', 'loop.rate=0.5']\n"
        "set = ['reader.mode=\"frozen\"', 'loop.steps=1', 'loop.module_rates={reader=0.0}']\n"
    )
    out = bank / "out"
    arguments = ["--out", str(out), "--field", str(bank), "--processes", "1"]
    assert main([str(plan), *arguments]) == 0
    learned = load_file(out / "runs" / "one-reader" / "weights.safetensors")
    shipped = load_file(out / "one" / "model.safetensors")
    names = [name for name in learned if name.startswith("reader.") and name in shipped]
    assert names
    for name in names:
        torch.testing.assert_close(shipped[name].float(), learned[name], atol=1e-3, rtol=1e-3)

    plan.write_text('recipe = "blocks"\n[arms.one]\nreader_set = ["loop.steps=1"]\n')
    with pytest.raises(ConfigError, match="the plan no reader"):
        load_plan(plan)


@pytest.mark.rehearsal
def test_a_training_that_fails_is_told(tmp_path: Path, plan: Path) -> None:
    broken = Training(name="x", recipe=plan.parent / "tiny.toml", overrides=())
    with pytest.raises(ConfigError, match="training x did not end well"):
        train(broken, tmp_path / "out", ["--field", str(tmp_path / "nowhere")])


def test_the_comparison_is_a_command_that_compare_takes() -> None:
    words = comparison({"a": Path("out/a"), "b": Path("out/b")})
    config = resolve_config(compare.parser.parse_args(shlex.split(words)[2:]))
    assert config.systems == ("a", "b")
    assert config.options["b"] == {"system": "lcr", "weights": "out/b"}
