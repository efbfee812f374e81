"""SoundRemixer: SpeechBrain's whole networks, any length, causal form, variants, costs."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lcr.nn.cost import describe
from lcr.nn.film import FiLM
from lcr.nn.paper.dual_path import DualPathConfig
from lcr.nn.paper.mamba import MambaConfig
from lcr.nn.paper.mask_networks import BLOCKS
from lcr.nn.paper.sound_remixer import (
    VARIANTS,
    SoundRemixer,
    SoundRemixerConfig,
    configuration,
    variant,
)
from lcr.nn.paper.tcn import TcnConfig

pytestmark = pytest.mark.slow

NETWORKS = {
    "C": TcnConfig(bottleneck=6, hidden=8, layers=3, repeats=2),
    "T": DualPathConfig(channels=8, blocks=2, layers=1, heads=2, feed_forward=8, chunk=6),
    "M": MambaConfig(width=8, layers=3, state=4),
}


def small(block: str, /, **changes) -> SoundRemixerConfig:
    config = SoundRemixerConfig(
        block=block, network=NETWORKS[block], channels=12, kernel=8, z_dim=5
    )
    return replace(config, **changes)


def network(config: SoundRemixerConfig) -> SoundRemixer:
    torch.manual_seed(0)
    model = SoundRemixer(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return model


@settings(max_examples=30, deadline=None)
@given(
    block=st.sampled_from(BLOCKS),
    samples=st.integers(1, 200),
    instructions=st.integers(1, 3),
    masks=st.integers(1, 3),
)
def test_any_length_gives_that_length(block, samples, instructions, masks) -> None:
    model = network(small(block, masks=masks))
    x, z = torch.randn(2, samples), torch.randn(2, instructions, 5)
    with torch.no_grad():
        y, parts = model(x, z), model.parts(x, z)
    assert y.shape == (2, instructions, samples)
    assert parts.shape == (2, instructions, masks, samples)
    assert y.isfinite().all()
    torch.testing.assert_close(parts.sum(2), y, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("block", BLOCKS)
def test_rows_do_not_meet_and_the_prompt_matters(block: str) -> None:
    model, x, z = network(small(block)), torch.randn(3, 150), torch.randn(3, 2, 5)
    with torch.no_grad():
        together = model(x, z)
        alone = torch.stack([model(x[i : i + 1], z[i : i + 1])[0] for i in range(3)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(together[:, 0], together[:, 1], atol=1e-3)


@pytest.mark.parametrize("block", BLOCKS)
def test_every_parameter_learns(block: str) -> None:
    model = network(small(block, masks=2))
    model(torch.randn(2, 150), torch.randn(2, 2, 5)).square().sum().backward()
    still = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert still == []


@pytest.mark.parametrize("block", BLOCKS)
def test_silence_and_one_sample_are_finite_to_the_gradient(block: str) -> None:
    for x in (torch.zeros(1, 90), torch.randn(1, 1)):
        model = network(small(block))
        model(x, torch.randn(1, 1, 5)).square().sum().backward()
        assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("block", ["C", "M"])
def test_the_causal_form_waits_for_one_kernel_only(block: str) -> None:
    config = variant("causal", small(block)).config
    assert config.is_causal
    assert not small(block).is_causal
    model, z = network(config), torch.randn(1, 1, 5)
    x = torch.randn(1, 300)
    later = x.clone()
    later[:, 180:] = torch.randn(1, 120)
    with torch.no_grad():
        changed = (model(x, z) - model(later, z)).abs()[0, 0]
    assert changed[: 180 - config.kernel].max() == 0
    assert changed[180:].max() > 0


def test_the_authors_causal_form_is_not_strictly_causal() -> None:
    network_config = replace(NETWORKS["C"], causal=True)
    assert not small("C", network=network_config).is_causal


def test_each_variant_changes_what_table_vii_says() -> None:
    default = small("C")
    changed = {name: variant(name, default) for name in VARIANTS}
    assert changed["default"].config == changed["fixed-prompts"].config == default
    assert [n for n, v in changed.items() if v.fixed_prompts] == ["fixed-prompts"]
    assert [n for n, v in changed.items() if v.permutation_invariant] == ["multi-mask-pit"]
    assert [n for n, v in changed.items() if v.config.masks == 4] == [
        "multi-mask",
        "multi-mask-pit",
    ]
    longer = changed["kernel-x4"].config
    assert (longer.kernel, longer.stride) == (32, 16)
    for one in changed.values():
        assert SoundRemixer(one.config)(torch.randn(1, 70), torch.randn(1, 1, 5)).shape[-1] == 70
    with pytest.raises(ValueError, match="no causal form"):
        variant("causal", small("T"))
    with pytest.raises(ValueError, match="no variant 'kernel'"):
        variant("kernel", default)


@pytest.mark.parametrize("block", BLOCKS)
def test_a_config_survives_json(block: str) -> None:
    config = configuration(block, "desk", z_dim=7)
    assert SoundRemixerConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"block": "X"}, "no remix block 'X'; there are C, T, M"),
        ({"block": "T"}, "block T needs a DualPathConfig, got TcnConfig"),
        ({"kernel": 15}, "kernel must be even"),
        ({"masks": 0}, "masks must be 1 or more"),
    ],
)
def test_a_config_that_does_not_fit_is_refused(changes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        small("C", **changes)
    with pytest.raises(ValueError, match="no scale 'huge'"):
        configuration("C", "huge")  # type: ignore[arg-type]


def test_the_papers_sizes() -> None:
    c, t, m = (configuration(block) for block in BLOCKS)
    assert (c.kernel, c.stride, c.channels, t.channels, m.channels) == (16, 8, 512, 256, 256)
    assert (c.network.repeats, c.network.layers, c.network.hidden) == (3, 8, 512)
    assert (t.network.chunk, t.network.blocks, t.network.layers, t.network.heads) == (250, 2, 8, 8)
    assert (m.network.layers, m.network.bidirectional) == (32, True)


def test_costs_are_counted() -> None:
    """By hand for LCR-C: per frame the encoder, bottleneck, 24 layers, mask and decoder."""
    config = configuration("C")
    model = SoundRemixer(config)
    found = describe(config, seconds=1)
    per_frame = 16 * 512 + 512 * 128 + 24 * (2 * 128 * 512 + 3 * 512) + 128 * 512 + 512 * 16
    frames = (16_000 - 16) // 8 + 1
    films = 3 * 2 * (4096 * 128 + 128 * 128)
    assert found.macs_per_s == per_frame * frames + films
    assert found.parameters == sum(p.numel() for p in model.parameters())
    assert found.film_parameters == 3 * 2 * (4096 * 128 + 128 + 128 * 128 + 128)
    assert describe(configuration("T", "desk")).macs_per_s > 0


def test_the_plain_film_starts_as_the_identity() -> None:
    film = FiLM(4, 6, 5, plain=True)
    h, z = torch.randn(2, 3, 6), torch.randn(2, 4)
    torch.testing.assert_close(film(h, z), h)
    with torch.no_grad():
        for parameter in film.parameters():
            parameter.normal_()
    expected = film.gamma(z)[:, None] * h + film.beta(z)[:, None]
    torch.testing.assert_close(film(h, z), expected)
