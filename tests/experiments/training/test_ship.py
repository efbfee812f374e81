"""A finished joint run becomes a folder that `lcr` loads, with the curve of its stages."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from experiments.ship import main
from experiments.training.schema import load_recipe
from experiments.training.shipping import rounded
from lcr.data.studio.classes import LABELS
from lcr.joint.remixer import JointRemixer
from lcr.nn.grounded.remixer import GroundedRemixer
from lcr.nn.reader.prompt_reader import PromptReader, ReaderConfig
from lcr.nn.reader.slots import SlotVocabulary

pytestmark = pytest.mark.slow

RECIPES = Path(__file__).parents[3] / "experiments" / "recipes"
RECIPE = RECIPES / "lcr-g-joint.toml"
SMALL = ["model.channels=8", "model.query_channels=8", "model.blocks=1"]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    recipe = load_recipe(RECIPE, SMALL)
    reader = PromptReader(ReaderConfig(slots=SlotVocabulary(LABELS).size))
    tensors = {f"reader.{k}": v.contiguous() for k, v in reader.trained_state().items()}
    tensors |= {f"remixer.{k}": v for k, v in GroundedRemixer(recipe.model).state_dict().items()}
    folder = tmp_path / "run"
    folder.mkdir()
    save_file(tensors, folder / "weights.safetensors", metadata={"step": "7", "seconds": "60"})
    (folder / "log.csv").write_text(
        "step,seconds,snri_db,field/snri_without_ovc_db,field/task/TSE\n5,50,2,1.5,3\n"
    )
    return folder


def shipped(run: Path, *more: str) -> int:
    sizes = [word for size in SMALL for word in ("--set", size)]
    return main([str(RECIPE), "--run", str(run), *sizes, *more, str(run.parent / "out")])


def test_what_ships_loads_and_tells_its_curve(run: Path) -> None:
    assert shipped(run, "--curve", f"remixer={run}", "--curve", f"joint={run}") == 0
    out = run.parent / "out"
    card = JointRemixer.from_checkpoint(out, name="lcr").card
    assert card.weights["out"]
    assert card.trained_on == {"field-recordings", "studio"}
    assert "weights averaged" in card.reference
    with (out / "curve.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows[0] == {
        "stage": "remixer",
        "step": "5",
        "seconds": "50",
        "field/snri_without_ovc_db": "1.5",
    }
    assert [row["stage"] for row in rows] == ["remixer", "joint"]


def test_what_is_missing_is_named(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert shipped(run, "--curve", f"reader={run.parent}") == 2
    assert "log.csv" in capsys.readouterr().err
    assert not (run.parent / "out").exists()
    assert main([str(RECIPE), "--run", str(run), str(run.parent / "out")]) == 2
    assert "repeat the --set" in capsys.readouterr().err
    assert shipped(run.parent) == 2
    assert "train first" in capsys.readouterr().err
    assert main([str(RECIPES / "lcr-g-reader.toml"), "--run", str(run), str(run / "out")]) == 2
    assert "only a joint stage" in capsys.readouterr().err


def test_a_place_that_cannot_be_written_is_told_in_one_line(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (run.parent / "out").write_text("a file, not a folder")
    assert shipped(run) == 2
    assert capsys.readouterr().err.startswith("ship: cannot write")


def test_weights_are_half_precision(run: Path) -> None:
    assert shipped(run) == 0
    tensors = load_file(run.parent / "out" / "model.safetensors")
    assert {t.dtype for t in tensors.values()} == {torch.float16}


@pytest.mark.parametrize("bits", [1, 4, 7, 10])
def test_rounded_weights_have_so_many_significant_bits(bits: int) -> None:
    values = torch.randn(4000, generator=torch.Generator().manual_seed(bits))
    values = values[values.abs() > 1e-3]  # smaller ones have fewer bits to begin with
    half = values.half().float()
    found = rounded(values, bits).float()
    assert ((found - half).abs() <= half.abs() * 2.0**-bits).all()
    fraction, _ = torch.frexp(found)
    assert torch.equal(fraction * 2**bits, (fraction * 2**bits).round())
    assert torch.equal(rounded(found, bits).float(), found)
    assert torch.equal(rounded(-values, bits), -rounded(values, bits))


def test_all_bits_are_the_16_bit_float_and_others_are_refused() -> None:
    values = torch.tensor([0.0, -0.0, 1 / 3, -65504.0, 6e-8])
    assert torch.equal(rounded(values, 11), values.half())
    for bits in (0, 12):
        with pytest.raises(ValueError, match="1 to 11 significant bits"):
            rounded(values, bits)
