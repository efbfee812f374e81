"""Frozen, LoRA, whole, half precision, quantised: what learns, what is kept, where it starts."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from lcr.nn.reader.config import LoraConfig, Mode
from lcr.nn.reader.text_encoder import MissingPackageError
from tests.tiny_models import KINDS, PROMPTS, reader, tiny_bases, tiny_llama

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return tiny_bases(tmp_path_factory.mktemp("bases"))


TRAINED: dict[str, Callable[[str], bool]] = {
    "frozen": lambda name: not name.startswith("encoder."),
    "lora": lambda name: not name.startswith("encoder.") or "lora_" in name,
    "all": lambda name: "pooler" not in name,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", ["frozen", "lora", "all"])
def test_the_mode_says_what_learns(folders: dict[str, Path], kind: str, mode: Mode) -> None:
    model = reader(folders[kind], mode, slots=5, project=3).train()
    z = model(PROMPTS)
    z.square().sum().backward()
    expected = {name for name, _ in model.named_parameters() if TRAINED[mode](name)}
    touched = {name for name, p in model.named_parameters() if p.grad is not None}
    asked = {name for name, p in model.named_parameters() if p.requires_grad}
    assert touched == asked == expected
    assert set(model.trained_state()) >= expected
    assert all(TRAINED[mode](name) for name in model.trained_state())
    if mode == "lora":
        adapted = {n.split(".lora_")[0].rsplit(".", 1)[1] for n in expected if "lora_" in n}
        names = {"bert": {"query", "value"}, "gpt2": {"c_attn"}, "t5": {"q", "v"}}
        assert adapted == names.get(kind, {"q_proj", "v_proj"})
        b = next(p for n, p in model.named_parameters() if "lora_B" in n)
        assert b.grad is not None
        assert b.grad.abs().max() > 0


@pytest.mark.parametrize("kind", KINDS)
def test_lora_starts_as_the_frozen_model(folders: dict[str, Path], kind: str) -> None:
    frozen, adapted = reader(folders[kind]), reader(folders[kind], "lora")
    with torch.no_grad():
        torch.testing.assert_close(adapted(PROMPTS), frozen(PROMPTS), rtol=0, atol=0)
        for value in adapted.trained_state().values():
            value.normal_(std=0.3)
        assert not torch.allclose(adapted(PROMPTS), frozen(PROMPTS), atol=1e-2)


def test_lora_takes_named_targets_and_says_when_they_do_not_fit(folders: dict[str, Path]) -> None:
    named = reader(folders["llama"], "lora", lora=LoraConfig(rank=2, targets=["o_proj"]))
    assert {n.split(".lora_")[0].rsplit(".", 1)[1] for n in named.trained_state()} == {"o_proj"}
    with pytest.raises(ValueError, match=r"lora\.targets do not fit a llama"):
        reader(folders["llama"], "lora", lora=LoraConfig(targets=["query"]))


def test_frozen_dropout_stays_off_and_trained_dropout_does_not(folders: dict[str, Path]) -> None:
    frozen, trained = (reader(folders["gpt2"], mode).train() for mode in ("frozen", "all"))
    assert torch.equal(frozen(PROMPTS), frozen(PROMPTS))
    assert not torch.equal(trained(PROMPTS), trained(PROMPTS))


@pytest.mark.parametrize("mode", ["frozen", "lora", "all"])
def test_only_what_was_trained_is_saved_and_it_is_enough(
    folders: dict[str, Path], mode: Mode, tmp_path: Path
) -> None:
    one = reader(folders["llama"], mode, project=3)
    torch.manual_seed(1)
    with torch.no_grad():
        for value in one.trained_state().values():
            value.add_(0.1 * torch.randn_like(value))
    save_file(one.trained_state(), tmp_path / "state.safetensors")
    two = reader(folders["llama"], mode, project=3)
    with torch.no_grad():
        assert not torch.allclose(one(PROMPTS), two(PROMPTS))
        left = two.load_state_dict(load_file(tmp_path / "state.safetensors"), strict=False)
        assert not left.unexpected_keys
        assert torch.equal(one(PROMPTS), two(PROMPTS))


@pytest.mark.parametrize("mode", ["frozen", "lora", "all"])
def test_half_precision_bases_give_float32_filters(folders: dict[str, Path], mode: Mode) -> None:
    half = reader(folders["llama"], mode, dtype="bfloat16", slots=5).train()
    full = reader(folders["llama"])
    z = half(PROMPTS)
    assert z.dtype == torch.float32
    z.sum().backward()
    base = {
        p.dtype for n, p in half.named_parameters() if n.startswith("encoder.") and "lora" not in n
    }
    rest = {p.dtype for n, p in half.named_parameters() if "lora_" in n or "encoder." not in n}
    assert base == {torch.bfloat16}
    assert rest == {torch.float32}
    with torch.no_grad():
        read = half.eval().read(PROMPTS).embedding
        error = (read - full(PROMPTS)).norm() / full(PROMPTS).norm()
    assert 0 < error < 0.1


def test_quantised_bases_need_their_package(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match="4 bits need bitsandbytes: pip install"):
        reader(folders["llama"], bits=4)


@pytest.mark.parametrize("bits", [4, 8])
def test_quantised_bases_learn_by_lora(tmp_path: Path, bits: int) -> None:
    if importlib.util.find_spec("bitsandbytes") is None:
        pytest.skip("bitsandbytes is not installed")
    base = tiny_llama(tmp_path / "wide", width=64)
    model = reader(base, "lora", bits=bits, dtype="bfloat16").train()
    model(PROMPTS).sum().backward()
    assert all(("lora_" in n) == (p.grad is not None) for n, p in model.named_parameters())
    # 9 % off in every weight, random networks answer quite differently: what is asked is that
    # they answer as the same network does with those weights in full.
    plain = reader(base, dtype="bfloat16")
    quantised = dict(model.encoder.named_modules())
    with torch.no_grad():
        for name, module in plain.encoder.named_modules():
            inner = quantised.get(f"base_model.model.{name}")
            if isinstance(module, torch.nn.Linear):
                module.weight.copy_(_dequantised(getattr(inner, "base_layer", inner)))
        z, expected = model.eval()(PROMPTS), plain(PROMPTS)
    assert (z - expected).norm() / expected.norm() < 0.1


def _dequantised(layer: Any) -> torch.Tensor:
    """The weights that a layer of bitsandbytes stands for."""
    functional: Any = importlib.import_module("bitsandbytes.functional")
    weight = layer.weight
    if hasattr(weight, "quant_state"):
        return functional.dequantize_4bit(weight.data, weight.quant_state)
    scale = weight.SCB if weight.SCB is not None else layer.state.SCB
    return weight.data.float() * scale.unsqueeze(1) / 127


def test_lora_is_of_the_paper_s_rank_and_dropout(tmp_path: Path) -> None:
    """Appendix A: rank 16, dropout 0.05, on query and value; alpha as the authors have it."""
    adapted = reader(tiny_llama(tmp_path), "lora")
    drops = {
        name.rpartition(".lora_dropout")[0].rpartition(".")[2]: module.p
        for name, module in adapted.named_modules()
        if isinstance(module, nn.Dropout) and ".lora_dropout." in name
    }
    assert drops == {"q_proj": 0.05, "v_proj": 0.05}
    ranks = {value.shape[0] for name, value in adapted.named_parameters() if "lora_A" in name}
    tables = [getattr(module, "scaling", None) for module in adapted.modules()]
    scales = {scale for table in tables if isinstance(table, dict) for scale in table.values()}
    assert (ranks, scales) == ({16}, {1.0})
    with torch.no_grad():
        for name, value in adapted.named_parameters():
            if "lora_B" in name:
                value.normal_()
    assert torch.equal(adapted(PROMPTS), adapted(PROMPTS))
    adapted.train()
    assert not torch.equal(adapted(PROMPTS), adapted(PROMPTS))
