"""The recipes of the paper's systems: whole, of the published sizes, and trainable: a shrunken copy
of each is killed, goes on, ships and loads."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from baselines.audiosep.checkpoint import load_audiosep
from baselines.audiosep.network import ResUNetConfig
from baselines.clap.checkpoint import load_clap
from baselines.clap.model import ClapConfig, Towers
from baselines.lass.network import build_extractor
from baselines.lass.remixer import load_lass
from baselines.llm_tse.remixer import load_llm_tse
from baselines.pit.separation import build_separator, load_separator
from experiments import ship, train
from experiments.comparison.config import build
from experiments.training.ablate import load_plan
from experiments.training.recipe import build_remixer
from experiments.training.schema import load_recipe
from lcr.joint.remixer import JointRemixer
from tests.experiments.training import test_train_cli
from tests.lcr.evaluation.test_metrics import library
from tests.speechbrain_lcr import speechbrain_module
from tests.tiny_models import tiny_gpt2, tiny_llama

bank = test_train_cli.bank

EXPERIMENTS = Path(__file__).parents[3] / "experiments"
PAPER = {p.stem: p for p in sorted((EXPERIMENTS / "recipes" / "paper").glob("*.toml"))}
DESK = {p.stem: p for p in sorted((EXPERIMENTS / "recipes" / "desk").glob("*.toml"))}
COMMON = (PAPER.pop("common"), DESK.pop("common"))
Z = 4096


@pytest.fixture
def hub_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """config.json of LLaMA-2-7B and of GPT-2, which are transformers' own defaults."""
    transformers: Any = pytest.importorskip("transformers")
    for name, config in (("Llama-2-7b-chat-hf", "LlamaConfig"), ("gpt2", "GPT2Config")):
        getattr(transformers, config)().save_pretrained(tmp_path / "hub" / name)
    monkeypatch.setenv("LCR_MODELS", str(tmp_path / "hub"))


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def film(z_dim: int, channels: int) -> int:
    """Parameters of two perceptrons of two layers (eq. 4)."""
    return 2 * (z_dim * channels + channels + channels * channels + channels)


@pytest.mark.parametrize("path", [*PAPER.values(), *DESK.values()], ids=lambda path: path.stem)
def test_every_recipe_of_a_row_is_whole(path: Path) -> None:
    recipe = load_recipe(path, [])
    assert recipe.name == path.stem
    assert sum(blend.share for blend in recipe.blends) == pytest.approx(1.0)
    assert recipe.loop.steps % recipe.loop.validate_every == 0 or path.stem.endswith("speakers")


def test_every_row_of_a_desk_hears_as_many_examples_from_nothing() -> None:
    recipes = [load_recipe(p, []) for n, p in DESK.items() if not n.endswith("two-speakers")]
    assert {r.loop.steps * r.training.mixtures * r.training.instructions for r in recipes} == {
        24_000
    }
    assert {str(r.blends) for r in recipes} == {str(recipes[0].blends)}
    assert not any(r.init for r in recipes)


def test_paper_recipes_have_what_appendix_a_says() -> None:
    for name in ("lcr-c", "lcr-c-frozen", "lcr-c-gpt2", "lcr-t", "lcr-t-gpt2", "lcr-m", "pit"):
        recipe = load_recipe(PAPER[name], [])
        loop, mixtures = recipe.loop, recipe.training
        convolutional = "lcr-t" not in name and "lcr-m" not in name
        assert mixtures.mixtures * mixtures.instructions == (16 if convolutional else 8)
        assert loop.steps * mixtures.mixtures == 100 * mixtures.distinct
        assert loop.validate_every * mixtures.mixtures == mixtures.distinct == 100_000
        assert (loop.optimiser, loop.rate) == ("adam", 5e-4 if convolutional else 1e-4)
        assert dict(loop.module_rates or {}) == {"reader": 1e-4}
        assert (loop.schedule, loop.patience, loop.warmup_steps) == ("plateau", 3, 5000)
        assert (loop.ema, loop.clip_norm, loop.weight_decay) == (0, 0, 0)
        assert (loop.precision, recipe.objective.capped) == ("bf16", False)
        assert set(mixtures.task_weights) == {1.0}
        assert set(dataclasses.astuple(mixtures.augment)) == {0.0}
        if recipe.sound:
            lora = recipe.reader.build().lora
            assert lora is not None
            assert (lora.rank, lora.dropout) == (16, 0.05)


@pytest.mark.usefixtures("hub_models")
@pytest.mark.parametrize(
    ("name", "width"),
    [("lcr-c", Z), ("lcr-c-frozen", Z), ("lcr-c-gpt2", 768), ("lcr-t", Z), ("lcr-t-gpt2", 768)],
)
def test_remixers_are_speechbrain_s_and_film(name: str, width: int) -> None:
    with torch.device("meta"):
        remixer, _ = build_remixer(load_recipe(PAPER[name], []))
    if "-c" in name:
        module = speechbrain_module("lobes.models.conv_tasnet")
        theirs = module.MaskNet(512, 128, 512, 3, 8, 3, 1, "gLN", False)
        channels, films = 512, 3 * film(width, 128)
    else:
        module = speechbrain_module("lobes.models.dual_path")
        block = {
            "num_layers": 8,
            "d_model": 256,
            "nhead": 8,
            "d_ffn": 1024,
            "use_positional_encoding": True,
            "norm_before": True,
        }
        theirs = module.Dual_Path_Model(
            in_channels=256,
            out_channels=256,
            intra_model=module.SBTransformerBlock(**block),
            inter_model=module.SBTransformerBlock(**block),
            num_layers=2,
            K=250,
            num_spks=1,
            linear_layer_after_inter_intra=False,
        )
        channels, films = 256, 2 * film(width, 256)
    assert all(p.is_meta for p in remixer.parameters())
    assert count(remixer) == count(theirs) + 2 * 16 * channels + films


@pytest.mark.usefixtures("hub_models")
def test_lcr_m_is_mamba_tasnet_m_and_film() -> None:
    with torch.device("meta"):
        remixer, _ = build_remixer(load_recipe(PAPER["lcr-m"], []))
    assert (count(remixer) - 2 * film(Z, 256)) / 1e6 == pytest.approx(15.6, abs=0.1)


@pytest.mark.usefixtures("hub_models")
@pytest.mark.parametrize("plan", ["table-7-paper"])
def test_arms_of_table_vii_differ_by_what_they_are_named_after(plan: str) -> None:
    sizes = {}
    for training in load_plan(EXPERIMENTS / "ablations" / f"{plan}.toml"):
        with torch.device("meta"):
            remixer, objective = build_remixer(load_recipe(training.recipe, training.overrides))
        sizes[training.name] = count(remixer)
        assert (objective.permutation_weight > 0) == (training.name == "multi-mask-pit")
    more = 3 * 128 * 512
    assert sizes["multi-mask"] == sizes["multi-mask-pit"] == sizes["default"] + more
    assert sizes["kernel-x4"] == sizes["default"] + 2 * 3 * 16 * 512
    assert sizes["causal"] == sizes["fixed-prompts"] == sizes["default"]


def test_baselines_have_the_published_sizes() -> None:
    library("asteroid.models")
    pit = load_recipe(PAPER["pit"], []).system
    with torch.device("meta"):
        two = build_separator({**pit, "n_src": 2})
        lcr_c = build_extractor(
            {**load_recipe(PAPER["lass-audio"], []).system["extractor"], "z_dim": 512}
        )
        clap = build(ClapConfig, load_recipe(PAPER["clap-speech"], []).system, where="system")
        towers = Towers(clap.towers, 384)
    assert count(two) / 1e6 == pytest.approx(5.1, abs=0.1)  # Luo & Mesgarani, table VI
    module = speechbrain_module("lobes.models.conv_tasnet")
    theirs = module.MaskNet(512, 128, 512, 3, 8, 3, 1, "gLN", False)
    assert count(lcr_c) == count(theirs) + 2 * 16 * 512 + 3 * film(512, 128)
    assert count(towers) / 1e6 == pytest.approx(28, abs=2)  # HTSAT-tiny and two projections
    assert tuple(load_recipe(PAPER["audiosep"], []).system["widths"]) == ResUNetConfig().widths


TINY = {
    "C": ["sound.network={bottleneck=8,hidden=8,repeats=2,layers=2}", "sound.channels=16"],
    "T": [
        "sound.network={channels=16,blocks=1,layers=1,heads=2,feed_forward=16,chunk=10}",
        "sound.channels=16",
    ],
    "M": ["sound.network={width=16,layers=2}", "sound.channels=16"],
}
EXTRACTOR = (
    "{kind='blocks',block='C',channels=16,kernel=16,"
    "network={bottleneck=8,hidden=8,repeats=1,layers=2}}"
)
TOWERS = (
    "{spec_size=32,window=4,channels=8,depths=[2,2],heads=[2,2],width=16,"
    "features={n_fft=256,hop=160,mels=16,window_s=0.63}}"
)


def shrunken(name: str, folder: Path) -> list[str]:
    """Overrides that leave a recipe's graph and make all of it tiny."""
    recipe = load_recipe(PAPER[name], [])
    kind, base = ("gpt2", tiny_gpt2) if "gpt2" in name else ("llama", tiny_llama)
    sets = [
        "training.mixtures=2",
        "training.duration_s=0.3",
        f"training.distinct={4 if recipe.training.distinct else 0}",
        "validation=1",
        "loop.warmup_steps=2",
        "loop.save_every=2",
        "loop.validate_every=10",
        f'reader.base="{base(folder / kind)}"',
        "init={}",
    ]
    sentence = f'{{kind="sentence",base="{folder / kind}"}}'
    if recipe.sound and recipe.stage == "joint":
        sets += TINY[recipe.sound.block]
    if recipe.stage == "separator":
        library("asteroid.models")
        sets += ["system.n_filters=16", "system.bn_chan=8", "system.hid_chan=8"]
        sets += ["system.skip_chan=8", "system.n_blocks=2", "system.n_repeats=1"]
    if recipe.stage in ("lass", "llm-tse"):
        sets.append(f"system.extractor={EXTRACTOR}")
    if recipe.stage in ("lass", "audiosep"):
        sets.append(f"system.encoder={sentence}")
    if recipe.stage == "audiosep":
        sets.append("system.widths=[2,2,2,2,2,2]")
    if recipe.stage == "llm-tse":
        sets.append("system.clues={dim=8,channels=8,blocks=1}")
    if recipe.stage == "clap":
        sets += [f"system.towers={TOWERS}", f'system.base="{folder / kind}"', "loop.watch=recall1"]
    return sets


def train_in_its_own_process(arguments: Sequence[str]) -> None:
    sys.exit(train.main(list(arguments)))


@pytest.fixture(scope="module")
def processes() -> multiprocessing.context.BaseContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["experiments.train", "torch._dynamo", "transformers"])
    return context


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def loads(stage: str, out: Path) -> object:
    if stage == "joint":
        return JointRemixer.from_checkpoint(out, name="row")
    loaders = {
        "separator": load_separator,
        "clap": load_clap,
        "lass": load_lass,
        "audiosep": load_audiosep,
        "llm-tse": load_llm_tse,
    }
    return loaders[stage](out)


@pytest.mark.rehearsal
@pytest.mark.usefixtures("offline")
@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is of Unix")
@pytest.mark.parametrize("name", PAPER)
def test_a_shrunken_copy_is_killed_goes_on_ships_and_loads(
    name: str, bank: Path, tmp_path: Path, processes: Any
) -> None:
    sets = [word for one in shrunken(name, tmp_path) for word in ("--set", one)]
    run, out = tmp_path / "run", tmp_path / "out"
    words = [str(PAPER[name]), "--run", str(run), "--corpus", str(bank), "--processes", "1", *sets]
    words += ["--device", "cpu"]
    endless = processes.Process(target=train_in_its_own_process, args=(words,))
    endless.start()
    patience = time.monotonic() + 600
    while not (run / "state.pt").exists():
        assert endless.is_alive(), "training ended by itself"
        assert time.monotonic() < patience, "no state was written"
        time.sleep(0.05)
    os.kill(endless.pid, signal.SIGKILL)
    endless.join()
    begun = torch.load(run / "state.pt", weights_only=True)["step"]
    words += ["--set", f"loop.steps={begun + 20}"]
    going_on = processes.Process(target=train_in_its_own_process, args=(words,))
    going_on.start()
    going_on.join()
    assert going_on.exitcode == 0
    assert torch.load(run / "state.pt", weights_only=True)["step"] == begun + 20
    weights = load_file(run / "weights.safetensors")
    assert all(bool(value.isfinite().all()) for value in weights.values())
    last = ["--set", f"loop.steps={begun + 20}", str(out)]
    assert ship.main([str(PAPER[name]), "--run", str(run), *sets, *last]) == 0
    assert loads(load_recipe(PAPER[name], []).stage, out)
