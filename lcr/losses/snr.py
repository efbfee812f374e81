"""Losses, keyword-only so that estimate and reference cannot change places.

Both are soft-capped: 10 log10(error / scale + 10^(-ceiling / 10)) has no gradient left where the
error is far below the ceiling. Otherwise volume changes of the whole mixture, where nothing limits
the SNR, would take over the gradient.
"""

from __future__ import annotations

import torch
from torch import Tensor

SILENT_POWER = 1e-6
"""Mean square of -60 dBFS, below which `lcr.data.mixtures` calls a frame silent."""


def negative_snr(*, estimate: Tensor, reference: Tensor, ceiling_db: float = 30.0) -> Tensor:
    """Minus the SNR in dB, (...,) for waveforms (..., samples) (section IV-C).

    Silent targets: a target's mean square counts as at least `SILENT_POWER`. So a silent one asks
    for silence and never divides by zero: the loss falls with the output's level, from 0 dB for
    an output of -60 dBFS down to minus the ceiling, and its gradient is finite everywhere, zero
    for an output of exact silence.
    """
    error = (reference - estimate).square().mean(-1)
    return snr_loss_of(error=error, power=reference.square().mean(-1), ceiling_db=ceiling_db)


def snr_loss_of(*, error: Tensor, power: Tensor, ceiling_db: float = 30.0) -> Tensor:
    """`negative_snr` from the mean squares of errors and of references, (...,) both."""
    return _capped_db(error / power.clamp_min(SILENT_POWER), ceiling_db)


def negative_snr_improvement(
    *,
    estimate: Tensor,
    reference: Tensor,
    mixture: Tensor,
    ceiling_db: float = 30.0,
) -> Tensor:
    """Minus the SNR improvement in dB, (...,) for waveforms (..., samples) (section IV-C).

    The improvement is the SNR of the change that was asked for, so every task counts alike.

    Silent targets are no special case, for the change asked for is then the whole mixture. A
    target equal to the mixture (nothing asked for) would be, and instructions exclude it; its
    energy of change counts as at least 1e-12.
    """
    asked = (reference - mixture).square().sum(-1)
    error = (reference - estimate).square().sum(-1)
    return _capped_db(error / asked.clamp_min(1e-12), ceiling_db)


def _capped_db(ratio: Tensor, ceiling_db: float) -> Tensor:
    return 10 * torch.log10(ratio + 10 ** (-ceiling_db / 10))
