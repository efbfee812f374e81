"""LCR-B: starts as the identity, follows level, takes any length, keeps batches apart."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lcr.nn.band_split import BandSplitConfig, BandSplitRemixer
from lcr.nn.film import FiLM

SMALL = BandSplitConfig(
    n_fft=64,
    hop=32,
    channels=8,
    stem_blocks=1,
    blocks=2,
    z_dim=5,
    film_hidden=6,
    mask_hidden=8,
    match_columns=1,
    band_bins=(4, 4, 8, 17),
)


def network(*, trained: bool = True) -> BandSplitRemixer:
    torch.manual_seed(0)
    model = BandSplitRemixer(SMALL).eval()
    if trained:
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
    return model


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 300), st.integers(1, 3))
def test_an_untrained_network_returns_the_mixture_whatever_the_prompt(
    samples: int, instructions: int
) -> None:
    x, z = torch.randn(2, samples), torch.randn(2, instructions, 5)
    y = network(trained=False)(x, z)
    assert y.shape == (2, instructions, samples)
    torch.testing.assert_close(y, x.unsqueeze(1).expand_as(y), atol=1e-5, rtol=1e-5)


def test_output_follows_the_level_of_the_input() -> None:
    model, x, z = network(), torch.randn(1, 500), torch.randn(1, 1, 5)
    with torch.no_grad():
        torch.testing.assert_close(model(100 * x, z), 100 * model(x, z), rtol=1e-3, atol=1e-2)


def test_the_prompt_matters_and_rows_do_not_meet() -> None:
    model, x, z = network(), torch.randn(3, 400), torch.randn(3, 2, 5)
    with torch.no_grad():
        together = model(x, z)
        alone = torch.stack([model(x[i : i + 1], z[i : i + 1])[0] for i in range(3)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(together[:, 0], together[:, 1], atol=1e-2)


def test_silence_stays_silence_and_every_parameter_learns() -> None:
    model = network()
    assert model(torch.zeros(1, 200), torch.randn(1, 1, 5)).abs().max() < 1e-5
    model(torch.randn(1, 200), torch.randn(1, 1, 5)).square().sum().backward()
    still = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert still == []


def test_an_ignored_embedding_changes_nothing() -> None:
    model, x, z = network(), torch.randn(1, 300), torch.randn(1, 1, 5)
    model.ignore_embedding(4)
    other = z.clone()
    other[..., 4:] += 7
    with torch.no_grad():
        torch.testing.assert_close(model(x, z), model(x, other))


def test_bands_must_cover_the_spectrum() -> None:
    with pytest.raises(ValueError, match="band_bins sum to 3"):
        BandSplitConfig(n_fft=64, hop=32, band_bins=(1, 2))


def test_film_is_equation_3_and_4() -> None:
    film = FiLM(4, 6, 5)
    h, z = torch.randn(2, 3, 7, 6), torch.randn(2, 4)
    torch.testing.assert_close(film(h, z), h)  # untrained: the identity
    with torch.no_grad():
        for parameter in film.parameters():
            parameter.normal_()
    expected = (1 + film.gamma(z))[:, None, None] * h + film.beta(z)[:, None, None]
    torch.testing.assert_close(film(h, z), expected)
