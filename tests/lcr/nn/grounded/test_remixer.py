"""LCR-G: the mask is the stated arithmetic, the prompt steers, level and length are kept."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lcr.instruction import Action
from lcr.nn.grounded.bands import BAND_BINS, BandTransform
from lcr.nn.grounded.remixer import GroundedConfig, GroundedRemixer

COLUMNS = 5  # three that can be named, "everything", "everything else"
EVERYTHING, ELSE = 3, 4
SMALL = GroundedConfig(
    n_fft=64,
    hop=32,
    band_bins=(4, 4, 8, 17),
    channels=8,
    blocks=1,
    query_channels=8,
    query_blocks=2,
    match_dim=4,
    film_hidden=6,
    mask_hidden=8,
    z_dim=4 * COLUMNS + 1 + 3,
    columns=COLUMNS,
)
REMOVE, KEEP, UP, DOWN = range(4)


def network(config: GroundedConfig = SMALL) -> GroundedRemixer:
    torch.manual_seed(0)
    model = GroundedRemixer(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return model


def z_of(*stated: tuple[int, int], unnamed_goes: bool = False) -> Tensor:
    """(1, 1, z_dim) with these (action, column) slots on, and a fixed embedding."""
    slots = torch.zeros(4, COLUMNS)
    for action, column in stated:
        slots[action, column] = 1
    end = torch.tensor([float(unnamed_goes), 0.3, -0.2, 0.1])
    return torch.cat([slots.flatten(), end]).view(1, 1, -1)


@pytest.fixture(scope="module")
def model() -> GroundedRemixer:
    return network()


@pytest.fixture(scope="module")
def x() -> Tensor:
    return torch.randn(1, 700, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def remixed(model: GroundedRemixer, x: Tensor, z: Tensor) -> Tensor:
    return model(x, z)[:, 0]


def test_actions_order_is_the_domain_s() -> None:
    assert [a.gain for a in Action] == [0.0, 1.0, 2.0, 0.5]
    torch.testing.assert_close(network().gains, torch.tensor([0.0, 1.0, 2.0, 0.5]))


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 300), st.sampled_from([(UP, 2.0), (DOWN, 0.5)]))
def test_volume_of_everything_is_exact_untrained(samples: int, asked: tuple[int, float]) -> None:
    action, gain = asked
    x = torch.randn(1, samples)
    y = remixed(network(), x, z_of((action, EVERYTHING)))
    torch.testing.assert_close(y, gain * x, atol=1e-5, rtol=1e-5)


def test_a_prompt_that_says_nothing_returns_the_mixture(model: GroundedRemixer, x: Tensor) -> None:
    torch.testing.assert_close(remixed(model, x, z_of()), x, atol=1e-5, rtol=1e-5)


def test_all_actions_move_the_same_part(model: GroundedRemixer, x: Tensor) -> None:
    """Removing, doubling and halving one thing change the mixture by -1, 1 and -1/2 of it."""
    removed, doubled, halved = (remixed(model, x, z_of((a, 0))) - x for a in (REMOVE, UP, DOWN))
    assert removed.abs().max() > 1e-2
    torch.testing.assert_close(doubled, -removed, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(halved, removed / 2, atol=1e-5, rtol=1e-4)


def test_isolating_is_what_removing_leaves(model: GroundedRemixer, x: Tensor) -> None:
    part = x - remixed(model, x, z_of((REMOVE, 1)))
    isolated = remixed(model, x, z_of((KEEP, 1), unnamed_goes=True))
    torch.testing.assert_close(isolated, part, atol=1e-5, rtol=1e-4)


def test_everything_else_is_what_the_others_leave(model: GroundedRemixer, x: Tensor) -> None:
    kept = remixed(model, x, z_of((KEEP, 0), (REMOVE, ELSE)))
    # The same phrases ground the same parts: what stands under KEEP must be what stays.
    isolated = remixed(model, x, z_of((KEEP, 0), (REMOVE, ELSE), unnamed_goes=True))
    torch.testing.assert_close(kept, isolated, atol=1e-5, rtol=1e-4)
    quieter = remixed(model, x, z_of((KEEP, 0), (DOWN, ELSE)))
    torch.testing.assert_close(quieter, (x + kept) / 2, atol=1e-5, rtol=1e-4)
    assert not torch.allclose(kept, x, atol=1e-2)


def test_what_is_isolated_and_changed_is_changed_once(model: GroundedRemixer, x: Tensor) -> None:
    both = remixed(model, x, z_of((KEEP, 0), (UP, 0), unnamed_goes=True))
    once = remixed(model, x, z_of((KEEP, 0), (DOWN, 0), unnamed_goes=True))
    torch.testing.assert_close(both, 4 * once, atol=1e-5, rtol=1e-4)


def test_what_stands_under_other_actions_matters(model: GroundedRemixer, x: Tensor) -> None:
    alone = remixed(model, x, z_of((REMOVE, 0)))
    told = remixed(model, x, z_of((REMOVE, 0), (UP, 1)))
    only_up = remixed(model, x, z_of((UP, 1)))
    assert not torch.allclose(told - x, alone - x + only_up - x, atol=1e-3)


def test_the_embedding_steers_until_it_is_ignored(x: Tensor) -> None:
    model = network()
    z = z_of((REMOVE, 0))
    other = z.clone()
    other[..., -3:] += 2
    assert not torch.allclose(remixed(model, x, z), remixed(model, x, other), atol=1e-3)
    model.ignore_embedding(4 * COLUMNS + 1)
    torch.testing.assert_close(remixed(model, x, z), remixed(model, x, other))


def test_output_follows_the_level_of_the_input(model: GroundedRemixer, x: Tensor) -> None:
    z = z_of((REMOVE, 0))
    y, loud = remixed(model, x, z), remixed(model, 100 * x, z)
    torch.testing.assert_close(loud, 100 * y, rtol=1e-3, atol=1e-2)


def test_rows_and_instructions_do_not_meet(model: GroundedRemixer) -> None:
    x = torch.randn(3, 400)
    filters = [z_of((REMOVE, 0)), z_of((UP, 1), (DOWN, 2)), z_of((KEEP, 2), (REMOVE, ELSE)), z_of()]
    z = torch.cat(filters, 1).repeat(3, 1, 1)
    with torch.no_grad():
        together = model(x, z)
        alone = [[model(x[i : i + 1], f)[0, 0] for f in filters] for i in range(3)]
    expected = torch.stack([torch.stack(row) for row in alone])
    torch.testing.assert_close(together, expected, rtol=1e-4, atol=1e-4)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 200), st.integers(1, 3))
def test_any_length_and_silence(samples: int, instructions: int) -> None:
    z = z_of((REMOVE, 0)).expand(2, instructions, -1)
    with torch.no_grad():
        y = network()(torch.zeros(2, samples), z)
    assert y.shape == (2, instructions, samples)
    assert y.abs().max() < 1e-5


def test_every_parameter_learns() -> None:
    model = network()
    encoding = model.encode(torch.randn(2, 300))
    z = torch.cat([z_of((REMOVE, 0), (UP, 1)), z_of((KEEP, 2), (DOWN, ELSE))], 1)
    loss = (
        model.remix(encoding, z.repeat(2, 1, 1)).square().sum() + encoding.recognised.square().sum()
    )
    loss.backward()
    still = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert still == []


def test_soft_slots_carry_gradient_to_the_reader(model: GroundedRemixer, x: Tensor) -> None:
    z = torch.sigmoid(torch.randn(1, 2, SMALL.z_dim)).requires_grad_()
    model(x, z).square().sum().backward()
    assert z.grad is not None
    assert (z.grad[..., : 4 * COLUMNS + 1] != 0).float().mean() > 0.9


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 3000))
def test_the_transform_is_inverted_exactly(samples: int) -> None:
    transform = BandTransform(1024, 512, BAND_BINS)
    x = torch.randn(2, samples)
    spectrum = transform(x)
    torch.testing.assert_close(transform.inverse(spectrum, samples), x, atol=1e-5, rtol=1e-5)
    power = transform.band_power(spectrum)
    assert power.shape == (2, len(BAND_BINS), spectrum.shape[-1])
    torch.testing.assert_close(power.sum(1), spectrum.abs().square().sum(1), rtol=1e-3, atol=1e-3)


def test_sizes_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="band_bins sum to 3"):
        replace(SMALL, band_bins=(1, 2))
    with pytest.raises(ValueError, match="hop is 16"):
        replace(SMALL, hop=16)
    with pytest.raises(ValueError, match="z holds 20 values"):
        replace(SMALL, z_dim=4 * COLUMNS)


def test_a_deeper_stem_begins_as_the_network_it_grew_from() -> None:
    small = network()
    deep = GroundedRemixer(replace(SMALL, blocks=3)).eval()
    grown = deep.grow_from(small.state_dict())
    deep.load_state_dict(grown)
    mixture, z = torch.randn(2, 500), z_of((UP, 0), (REMOVE, 1)).expand(2, -1, -1)
    torch.testing.assert_close(deep(mixture, z), small(mixture, z))
    deep.train()
    deep(mixture, z).square().mean().backward()
    assert all(deep.stem[2].band.out.weight.grad.abs().max() > 0 for _ in (0,))
