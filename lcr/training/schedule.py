"""Halving the rate when validation stands still (appendix A)."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass
class Plateau:
    """Part of a run's saved state. `factor` multiplies every rate, the reader's too."""

    best: float = -math.inf
    flat: int = 0
    """Validations in a row that were no better than `best`."""
    factor: float = 1.0

    def update(self, figure: float, *, patience: int) -> None:
        """Take one validation's figure, higher is better; NaN counts as no better.

        The `patience`-th flat one in a row halves the rate and starts the count anew.
        """
        if figure > self.best:
            self.best, self.flat = figure, 0
            return
        self.flat += 1
        if self.flat == patience:
            self.factor, self.flat = self.factor / 2, 0
