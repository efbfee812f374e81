"""FiLM is equations 3 and 4, and starts as the identity."""

from __future__ import annotations

import torch

from lcr.nn.film import FiLM


def test_film_is_equation_3_and_4() -> None:
    film = FiLM(4, 6, 5)
    h, z = torch.randn(2, 3, 7, 6), torch.randn(2, 4)
    torch.testing.assert_close(film(h, z), h)  # untrained: the identity
    with torch.no_grad():
        for parameter in film.parameters():
            parameter.normal_()
    expected = (1 + film.gamma(z))[:, None, None] * h + film.beta(z)[:, None, None]
    torch.testing.assert_close(film(h, z), expected)
    gamma, beta = film.modulation(z)
    torch.testing.assert_close((1 + gamma)[:, None, None] * h + beta[:, None, None], expected)
