"""Which estimate is of which source: what permutation-invariant training minimises over (Table VII,
"MM + PIT"; Kolbaek et al., 2017)."""

from __future__ import annotations

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor


def permutation_invariant(cost: Tensor) -> Tensor:
    """The lowest mean cost of any one-to-one assignment, (...,), from what each estimate costs as
    each reference, (..., estimates, references); the assignment itself has no gradient.

    With `negative_snr` as the cost and `SoundRemixer.parts` as the estimates, the references are
    the sources as the target holds them. Raises ValueError unless `cost` is square.
    """
    if cost.shape[-1] != cost.shape[-2]:
        raise ValueError(f"as many estimates as references are needed, got {tuple(cost.shape)}")
    matrices = cost.detach().flatten(0, -3) if cost.dim() > 2 else cost.detach().unsqueeze(0)
    columns = [linear_sum_assignment(matrix)[1].tolist() for matrix in matrices.cpu().numpy()]
    chosen = torch.tensor(columns, device=cost.device).view(*cost.shape[:-1], 1)
    return cost.gather(-1, chosen).squeeze(-1).mean(-1)
