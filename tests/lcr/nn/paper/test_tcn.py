"""LCR-C's block: SpeechBrain's values and gradients, any length, what causal means."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from lcr.nn.paper.pointwise import linear, weight_gradient
from lcr.nn.paper.tcn import TcnConfig, TcnLayer, tcn_blocks
from tests.speechbrain_modules import speechbrain_module

pytestmark = pytest.mark.slow

SMALL = TcnConfig(bottleneck=6, hidden=10, layers=3, repeats=2)
FORMS = [("gln", False), ("gln", True), ("cln", False), ("cln", True)]


def config(norm: str, causal: bool) -> TcnConfig:
    return TcnConfig(bottleneck=6, hidden=10, layers=3, repeats=1, norm=norm, causal=causal)


def shaken(module: nn.Module, *, by: float = 0.2) -> nn.Module:
    """Away from the start, where scales are one and shifts zero."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(by * torch.randn_like(parameter))
    return module


def speechbrain_parameters(block: nn.Module) -> list[Tensor]:
    conv, act, norm, separable = block.layers.values()
    depthwise, *_, act_out, norm_out, out = separable.values()
    return [
        conv.conv.weight,
        act.weight,
        norm.gamma,
        norm.beta,
        depthwise.conv.weight,
        act_out.weight,
        norm_out.gamma,
        norm_out.beta,
        out.conv.weight,
    ]


def as_ours(tensors: list[Tensor]) -> list[Tensor]:
    """SpeechBrain's shapes to ours: taps (hidden, 1, kernel) to (kernel, hidden), the rest flat."""
    taps = tensors[4].squeeze(1).t()
    return [taps if i == 4 else t.squeeze() if t.dim() > 1 else t for i, t in enumerate(tensors)]


def our_parameters(layer: TcnLayer) -> list[Tensor]:
    return [
        layer.expand.weight,
        layer.slope_in,
        layer.scale_in,
        layer.shift_in,
        layer.taps,
        layer.slope_out,
        layer.scale_out,
        layer.shift_out,
        layer.reduce.weight,
    ]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("norm", "causal"), FORMS)
def test_values_and_gradients_are_speechbrains(norm: str, causal: bool, dtype) -> None:
    conv_tasnet = speechbrain_module("lobes.models.conv_tasnet")
    name = {"gln": "gLN", "cln": "cLN"}[norm]
    blocks = [
        conv_tasnet.TemporalBlock((2, 50, 6), 10, 3, 1, "same", 2**i, name, causal)
        for i in range(3)
    ]
    theirs = shaken(nn.Sequential(*blocks)).to(dtype)
    ours = tcn_blocks(config(norm, causal))[0].to(dtype)
    with torch.no_grad():
        for block, layer in zip(blocks, ours, strict=True):
            for value, parameter in zip(
                as_ours(speechbrain_parameters(block)), our_parameters(layer), strict=True
            ):
                parameter.copy_(value)
    x = torch.randn(2, 50, 6, dtype=dtype, requires_grad=True)
    weight = torch.randn(2, 50, 6, dtype=dtype)
    tolerance = 1e-5 if dtype == torch.float32 else 1e-12
    torch.testing.assert_close(ours(x), theirs(x), rtol=0, atol=tolerance)
    expected = torch.autograd.grad(
        theirs(x), [x, *(p for b in blocks for p in speechbrain_parameters(b))], weight
    )
    found = torch.autograd.grad(ours(x), [x, *(p for o in ours for p in our_parameters(o))], weight)
    flat = [expected[0]]
    for i in range(3):
        flat += as_ours(list(expected[1 + 9 * i : 10 + 9 * i]))
    for a, b in zip(found, flat, strict=True):
        assert ((a - b).abs().max() / b.abs().max().clamp_min(1)) < 10 * tolerance


@settings(max_examples=25, deadline=None)
@given(
    form=st.sampled_from(FORMS),
    frames=st.integers(1, 12),
    dilation=st.sampled_from([1, 2, 8]),
    kernel=st.sampled_from([1, 3, 5]),
    batch=st.integers(1, 3),
)
def test_gradients_pass_gradcheck_at_any_length(form, frames, dilation, kernel, batch) -> None:
    norm, causal = form
    sizes = TcnConfig(bottleneck=2, hidden=3, kernel=kernel, norm=norm, causal=causal)
    layer = shaken(TcnLayer(sizes, dilation)).double()
    x = torch.randn(batch, frames, 2, dtype=torch.float64, requires_grad=True)
    names, values = zip(*layer.named_parameters(), strict=True)

    def call(x: Tensor, *values: Tensor) -> Tensor:
        return torch.func.functional_call(layer, dict(zip(names, values, strict=True)), x)

    assert layer(x).shape == x.shape
    assert torch.autograd.gradcheck(call, (x, *values))


def test_reflection_of_a_short_sequence_goes_back_and_forth() -> None:
    layer = TcnLayer(config("gln", False), dilation=4)
    n = torch.tensor([1.0, 2.0, 3.0]).view(1, 3, 1)
    padded = layer.geometry.pad(n).flatten().tolist()
    assert padded == [1, 2, 3, 2, 1, 2, 3, 2, 1, 2, 3]


@pytest.mark.parametrize(("norm", "causal"), FORMS)
def test_only_causal_with_cln_keeps_the_future_out(norm: str, causal: bool) -> None:
    sizes = config(norm, causal)
    stack = shaken(tcn_blocks(sizes)[0])
    x = torch.randn(1, 40, 6)
    later = x.clone()
    later[:, 25:] = torch.randn(1, 15, 6)
    with torch.no_grad():
        changed = (stack(x) - stack(later)).abs().amax((0, 2))
    assert (changed[25:] > 0).all()
    assert bool((changed[:25] == 0).all()) == sizes.is_causal


def test_two_wide_tensors_a_layer_are_kept_for_backward() -> None:
    sizes = TcnConfig(bottleneck=8, hidden=64)
    layer, x = TcnLayer(sizes, 2), torch.randn(2, 100, 8, requires_grad=True)
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        layer(x)
    wide = 2 * 100 * 64 * 4
    assert sum(kept.values()) < 2.6 * wide


def test_autocast_leaves_it_in_float32() -> None:
    stack, x = tcn_blocks(SMALL)[0], torch.randn(1, 20, 6)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = stack(x.bfloat16())
    assert y.dtype == torch.float32
    torch.testing.assert_close(y, stack(x.bfloat16().float()))


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"kernel": 2}, "kernel must be odd, got 2"), ({"norm": "bn"}, 'norm must be "gln" or "cln"')],
)
def test_sizes_that_do_not_fit_are_refused(changes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        TcnConfig(**changes)


@settings(max_examples=30, deadline=None)
@given(
    shape=st.lists(st.integers(0, 40), min_size=0, max_size=3),
    inputs=st.integers(1, 30),
    outputs=st.integers(1, 30),
    transposed=st.booleans(),
)
def test_linear_is_the_matrix_product(shape, inputs, outputs, transposed) -> None:
    x = torch.randn(*shape, inputs)
    weight = torch.randn(inputs, outputs).t() if transposed else torch.randn(outputs, inputs)
    bias = torch.randn(outputs)
    y = linear(x, weight, bias)
    torch.testing.assert_close(y, nn.functional.linear(x, weight, bias), rtol=1e-5, atol=1e-4)
    expected = y.flatten(0, -2).t() @ x.flatten(0, -2) if shape else torch.outer(y, x)
    torch.testing.assert_close(weight_gradient(x, y), expected, rtol=1e-4, atol=1e-2)
