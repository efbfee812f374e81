"""Recipes name any remixer: the grounded one, one of the paper's with a row of Table VII, or a
baseline."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from experiments.comparison.errors import ConfigError
from experiments.training.recipe import (
    about,
    build_remixer,
    build_stage,
    open_mixtures,
    remixer_settings,
)
from experiments.training.schema import BlendRecipe, load_recipe
from lcr.errors import LcrError
from lcr.nn.grounded.remixer import GroundedRemixer
from lcr.nn.paper.sound_remixer import SoundRemixer, SoundRemixerConfig
from tests.experiments.training import test_train_cli
from tests.tiny_models import WIDTH, tiny_gpt2

bank = test_train_cli.bank

RECIPES = sorted((Path(__file__).parents[3] / "experiments" / "recipes").glob("*.toml"))
BASELINES = [path for path in RECIPES if load_recipe(path, []).system]
LONGER = {"audiosep-desk": 28.0, "llm-tse": 28.0, "separator-open": 30.0}
"""Minutes of those that have more than the others' equal budget, as their cards say."""
JOINT = next(path for path in RECIPES if path.stem == "lcr-g-joint")
REMIXER = next(path for path in RECIPES if path.stem.endswith("remixer"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_is_whole(path: Path) -> None:
    recipe = load_recipe(path, [])
    assert recipe.name == path.stem
    if recipe.query is None:
        assert sum(blend.share for blend in recipe.blends) == pytest.approx(1.0)
    else:
        assert recipe.query.shares


@pytest.mark.parametrize("path", BASELINES, ids=lambda path: path.stem)
def test_recipes_of_baselines_build_what_they_say(path: Path, bank: Path) -> None:
    recipe = load_recipe(path, [])
    if recipe.stage == "lass":  # the CLAP is trained before
        recipe = load_recipe(path, ["system.encoder.kind=sentence"])
    blends = (BlendRecipe(speech="field", audio="field", share=1.0),)
    stage = build_stage(recipe, open_mixtures(replace(recipe, blends=blends), {"field": bank}))
    trained = sum(p.numel() for p in stage.modules.parameters() if p.requires_grad)
    assert 3e5 < trained < 5e6
    assert recipe.loop.minutes == LONGER.get(recipe.name, 14.0)


def test_the_shipped_remixer_is_the_grounded_one() -> None:
    remixer, objective = build_remixer(load_recipe(REMIXER, ["model.channels=16"]))
    assert isinstance(remixer, GroundedRemixer)
    assert objective.grounding_weight > 0
    assert remixer.config.channels == 16


def test_slots_and_remixer_must_agree() -> None:
    with pytest.raises(ConfigError, match=r"model\.columns is 100; the slots have 104"):
        build_remixer(load_recipe(REMIXER, ["model.columns=100"]))


def test_a_recipe_names_its_reader() -> None:
    frozen = load_recipe(REMIXER, ['reader.mode="frozen"']).reader.build()
    assert (frozen.base, frozen.trains, frozen.slots) == ("all-MiniLM-L6-v2", "frozen", 417)
    other = load_recipe(REMIXER, ['reader.preset="gpt2"', 'reader.base="somewhere"']).reader.build()
    assert (other.base, other.trains) == ("somewhere", "all")
    with pytest.raises(ConfigError, match="did you mean gpt2"):
        load_recipe(REMIXER, ['reader.preset="gpt-2"']).reader.build()


@pytest.mark.parametrize("block", ["C", "T", "M"])
def test_a_block_of_the_paper_is_a_table_away(block: str) -> None:
    recipe = load_recipe(REMIXER, [f'sound.block="{block}"'])
    remixer, _ = build_remixer(recipe)
    assert isinstance(remixer, SoundRemixer)
    assert remixer.config.z_dim == 417 + 384
    assert SoundRemixerConfig.from_dict(remixer_settings(recipe)) == remixer.config


def test_rows_of_table_vii_bring_what_they_train_by() -> None:
    both = ['sound.block="C"', 'sound.variant="multi-mask-pit"']
    remixer, objective = build_remixer(load_recipe(REMIXER, both))
    assert isinstance(remixer, SoundRemixer)
    assert (remixer.config.masks, objective.permutation_weight) == (4, 1.0)
    with pytest.raises(ConfigError, match=r"training\.fixed_prompts = true"):
        build_remixer(load_recipe(REMIXER, ['sound.block="C"', 'sound.variant="fixed-prompts"']))
    with pytest.raises(ConfigError, match="no variant 'casual'"):
        build_remixer(load_recipe(REMIXER, ['sound.block="C"', 'sound.variant="casual"']))


def test_z_is_as_wide_as_the_reader_makes_it(tmp_path: Path) -> None:
    sets = [f'reader.base="{tiny_gpt2(tmp_path)}"', "sound.block=C"]
    slots, _ = build_remixer(load_recipe(JOINT, sets))
    alone, _ = build_remixer(load_recipe(JOINT, [*sets, "reader.slots=0"]))
    grounded, _ = build_remixer(load_recipe(JOINT, sets[:1]))
    assert [r.config.z_dim for r in (slots, alone, grounded)] == [417 + WIDTH, WIDTH, 417 + WIDTH]


@pytest.mark.parametrize(
    "sets",
    [
        ["reader.slots=0"],
        ["reader.slots=100"],
        ["training.manifest=w.jsonl", "sound.block=C"],
        ["training.manifest=w.jsonl", "training.instructions=1", "sound.block=C"],
        ["sound.block=C", "sound.network={hiden=8}"],
    ],
)
def test_settings_that_contradict_each_other_are_refused(
    sets: list[str], bank: Path, tmp_path: Path
) -> None:
    (tmp_path / "w.jsonl").write_text("")
    sets = [one.replace("w.jsonl", str(tmp_path / "w.jsonl")) for one in sets]
    blends = (BlendRecipe(speech="field", audio="field", share=1.0),)

    def trained() -> object:
        recipe = replace(load_recipe(JOINT, sets), blends=blends, init={})
        return build_stage(recipe, open_mixtures(recipe, {"field": bank}))

    with pytest.raises(LcrError):
        trained()


def test_what_came_later_changes_no_run_that_does_without(tmp_path: Path) -> None:
    usual, other = (about(load_recipe(JOINT, sets)) for sets in ([], ["objective.capped=false"]))
    assert "capped" not in usual["objective"]
    assert other["objective"]["capped"] is False
    assert "slots" not in usual["reader"]


def test_a_run_goes_on_by_the_settings_of_loop_that_it_began_with() -> None:
    """Another key here keeps all runs in progress from going on and from shipping: a new setting
    belongs to what may differ, or to what is told only where it is not the usual one."""
    told = about(load_recipe(JOINT, []))
    assert sorted(told["loop"]) == [
        *("betas", "clip_norm", "decay_share", "ema", "final_rate", "module_rates"),
        *("muon_except", "muon_parts", "muon_rate", "optimiser", "patience", "precision"),
        *("rate", "schedule", "seed", "warmup_steps", "watch", "weight_decay"),
    ]


def test_recipes_extend_one_another(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('extends = "b.toml"\n[loop]\nrate = 2.0\n')
    (tmp_path / "b.toml").write_text('name = "b"\nstage = "joint"\n[loop]\nrate = 1.0\nsteps = 7\n')
    recipe = load_recipe(tmp_path / "a.toml", ["loop.seed=3"])
    assert (recipe.name, recipe.loop.rate, recipe.loop.steps, recipe.loop.seed) == ("b", 2.0, 7, 3)
    (tmp_path / "b.toml").write_text('extends = "a.toml"\n')
    with pytest.raises(ConfigError, match="extends itself"):
        load_recipe(tmp_path / "a.toml", [])
