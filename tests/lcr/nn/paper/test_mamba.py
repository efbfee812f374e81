"""The M block: a Mamba written out frame by frame, transformers' Mamba, direction, and sizes."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import silu, softplus

from lcr.nn.paper.mamba import MambaBlock, MambaConfig, MambaMixer, mamba_blocks

pytestmark = pytest.mark.slow

SMALL = MambaConfig(width=12, layers=2, state=5)
CAUSAL = MambaConfig(width=12, layers=2, state=5, bidirectional=False)


def block(config: MambaConfig) -> MambaBlock:
    """One block with parameters away from their special starting values."""
    torch.manual_seed(0)
    module = MambaBlock(config)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return module


def sequential_direction(x: Tensor, parameters: dict[str, Tensor]) -> Tensor:
    """One direction of a mixer for one example, `x` (frames, inner), frame by frame."""
    w, b = parameters["conv1d.weight"][:, 0], parameters["conv1d.bias"]
    A = -torch.exp(parameters["A_log"])
    taps, state = w.shape[1], A.shape[1]
    rank = parameters["dt_proj.weight"].shape[1]
    h = torch.zeros_like(A)
    y = []
    for t in range(len(x)):
        v = b
        for k in range(taps):
            if t - k >= 0:
                v = v + w[:, taps - 1 - k] * x[t - k]
        v = silu(v)
        step, B, C = (parameters["x_proj.weight"] @ v).split([rank, state, state])
        delta = softplus(parameters["dt_proj.weight"] @ step + parameters["dt_proj.bias"])
        h = torch.exp(delta[:, None] * A) * h + delta[:, None] * B[None, :] * v[:, None]
        y.append(h @ C + parameters["D"] * v)
    return torch.stack(y)


def sequential_mixer(h: Tensor, parameters: dict[str, Tensor], bidirectional: bool) -> Tensor:
    rows = []
    for example in h:
        x, gate = (example @ parameters["in_proj.weight"].T).chunk(2, -1)
        y = sequential_direction(x, parameters)
        if bidirectional:
            names = ("conv1d.weight", "conv1d.bias", "x_proj.weight", "dt_proj.weight")
            back = {name: parameters[name.replace(".", "_b.")] for name in names}
            back["dt_proj.bias"] = parameters["dt_proj_b.bias"]
            back["A_log"], back["D"] = parameters["A_b_log"], parameters["D_b"]
            y = (y + sequential_direction(x.flip(0), back).flip(0)) / 2
        rows.append((y * silu(gate)) @ parameters["out_proj.weight"].T)
    return torch.stack(rows)


@pytest.mark.parametrize("config", [SMALL, CAUSAL])
@pytest.mark.parametrize("frames", [1, 2, 70])
def test_equals_a_mamba_written_out_frame_by_frame(config: MambaConfig, frames: int) -> None:
    mixer = block(config).mixer
    exact = {
        k: v.detach().double().requires_grad_() for k, v in mixer.state_dict(keep_vars=True).items()
    }
    h, weight = torch.randn(2, frames, 12), torch.randn(2, frames, 12)
    h_exact, h = h.double().requires_grad_(), h.requires_grad_()
    expected = sequential_mixer(h_exact, exact, config.bidirectional)
    y = mixer(h)
    torch.testing.assert_close(y.double(), expected, rtol=1e-5, atol=1e-5)
    y.backward(weight)
    expected.backward(weight.double())
    assert h.grad is not None
    assert h_exact.grad is not None
    torch.testing.assert_close(h.grad.double(), h_exact.grad, rtol=1e-4, atol=1e-4)
    for name, parameter in mixer.named_parameters():
        assert parameter.grad is not None, name
        gradient = exact[name].grad
        assert gradient is not None, name
        torch.testing.assert_close(parameter.grad.double(), gradient, rtol=1e-4, atol=1e-4)


def test_equals_transformers_mamba_with_the_same_weights() -> None:
    """Every name of a public Mamba's layers is ours, with values and gradients the same."""
    modeling = pytest.importorskip("transformers.models.mamba.modeling_mamba")
    torch.manual_seed(0)
    peer = modeling.MambaModel(
        modeling.MambaConfig(
            vocab_size=8,
            hidden_size=12,
            state_size=5,
            num_hidden_layers=2,
            use_cache=False,
            use_associative_scan=False,
        )
    )
    blocks = mamba_blocks(CAUSAL)
    blocks.load_state_dict(peer.layers.state_dict(), strict=True)
    h = torch.randn(2, 40, 12)
    theirs, ours = h.clone().requires_grad_(), h.clone().requires_grad_()
    expected = peer(inputs_embeds=theirs, output_hidden_states=True).last_hidden_state
    y: Tensor = ours
    for module in blocks:
        y = module(y)
    y = peer.norm_f(y)
    torch.testing.assert_close(y, expected, rtol=1e-5, atol=1e-5)
    weight = torch.randn_like(y)
    expected.backward(weight)
    gradients = {name: p.grad.clone() for name, p in peer.layers.named_parameters()}
    peer.zero_grad()
    y.backward(weight)
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-4, atol=1e-4)
    for name, parameter in blocks.named_parameters():
        torch.testing.assert_close(parameter.grad, gradients[name], rtol=1e-4, atol=1e-4)


def test_transformers_mixer_has_our_names_and_output() -> None:
    modeling = pytest.importorskip("transformers.models.mamba.modeling_mamba")
    mixer = block(CAUSAL).mixer
    peer = modeling.MambaMixer(modeling.MambaConfig(hidden_size=12, state_size=5), layer_idx=0)
    peer.load_state_dict(mixer.state_dict(), strict=True)
    h = torch.randn(3, 33, 12)
    torch.testing.assert_close(mixer(h), peer(h), rtol=1e-5, atol=1e-5)


@settings(max_examples=15, deadline=None)
@given(frames=st.integers(1, 80), cut=st.integers(0, 79))
def test_a_causal_block_hears_no_future(frames: int, cut: int) -> None:
    module, h = block(CAUSAL), torch.randn(1, frames, 12)
    with torch.no_grad():
        whole, start = module(h), module(h[:, : cut + 1])
    torch.testing.assert_close(whole[:, : cut + 1], start, rtol=1e-5, atol=1e-5)


def test_a_bidirectional_block_hears_both_ways() -> None:
    module, h = block(SMALL), torch.randn(1, 20, 12)
    changed = h.clone()
    changed[:, 10] += 1
    with torch.no_grad():
        difference = (module(changed) - module(h)).abs().amax((0, 2))
    assert (difference > 0).all()


def test_time_reversed_with_directions_exchanged_is_the_same() -> None:
    mixer = block(SMALL).mixer
    exchanged = MambaMixer(SMALL)
    state = mixer.state_dict()

    def other(name: str) -> str:
        if name.startswith(("in_proj", "out_proj")):
            return name
        module, dot, rest = name.partition(".")
        pairs = {"A_log": "A_b_log", "D": "D_b"} | {
            m: f"{m}_b" for m in ("conv1d", "x_proj", "dt_proj")
        }
        return (pairs | {b: a for a, b in pairs.items()})[module] + dot + rest

    exchanged.load_state_dict({other(name): value for name, value in state.items()})
    h = torch.randn(2, 30, 12)
    with torch.no_grad():
        torch.testing.assert_close(exchanged(h.flip(1)).flip(1), mixer(h))
        assert not torch.allclose(exchanged(h), mixer(h), atol=1e-3)


@pytest.mark.parametrize(("width", "millions"), [(256, 15.44), (512, 58.15)])
def test_the_paper_sizes(width: int, millions: float) -> None:
    """Mamba-TasNet (M) and (L) have 15.6 M and 59.6 M parameters with encoder and decoder."""
    config = MambaConfig.paper(width=width)
    assert (config.layers, config.state, config.expand, config.conv_kernel) == (32, 16, 2, 4)
    assert config.bidirectional
    with torch.device("meta"):
        parameters = sum(p.numel() for p in MambaBlock(config).parameters())
    assert config.layers * parameters / 1e6 == pytest.approx(millions, abs=0.01)


def test_starts_as_mamba_does() -> None:
    torch.manual_seed(0)
    config = MambaConfig.desk()
    blocks = mamba_blocks(config)
    assert len(blocks) == config.layers
    mixer = blocks[0].mixer
    for dt_proj, a_log in ((mixer.dt_proj, mixer.A_log), (mixer.dt_proj_b, mixer.A_b_log)):
        step = softplus(dt_proj.bias)
        assert 0.99e-3 < step.min() < 2e-3
        assert 0.05 < step.max() < 0.101
        torch.testing.assert_close(a_log.exp()[3], torch.arange(1.0, config.state + 1))
    # The residual sum keeps its level: torch's uniform start of a layer, over the root of layers.
    std = (3 * config.inner * config.layers) ** -0.5
    assert mixer.out_proj.weight.std().item() == pytest.approx(std, rel=0.05)
    h = torch.randn(1, 50, config.width)
    assert not MambaConfig.desk(bidirectional=False).bidirectional
    for module in blocks:
        h = module(h)
    assert h.isfinite().all()
    assert 0.5 < h.std() < 2


def test_silence_stays_silence_and_every_parameter_learns() -> None:
    module = block(SMALL)
    assert not module.mixer.in_proj(torch.zeros(1, 9, 12)).any()
    assert module(torch.zeros(1, 9, 12)).abs().max() == 0
    module(torch.randn(1, 9, 12)).square().sum().backward()
    still = [name for name, p in module.named_parameters() if p.grad is None or not p.grad.any()]
    assert still == []


def test_bad_sizes_are_named() -> None:
    with pytest.raises(ValueError, match="state must be >= 1, not 0"):
        MambaConfig(width=8, layers=1, state=0)
    with pytest.raises(ValueError, match="step_range must be 0 < low <= high"):
        MambaConfig(width=8, layers=1, step_range=(0.1, 0.01))
