"""What a run tells about itself: log.csv, a row a validation, and TensorBoard events."""

from __future__ import annotations

import csv
import importlib.util
import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lcr.files import write_whole

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class TrainingLog:
    """Rows up to `step`, where the run goes on, are kept; later ones, written by a run that was
    killed before it saved its state, go, so that every row is there once."""

    def __init__(self, folder: Path, step: int) -> None:
        self._path = folder / "log.csv"
        self._rows: list[dict[str, str]] = []
        if self._path.exists():
            with self._path.open(newline="", encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
            self._rows = [row for row in rows if float(row["step"]) <= step]
        self._folder, self._purge = folder / "tensorboard", step + 1
        self._events: SummaryWriter | None = None

    def add(self, step: int, seconds: float, figures: Mapping[str, float]) -> None:
        """One row. Raises OSError, on a full disk for one; the rows before it then stay."""
        shown = {key: f"{value:.5g}" for key, value in figures.items()}
        self._rows.append({"step": str(step), "seconds": f"{seconds:.1f}", **shown})
        # Figures that came with a later version get a column of their own.
        columns = dict.fromkeys(key for found in self._rows for key in found)
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, list(columns), restval="")
        writer.writeheader()
        writer.writerows(self._rows)
        write_whole(self._path, text.getvalue())
        events = self._open_events()
        if events is not None:
            for key, value in figures.items():
                events.add_scalar(key, value, step)
            events.flush()

    def _open_events(self) -> SummaryWriter | None:
        # Without the train extra there is no TensorBoard, and the CSV has everything.
        if self._events is None and importlib.util.find_spec("tensorboard") is not None:
            from torch.utils.tensorboard import SummaryWriter

            self._events = SummaryWriter(str(self._folder), purge_step=self._purge)
        return self._events

    def close(self) -> None:
        if self._events is not None:
            self._events.close()
