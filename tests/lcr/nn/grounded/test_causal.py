"""The causal STFT rebuilds, the level is what it says, and packed layers are the layers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lcr.audio.low_delay import RunningLevel
from lcr.nn.grounded.causal import CausalConfig, CausalRemixer
from lcr.nn.grounded.causal_bands import CausalTransform

SMALL = CausalConfig(
    n_fft=64,
    hop=16,
    band_bins=(4, 4, 8, 17),
    channels=8,
    blocks=1,
    query_channels=8,
    match_dim=4,
    film_hidden=4,
    mask_hidden=8,
    z_dim=21,
    columns=5,
)


def network() -> CausalRemixer:
    torch.manual_seed(0)
    model = CausalRemixer(SMALL).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 300), st.integers(2, 50))
def test_the_transform_rebuilds_any_length(samples: int, hop: int) -> None:
    transform = CausalTransform(hop, (2 * hop + 1,))
    x = torch.randn(2, samples)
    spectrum = transform(x)
    assert spectrum.shape == (2, 2 * hop + 1, -(-samples // hop) + 1)
    torch.testing.assert_close(transform.inverse(spectrum, samples), x, atol=1e-5, rtol=1e-5)


def test_a_frame_ends_with_its_block() -> None:
    transform = CausalTransform(16, (33,))
    x = torch.zeros(1, 160)
    x[0, 64] = 1.0  # the first sample of block 4
    heard = transform(x).abs().sum(1)[0] > 1e-6
    assert heard.nonzero().flatten().tolist() == [4, 5, 6]  # of frame 7 it is the first: weight 0


@given(st.lists(st.floats(0, 10), min_size=1, max_size=40), st.integers(1, 39))
@settings(max_examples=30, deadline=None)
def test_the_level_is_the_weighted_mean_in_any_parts(powers: list[float], cut: int) -> None:
    level, given_ = RunningLevel(5.0), np.array([powers])
    whole, _ = level.follow(given_, level.start(1))
    age = np.arange(len(powers))[::-1]
    weight = np.exp(-age / 5.0)
    last = np.sqrt((weight * powers).sum() / weight.sum() + 1e-12)
    assert float(whole[0, -1]) == pytest.approx(last, rel=1e-5)
    if cut < len(powers):
        first, state = level.follow(given_[:, :cut], level.start(1))
        second, _ = level.follow(given_[:, cut:], state)
        np.testing.assert_allclose(np.concatenate([first, second], 1), whole)


def test_the_level_forgets_nothing_of_its_precision_in_an_hour() -> None:
    level = RunningLevel(200.0)
    state = level.start(1)
    for _ in range(36):
        out, state = level.follow(np.full((1, 10_000), 0.25), state)
    np.testing.assert_allclose(out, 0.5, atol=1e-7)


def test_packed_layers_are_the_layers() -> None:
    x, z = torch.randn(3, 500), torch.rand(3, 2, 21)
    with torch.no_grad():
        plain = network()(x, z)
        packed = network().pack()(x, z)
    assert plain.abs().max() > 0.1
    torch.testing.assert_close(packed, plain, atol=1e-5, rtol=1e-4)


def test_the_embedding_after_the_slots_counts_for_nothing() -> None:
    x, z = torch.randn(1, 500), torch.rand(1, 1, 30)
    other = z.clone()
    other[..., 21:] += 1
    with torch.no_grad():
        assert torch.equal(network()(x, z), network()(x, other))


def test_the_shipped_size_keeps_its_budget_and_its_latency() -> None:
    config = CausalConfig()
    parameters = sum(p.numel() for p in CausalRemixer(config).parameters())
    assert parameters <= 250_000
    assert (2 * config.hop - 1) / 16_000 <= 0.020


def test_a_hop_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="4 hops of 32"):
        replace(SMALL, hop=32)
