"""LCR-T's block: SpeechBrain's values and gradients, chunks that come back whole, any length."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lcr.nn.paper.dual_path import DualPathBlock, DualPathConfig, cut, overlap_add, positions
from tests.speechbrain_modules import speechbrain_module

pytestmark = pytest.mark.slow

SMALL = DualPathConfig(channels=16, blocks=1, layers=2, heads=4, feed_forward=24, chunk=10)


def test_a_block_is_speechbrains() -> None:
    dual_path = speechbrain_module("lobes.models.dual_path")
    torch.manual_seed(0)

    def transformer():
        return dual_path.SBTransformerBlock(
            num_layers=2,
            d_model=16,
            nhead=4,
            d_ffn=24,
            dropout=0.0,
            use_positional_encoding=True,
            norm_before=True,
        )

    theirs = dual_path.Dual_Computation_Block(
        transformer(), transformer(), 16, linear_layer_after_inter_intra=False
    )
    ours = DualPathBlock(SMALL)
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
        # Both keep a path's norms, attention and perceptron in their own order.
        for name, parameter in ours.named_parameters():
            parameter.copy_(dict(theirs.named_parameters())[their_name(name)])
    h = torch.randn(2, 7, 10, 16, requires_grad=True)
    expected = theirs(h.permute(0, 3, 2, 1)).permute(0, 3, 2, 1)
    found = ours(h)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
    weight = torch.randn_like(found)
    (wanted,) = torch.autograd.grad(expected, h, weight)
    (gradient,) = torch.autograd.grad(found, h, weight)
    torch.testing.assert_close(gradient, wanted, rtol=1e-4, atol=1e-4)


def their_name(name: str) -> str:
    for ours, theirs in (
        ("intra.layers", "intra_mdl.mdl.layers"),
        ("inter.layers", "inter_mdl.mdl.layers"),
        ("intra.norm", "intra_mdl.mdl.norm.norm"),
        ("inter.norm", "inter_mdl.mdl.norm.norm"),
        ("attention_norm", "norm1.norm"),
        ("mlp_norm", "norm2.norm"),
        ("qkv.", "self_att.att.in_proj_"),
        (".out.", ".self_att.att.out_proj."),
        ("mlp.0", "pos_ffn.ffn.0"),
        ("mlp.2", "pos_ffn.ffn.3"),
    ):
        name = name.replace(ours, theirs)
    return name


@given(frames=st.integers(1, 60), half=st.integers(1, 12))
def test_every_frame_is_in_two_chunks(frames: int, half: int) -> None:
    h = torch.randn(2, frames, 3)
    chunks = cut(h, 2 * half)
    assert chunks.shape[2:] == (2 * half, 3)
    torch.testing.assert_close(overlap_add(chunks, frames), 2 * h)


@pytest.mark.parametrize("frames", [1, 4, 5, 6, 20, 37])
def test_chunks_are_speechbrains(frames: int) -> None:
    dual_path = speechbrain_module("lobes.models.dual_path")
    block = dual_path.SBTransformerBlock(1, 4, 2)
    model = dual_path.Dual_Path_Model(4, 4, block, block, K=10)
    h = torch.randn(2, frames, 4)
    expected, gap = model._Segmentation(h.transpose(1, 2), 10)
    found = cut(h, 10)
    torch.testing.assert_close(found, expected.permute(0, 3, 2, 1))
    added = model._over_add(expected, gap).transpose(1, 2)
    torch.testing.assert_close(overlap_add(found, frames), added)


def test_positions_go_on_for_ever() -> None:
    dual_path = speechbrain_module("lobes.models.dual_path")
    table = dual_path.PositionalEncoding(16, max_len=3000)(torch.zeros(1, 3000, 16))[0]
    torch.testing.assert_close(positions(3000, 16), table, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"chunk": 25}, "chunk must be even"), ({"channels": 20}, "multiple of 2 x heads = 16")],
)
def test_sizes_that_do_not_fit_are_refused(changes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        DualPathConfig(**changes)
