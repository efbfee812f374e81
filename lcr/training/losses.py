"""Losses, keyword-only so that estimate and reference cannot change places."""

from __future__ import annotations

import torch
from torch import Tensor


def negative_snr_improvement(
    *, estimate: Tensor, reference: Tensor, mixture: Tensor, ceiling_db: float = 30.0
) -> Tensor:
    """Minus the SNR improvement in dB, (...,) for waveforms (..., samples) (section IV-C).

    The improvement is the SNR of the change that was asked for, so every task counts alike. It is
    soft-capped at `ceiling_db`: otherwise volume changes of the whole mixture, where nothing
    limits it, take over the gradient. A silent target is no special case; a target equal to the
    mixture (nothing asked for) would be, and instructions exclude it.
    """
    asked = (reference - mixture).square().sum(-1)
    error = (reference - estimate).square().sum(-1)
    floor = 10 ** (-ceiling_db / 10)
    return 10 * torch.log10(error / asked.clamp_min(1e-12) + floor)
