"""The losses are minus the metrics below their ceiling, and stop at it; silence is defined."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lcr.evaluation.metrics import snr_db, snr_improvement_db
from lcr.losses.snr import SILENT_POWER, negative_snr, negative_snr_improvement
from tests.lcr.evaluation.test_metrics import library


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


def noisy(seed: int, offset: float = 0.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Estimate and reference, (2, 3, 800) each, well above -60 dBFS."""
    torch.manual_seed(seed)
    reference = 0.1 * torch.randn(2, 3, 800) + offset
    return reference + 0.03 * torch.randn(2, 3, 800), reference


def test_snr_is_the_metric_and_asteroid_s_loss() -> None:
    estimate, reference = noisy(0, offset=0.05)
    loss = negative_snr(estimate=estimate, reference=reference, ceiling_db=100.0)
    theirs = library("asteroid.losses.sdr").SingleSrcNegSDR("snr", zero_mean=False)
    for a, b, mine in zip(estimate, reference, loss, strict=True):
        torch.testing.assert_close(mine, theirs(a, b), atol=1e-3, rtol=0)
    waves = {"estimate": estimate[0, 0].numpy(), "reference": reference[0, 0].numpy()}
    metric = snr_db(**waves).value
    assert metric is not None
    assert float(loss[0, 0]) == pytest.approx(-metric, abs=1e-3)


@given(st.floats(-60, 0))
def test_a_silent_target_asks_for_silence(level_db: float) -> None:
    """The loss is the output's level above -60 dBFS; the gradient is finite and points down."""
    silence = torch.zeros(1000)
    tone = torch.sin(torch.arange(1000) * (2 * torch.pi / 10))
    tone = tone / tone.square().mean().sqrt() * 10 ** (level_db / 20)
    estimate = tone.clone().requires_grad_()
    loss = negative_snr(estimate=estimate, reference=silence)
    loss.backward()  # type: ignore[no-untyped-call]
    told = 10 * np.log10(10 ** (level_db / 10 + 6) + 1e-3)
    assert float(loss.detach()) == pytest.approx(told, abs=0.01)
    assert estimate.grad is not None
    assert torch.isfinite(estimate.grad).all()
    assert float((estimate.grad * tone).sum()) > 0


@pytest.mark.parametrize("name", ["snr", "improvement"])
@pytest.mark.parametrize("target", [0.0, 1e-4])
def test_silence_from_silence_has_a_finite_gradient(name: str, target: float) -> None:
    """An exact output, of a silent or a nearly silent target, in either loss."""
    reference = torch.full((50,), target)
    assert float(reference.square().mean()) < SILENT_POWER
    estimate = reference.clone().requires_grad_()
    if name == "snr":
        loss = negative_snr(estimate=estimate, reference=reference)
    else:
        mixture = torch.zeros(50)  # and nothing at all goes in
        loss = negative_snr_improvement(estimate=estimate, reference=reference, mixture=mixture)
    loss.backward()  # type: ignore[no-untyped-call]
    assert float(loss.detach()) == pytest.approx(-30)
    assert estimate.grad is not None
    assert torch.equal(estimate.grad, torch.zeros(50))


def test_a_silent_target_is_no_special_case_of_the_improvement() -> None:
    mixture = 0.1 * torch.randn(500)
    loss = negative_snr_improvement(
        estimate=0.1 * mixture, reference=torch.zeros(500), mixture=mixture, ceiling_db=100.0
    )
    assert float(loss) == pytest.approx(-20, abs=1e-3)
