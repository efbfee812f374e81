"""torch's Muon, for processors without bfloat16 products too."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from lcr.training.precision import has_bfloat16


class Muon(torch.optim.Muon):
    """torch.optim.Muon with `adjust_lr_fn="match_rms_adamw"`: the same steps and the same state.

    torch orthogonalises in bfloat16, which a CPU without such products emulates: that took half of
    a training step. There it is done in float32, for all matrices of a shape at once.
    """

    def __init__(
        self, params: Iterable[dict[str, Any]] | Iterable[Tensor], *, lr: float, weight_decay: float
    ) -> None:
        super().__init__(params, lr=lr, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw")

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Take one step with the gradients at hand; a closure is not supported."""
        on_cpu = any(p.device.type == "cpu" for g in self.param_groups for p in g["params"])
        if not on_cpu or has_bfloat16():
            super().step()  # type: ignore[no-untyped-call]
            return
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[Tensor]] = {}
            for parameter in group["params"]:
                if parameter.grad is not None:
                    by_shape.setdefault(parameter.shape, []).append(parameter)
            for alike in by_shape.values():
                self._update(alike, group)

    def _update(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        momentum, rate = group["momentum"], float(group["lr"])
        updates = []
        for parameter in parameters:
            state = self.state[parameter]
            if "momentum_buffer" not in state:
                state["momentum_buffer"] = torch.zeros_like(parameter)
            gradient, buffer = parameter.grad, state["momentum_buffer"]
            assert gradient is not None
            buffer.lerp_(gradient, 1 - momentum)
            updates.append(torch.lerp(gradient, buffer, momentum) if group["nesterov"] else buffer)
        directions = orthogonalised(
            torch.stack(updates), group["ns_coefficients"], group["ns_steps"], group["eps"]
        )
        scale = 0.2 * max(parameters[0].shape) ** 0.5
        for parameter, direction in zip(parameters, directions, strict=True):
            parameter.mul_(1 - rate * group["weight_decay"])
            parameter.add_(direction, alpha=-rate * scale)


def orthogonalised(
    matrices: Tensor, coefficients: tuple[float, float, float], steps: int, eps: float
) -> Tensor:
    """(count, rows, columns) -> the same with all singular values near 1, by the Newton-Schulz
    iteration of Keller Jordan's Muon, in the matrices' own precision."""
    a, b, c = coefficients
    wide = matrices.shape[-2] <= matrices.shape[-1]
    x: Tensor = matrices if wide else matrices.mT
    x = x / x.norm(dim=(-2, -1), keepdim=True).clamp(min=eps)
    for _ in range(steps):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x if wide else x.mT
