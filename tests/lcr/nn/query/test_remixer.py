"""LCR-Q's mask arithmetic, level, shapes and presence."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lcr.nn.query.remixer import ITEM_HEAD, QueryConfig, QueryRemixer

TINY = QueryConfig(
    n_fft=64,
    hop=32,
    band_bins=(8, 8, 17),
    channels=8,
    blocks=1,
    query_dim=6,
    query_channels=8,
    query_blocks=1,
    match_dim=4,
    film_hidden=8,
    mask_hidden=8,
    encoder_hidden=8,
    presence_hidden=8,
    items=3,
)


@pytest.fixture(scope="module")
def remixer():
    torch.manual_seed(0)
    network = QueryRemixer(TINY).eval()
    for head in network.heads:  # the untrained ones ignore the query
        torch.nn.init.normal_(head.out.weight, std=0.5)
    return network


def filter_of(rest, *items):
    z = torch.zeros(TINY.z_dim)
    z[0] = rest
    table = z[1:].view(TINY.items, -1)
    for row, (gain, wins, vector) in zip(table, items, strict=False):
        row[:ITEM_HEAD] = torch.tensor([1.0, gain, float(wins)])
        row[ITEM_HEAD:] = vector
    return z.view(1, 1, -1)


def vector(seed):
    return torch.randn(TINY.query_dim, generator=torch.Generator().manual_seed(seed))


MIXTURE = torch.randn(1, 1000, generator=torch.Generator().manual_seed(9)) * 0.1


@torch.no_grad()
@pytest.mark.parametrize("gain", [0.0, 0.5, 1.0, 2.0])
def test_a_filter_that_lists_nothing_scales(remixer, gain):
    out = remixer(MIXTURE, filter_of(gain))[0, 0]
    assert torch.allclose(out, gain * MIXTURE[0], atol=1e-6)


@torch.no_grad()
def test_the_remix_is_linear_in_the_gains(remixer):
    """h = u + sum_k (gain_k - u) m_k."""
    a, b = vector(1), vector(2)
    base = remixer(MIXTURE, filter_of(1.0, (1.0, False, a), (1.0, False, b)))
    assert torch.allclose(base[0, 0], MIXTURE[0], atol=1e-6)
    out = {
        (g, h): remixer(MIXTURE, filter_of(1.0, (g, False, a), (h, False, b)))
        for g, h in ((0.0, 1.0), (1.0, 0.0), (0.0, 0.0), (3.0, 0.5))
    }
    of_a, of_b = base - out[0.0, 1.0], base - out[1.0, 0.0]
    assert torch.allclose(out[0.0, 0.0], base - of_a - of_b, atol=1e-5)
    assert torch.allclose(out[3.0, 0.5], base + 2 * of_a - 0.5 * of_b, atol=1e-5)


@torch.no_grad()
def test_an_exception_is_taken_out_of_the_broader_thing(remixer):
    """Removing a thing, but not that same thing, changes less than removing it."""
    a = vector(1)
    removed = remixer(MIXTURE, filter_of(1.0, (0.0, False, a)))
    saved = remixer(MIXTURE, filter_of(1.0, (0.0, False, a), (1.0, True, a)))
    assert (saved - MIXTURE).norm() < (removed - MIXTURE).norm()


@torch.no_grad()
@settings(deadline=None, max_examples=20)
@given(gain=st.floats(1e-3, 1e3))
def test_the_output_follows_the_level(gain):
    torch.manual_seed(0)
    network = QueryRemixer(TINY).eval()
    z = filter_of(1.0, (0.0, False, vector(1)))
    expected = gain * network(MIXTURE, z)
    assert torch.allclose(network(gain * MIXTURE, z), expected, rtol=1e-3, atol=1e-4 * gain)


@torch.no_grad()
def test_mixtures_and_filters_of_a_batch_do_not_mix(remixer):
    waves = torch.randn(2, 900, generator=torch.Generator().manual_seed(3)) * 0.1
    z = torch.cat([filter_of(1.0, (0.0, False, vector(s))) for s in (1, 2)])
    both = remixer(waves, z)
    for i in range(2):
        alone = remixer(waves[i : i + 1], z[i : i + 1])
        assert torch.allclose(both[i], alone[0], atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("samples", [1, 63, 64, 65, 1000])
def test_any_length_keeps_its_shape_and_silence_is_silent(remixer, samples):
    z = filter_of(1.0, (0.0, False, vector(1)))
    out = remixer(torch.zeros(1, samples), z)
    assert out.shape == (1, 1, samples)
    assert out.abs().max() == 0


@torch.no_grad()
def test_presence_and_descriptions_of_queries_do_not_depend_on_each_other(remixer):
    waves = torch.randn(2, 900, generator=torch.Generator().manual_seed(3)) * 0.1
    encoding = remixer.encode(waves)
    rows, queries = torch.tensor([0, 1, 0]), torch.stack([vector(s) for s in (1, 2, 3)])
    answer = remixer.answer(encoding, rows, queries)
    logits, described = remixer.is_present(encoding, rows, queries, answer)
    assert logits.shape == (3,)
    assert described.shape == (3, TINY.query_dim)
    one = remixer.encode(waves[1:])
    row, query = torch.tensor([0]), queries[1:2]
    alone = remixer.is_present(one, row, query, remixer.answer(one, row, query))
    assert torch.allclose(alone[0], logits[1:2], atol=1e-4)


@torch.no_grad()
def test_a_stretch_of_time_is_described_by_its_frames_alone(remixer):
    """Nothing before or after the stretch weighs in the pooling: other levels there, same power."""
    encoding = remixer.encode(MIXTURE)
    where = remixer.frames_between(encoding, 0.0, 1000 / 16_000)
    whole = remixer.describe(encoding, where)
    assert whole.shape == (1, TINY.query_dim)
    assert where.sum() == pytest.approx(1000 / TINY.hop, abs=1.5)
    assert torch.isfinite(remixer.describe(encoding, torch.zeros_like(where))).all()


@pytest.mark.parametrize("changes", [{"hop": 16}, {"band_bins": (8, 8, 16)}])
def test_sizes_that_do_not_fit_are_refused(changes):
    with pytest.raises(ValueError, match="sum"):
        QueryConfig(n_fft=64, **{"hop": 32, "band_bins": (8, 8, 17), **changes})
