"""bfloat16 products are used where they are asked for and the processor has them."""

from __future__ import annotations

import pytest
import torch

from lcr.training.precision import cpu_products


@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize("wanted", [False, True])
def test_both_are_needed(monkeypatch: pytest.MonkeyPatch, wanted: bool, there: bool) -> None:
    monkeypatch.setattr("lcr.training.precision.has_bfloat16", lambda: there)
    with cpu_products(bfloat16=wanted):
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    expected = torch.bfloat16 if wanted and there else torch.float32
    assert product.dtype == expected
