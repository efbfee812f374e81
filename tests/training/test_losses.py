"""The loss is minus the SNR improvement below its ceiling, and stops at it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lcr.metrics import snr_improvement_db
from lcr.training.losses import negative_snr_improvement


@pytest.mark.parametrize("error", [0.3, 1.0, 2.0])
def test_it_is_the_metric_with_the_sign_turned(error: float) -> None:
    rng = np.random.default_rng(0)
    mixture, target = rng.standard_normal((2, 4000)).astype(np.float32)
    estimate = (target + error * rng.standard_normal(4000)).astype(np.float32)
    loss = negative_snr_improvement(
        estimate=torch.from_numpy(estimate),
        reference=torch.from_numpy(target),
        mixture=torch.from_numpy(mixture),
        ceiling_db=100.0,
    )
    metric = snr_improvement_db(estimate=estimate, reference=target, mixture=mixture).value
    assert metric is not None
    assert float(loss) == pytest.approx(-metric, abs=1e-3)


def test_doing_nothing_scores_zero_and_perfection_the_ceiling() -> None:
    mixture, target = torch.randn(2, 3, 500)
    nothing = negative_snr_improvement(estimate=mixture, reference=target, mixture=mixture)
    torch.testing.assert_close(nothing, torch.full((3,), 0.0), atol=0.01, rtol=0)
    perfect = negative_snr_improvement(estimate=target, reference=target, mixture=mixture)
    torch.testing.assert_close(perfect, torch.full((3,), -30.0), atol=1e-3, rtol=0)


def test_the_gradient_fades_near_the_ceiling() -> None:
    """OVC must not swallow the others: near perfection its gradient is small."""
    mixture, target = torch.randn(2, 500)
    sizes = []
    for error in (0.3, 0.001):
        estimate = (target + error * torch.randn(500)).requires_grad_()
        negative_snr_improvement(estimate=estimate, reference=target, mixture=mixture).backward()  # type: ignore[no-untyped-call]
        assert estimate.grad is not None
        sizes.append(float((estimate.grad * (estimate.detach() - target)).sum()))
    assert sizes[1] < 0.01 * sizes[0]
