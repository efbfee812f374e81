"""ResUNet30: the public names, shapes and numbers, from published rules and plain functions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from baselines.audiosep.checkpoint import fourier_tables
from baselines.audiosep.network import ResUNet30, ResUNetConfig, complex_mask, separate

TINY = ResUNetConfig(n_fft=128, widths=(4, 4, 6, 6, 8, 8), z_dim=12)
NORM = ("weight", "bias", "running_mean", "running_var")


def tiny_network(config: ResUNetConfig = TINY) -> ResUNet30:
    """With statistics and biases that do something, as they do once trained."""
    torch.manual_seed(0)
    network = ResUNet30(config)
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if name.endswith("running_var"):
                value.uniform_(0.5, 2.0)
            elif not name.endswith("num_batches_tracked"):
                value.add_(0.1 * torch.randn_like(value))
    return network.eval()


def passing_network(bias: tuple[float, float, float] = (40.0, 1.0, 0.0)) -> ResUNet30:
    """Its mask is the same everywhere: by default 1, so that the mixture passes."""
    network = tiny_network()
    with torch.no_grad():
        network.base.after_conv.weight.zero_()
        network.base.after_conv.bias.copy_(torch.tensor(bias))
    return network


def public_shapes(config: ResUNetConfig) -> dict[str, tuple[int, ...]]:
    """What `ss_model.` holds in the public checkpoint, but the Fourier matrices, by its rules."""
    shapes: dict[str, tuple[int, ...]] = {}

    def norm(name: str, width: int) -> None:
        shapes.update({f"{name}.{kind}": (width,) for kind in NORM})
        shapes[f"{name}.num_batches_tracked"] = ()

    def film(path: str, first: int, second: int) -> None:
        for beta, width in (("beta1", first), ("beta2", second)):
            shapes[f"film.{path}->{beta}.weight"] = (width, config.z_dim)
            shapes[f"film.{path}->{beta}.bias"] = (width,)

    def block(path: str, into: int, out: int) -> None:
        name = "base." + path.replace("->", ".")
        norm(f"{name}.bn1", into)
        norm(f"{name}.bn2", out)
        shapes[f"{name}.conv1.weight"] = (out, into, 3, 3)
        shapes[f"{name}.conv2.weight"] = (out, out, 3, 3)
        if into != out:
            shapes[f"{name}.shortcut.weight"] = (out, into, 1, 1)
            shapes[f"{name}.shortcut.bias"] = (out,)
        film(path, into, out)

    a, b, c, d, e, f = config.widths
    norm("base.bn0", config.n_fft // 2 + 1)
    shapes |= {"base.pre_conv.weight": (a, 1, 1, 1), "base.pre_conv.bias": (a,)}
    shapes |= {"base.after_conv.weight": (3, a, 1, 1), "base.after_conv.bias": (3,)}
    for i, (into, out) in enumerate([(a, a), (a, b), (b, c), (c, d), (d, e), (e, f)]):
        block(f"encoder_block{i + 1}->conv_block1", into, out)
    block("conv_block7a->conv_block1", f, f)
    for i, (into, out) in enumerate([(f, f), (f, e), (e, d), (d, c), (c, b), (b, a)]):
        path = f"decoder_block{i + 1}"
        shapes[f"base.{path}.conv1.weight"] = (into, out, 1 if i == 0 else 2, 2)
        norm(f"base.{path}.bn1", into)
        norm(f"base.{path}.bn2", into)
        film(path, into, into)
        block(f"{path}->conv_block2", 2 * out, out)
    return shapes


def public_forward(state: dict[str, Tensor], mixture: Tensor, z: Tensor, hop: int) -> Tensor:
    """The public network by plain functions of its tensors: convolutions for Fourier transforms."""

    def norm(name: str, h: Tensor) -> Tensor:
        weight, bias, mean, var = (state[f"base.{name}.{kind}"] for kind in NORM)
        return functional.batch_norm(h, mean, var, weight, bias)

    def shifted(path: str, number: int, h: Tensor) -> Tensor:
        film = f"film.{path.replace('.', '->')}->beta{number}"
        beta = functional.linear(z, state[f"{film}.weight"], state[f"{film}.bias"])
        return functional.leaky_relu(norm(f"{path}.bn{number}", h) + beta[:, :, None, None], 0.01)

    def block(path: str, h: Tensor) -> Tensor:
        x = functional.conv2d(shifted(path, 1, h), state[f"base.{path}.conv1.weight"], padding=1)
        x = functional.conv2d(shifted(path, 2, x), state[f"base.{path}.conv2.weight"], padding=1)
        name = f"base.{path}.shortcut"
        if f"{name}.weight" in state:
            h = functional.conv2d(h, state[f"{name}.weight"], state[f"{name}.bias"])
        return h + x

    n_fft = len(state["base.istft.ola_window"])
    padded = functional.pad(mixture[:, None], (n_fft // 2, n_fft // 2), mode="reflect")
    real, imag = (
        functional.conv1d(padded, state[f"base.stft.conv_{part}.weight"], stride=hop).mT
        for part in ("real", "imag")
    )  # (batch, frames, bins)
    magnitude = (real**2 + imag**2).clamp_min(1e-10) ** 0.5
    cos, sin = real / magnitude, imag / magnitude
    h = norm("bn0", magnitude.mT.unsqueeze(-1)).permute(0, 3, 2, 1)
    frames = h.shape[2]
    h = functional.pad(h, (0, 0, 0, int(np.ceil(frames / 32)) * 32 - frames))[..., :-1]
    h = functional.conv2d(h, state["base.pre_conv.weight"], state["base.pre_conv.bias"])
    skips = []
    for i in range(1, 7):
        skips.append(block(f"encoder_block{i}.conv_block1", h))
        h = functional.avg_pool2d(skips[-1], (2, 2) if i < 6 else (1, 2))
    h = block("conv_block7a.conv_block1", h)
    for i in range(1, 7):
        path = f"decoder_block{i}"
        weight = state[f"base.{path}.conv1.weight"]
        h = functional.conv_transpose2d(shifted(path, 1, h), weight, stride=weight.shape[2:])
        h = block(f"{path}.conv_block2", torch.cat([h, skips.pop()], 1))
    h = functional.conv2d(h, state["base.after_conv.weight"], state["base.after_conv.bias"])
    h = functional.pad(h, (0, 1))[:, :, :frames]
    turn_real, turn_imag = h[:, 1].tanh(), h[:, 2].tanh()
    size = ((turn_real**2 + turn_imag**2) ** 0.5).clamp_min(1e-10)
    turn_cos, turn_sin = turn_real / size, turn_imag / size
    out = magnitude * h[:, 0].sigmoid()
    real = (out * (cos * turn_cos - sin * turn_sin)).mT
    imag = (out * (sin * turn_cos + cos * turn_sin)).mT
    whole = (
        torch.cat([real, real[:, 1:-1].flip(1)], 1),
        torch.cat([imag, -imag[:, 1:-1].flip(1)], 1),
    )
    parts = functional.conv1d(whole[0], state["base.istft.conv_real.weight"])
    parts = parts - functional.conv1d(whole[1], state["base.istft.conv_imag.weight"])
    window = state["base.istft.ola_window"][None, :, None].expand(1, -1, frames)
    length = (frames - 1) * hop + n_fft
    wave, weights = (
        functional.fold(x, (1, length), (1, n_fft), stride=(1, hop))[:, 0, 0]
        for x in (parts, window)
    )
    return (wave / weights.clamp_min(1e-11))[:, n_fft // 2 :][:, : mixture.shape[1]]


def test_the_public_size_has_the_public_names_and_shapes() -> None:
    with torch.device("meta"):
        network = ResUNet30()
    found = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    assert found == public_shapes(ResUNetConfig())
    assert sum(p.numel() for p in network.parameters()) == 26_447_941
    assert (network.config.hop, network.config.sample_rate) == (320, 32_000)
    shapes = {name: tuple(value.shape) for name, value in fourier_tables(2048).items()}
    assert shapes == {
        "base.stft.conv_real.weight": (1025, 1, 2048),
        "base.stft.conv_imag.weight": (1025, 1, 2048),
        "base.istft.ola_window": (2048,),
        "base.istft.conv_real.weight": (2048, 2048, 1),
        "base.istft.conv_imag.weight": (2048, 2048, 1),
    }


@torch.no_grad()
@pytest.mark.parametrize("samples", [65, 640, 1001])
def test_it_computes_what_the_public_network_does(samples: int) -> None:
    network = tiny_network()
    assert {k: tuple(v.shape) for k, v in network.state_dict().items()} == public_shapes(TINY)
    generator = torch.Generator().manual_seed(samples)
    mixture = 0.1 * torch.randn(2, samples, generator=generator)
    z = functional.normalize(torch.randn(2, TINY.z_dim, generator=generator), dim=-1)
    state = network.state_dict() | fourier_tables(TINY.n_fft)
    expected = public_forward(state, mixture, z, TINY.hop)
    got = network(mixture, z)
    torch.testing.assert_close(got, expected, atol=2e-5, rtol=1e-3)
    assert (network(mixture, z.flip(0)) - got).abs().max() > 1e-4  # the query matters


def test_the_mask_is_a_sigmoid_and_a_turn_of_phase() -> None:
    logits = torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 2.0], [100.0, -3.0, 3.0], [5.0, 0.0, 0.0]])
    got = complex_mask(logits.T.reshape(1, 3, 1, 4)).flatten()
    expected = torch.tensor([0.5, 0.5j, (-1 + 1j) / 2**0.5, 0.0])
    torch.testing.assert_close(got, expected)


@torch.no_grad()
@pytest.mark.parametrize("samples", [200, 500, 2001])
def test_what_passes_stays_where_it_is(samples: int) -> None:
    """With a mask of 1 the output is the mixture, less the highest bin."""
    times = torch.arange(samples)
    mixture = 0.1 * torch.cos(0.3 * times).add(torch.cos(1.1 * times + 1)).unsqueeze(0)
    got = separate(passing_network(), mixture, torch.zeros(1, TINY.z_dim))
    assert (got - mixture)[:, 64:-64].abs().max() < 2e-3
    assert got.shape == mixture.shape


@torch.no_grad()
@pytest.mark.parametrize("gain_db", [-20.0, 20.0])
def test_the_level_is_the_inputs(gain_db: float) -> None:
    network, gain = tiny_network(), 10 ** (gain_db / 20)
    mixture, z = 0.05 * torch.randn(1, 900), torch.randn(1, TINY.z_dim)
    plain, scaled = separate(network, mixture, z), separate(network, gain * mixture, z)
    torch.testing.assert_close(scaled / gain, plain, atol=1e-6, rtol=1e-3)
    raw = network(gain * mixture, z) / gain  # which the network alone does not promise
    assert (raw - network(mixture, z)).abs().max() > 1e-3 * plain.abs().max()


def test_silence_stays_silent() -> None:
    silence = torch.zeros(1, 300)
    assert separate(tiny_network(), silence, torch.zeros(1, TINY.z_dim)).abs().max() < 1e-9


@pytest.mark.parametrize(
    "sizes", [{"n_fft": 100}, {"n_fft": 0}, {"widths": (8, 8)}, {"z_dim": 0}, {"widths": (0,) * 6}]
)
def test_sizes_that_do_not_fit_are_refused(sizes: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"n_fft|six widths"):
        ResUNetConfig(**sizes)  # type: ignore[arg-type]


def test_less_than_half_a_frame_is_refused() -> None:
    with pytest.raises(ValueError, match="more than 64 are needed"):
        tiny_network()(torch.zeros(1, 64), torch.zeros(1, TINY.z_dim))
