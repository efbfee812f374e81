"""Vectors of names: running means, ridge regression, and leaving one name out."""

from __future__ import annotations

import pytest
import torch

from lcr.nn.query.names import STYLE_COLUMNS, NameVectors, StyleVectors
from lcr.nn.query.remixer import unit_variance

DIM = 16


def heard_names(count: int = 30, attributes: int = 6, seed: int = 0) -> NameVectors:
    generator = torch.Generator().manual_seed(seed)
    names = NameVectors(torch.randint(0, 4, (count, attributes), generator=generator), DIM)
    names.update(torch.arange(count), torch.randn(count, DIM, generator=generator))
    return names


def test_the_first_vectors_heard_are_averaged_evenly():
    names = NameVectors(torch.zeros(2, 3), 4)
    first, second = torch.tensor([[1.0, 0, 0, 0]]), torch.tensor([[0.0, 1, 0, 0]])
    for vector in (first, second):
        names.update(torch.tensor([1]), vector)
    assert names.means[1].tolist() == [0.5, 0.5, 0.0, 0.0]
    assert names.heard.tolist() == [0, 2]


def test_a_name_as_if_unheard_is_the_regression_on_all_others():
    names = heard_names()
    for left_out in (0, 7, 29):
        others = [i for i in range(30) if i != left_out]
        alone = NameVectors(names.attributes[others], DIM)
        alone.update(torch.arange(29), names.means[others])
        expected = alone.regression()(names.attributes[left_out])
        got = names.unheard(torch.tensor([left_out]))[0]
        assert torch.nn.functional.cosine_similarity(got, expected, dim=0) > 0.999


def test_the_regression_finds_a_linear_map():
    generator = torch.Generator().manual_seed(1)
    attributes = torch.randint(0, 4, (200, 8), generator=generator).float()
    weight, bias = torch.randn(8, DIM, generator=generator), torch.randn(DIM, generator=generator)
    names = NameVectors(attributes, DIM)
    names.update(torch.arange(200), attributes @ weight + bias)
    new = torch.tensor([[0.0, 1, 2, 3, 0, 1, 2, 3]])
    expected = unit_variance(new @ weight + bias)
    assert torch.allclose(names.regression(1e-4)(new), expected, atol=1e-3)


def test_names_never_heard_take_what_their_attributes_predict():
    names = heard_names()
    names.heard[3] = 0
    names.means[3] = 0
    index = torch.tensor([3])
    assert torch.equal(names.recorded(index), names.unheard(index))
    assert torch.allclose(
        names.unheard(index)[0], names.regression()(names.attributes[3]), atol=1e-5
    )


def test_before_anything_is_heard_vectors_are_finite():
    names = NameVectors(torch.ones(4, 3), DIM)
    assert torch.isfinite(names.recorded(torch.arange(4))).all()


@pytest.mark.parametrize("stated", [(), ("speech",), ("speech", "gender=F"), ("all_audio",)])
def test_vectors_of_styles_have_mean_0_and_variance_1(stated):
    row = torch.zeros(1, len(STYLE_COLUMNS))
    for one in stated:
        row[0, STYLE_COLUMNS.index(one)] = 1
    vector = StyleVectors(len(STYLE_COLUMNS), 8, DIM)(row)[0]
    assert vector.mean().item() == pytest.approx(0, abs=1e-5)
    assert vector.var(unbiased=False).item() == pytest.approx(1, abs=1e-2)
