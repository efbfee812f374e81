"""Geometry of the page's plots: numbers to positions. The template draws it, so it is escaped."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

WIDTH = 300
LABEL_WIDTH = 104
VALUE_WIDTH = 44
ROW_HEIGHT = 17
TOP = 6
AXIS_HEIGHT = 18
_LABEL_CHARACTERS = 18

# Unit shapes around (0, 0): a system is told by its shape as well as by its colour.
MARKERS: tuple[str, ...] = (
    "M-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0Z",
    "M-3.6,-3.6h7.2v7.2h-7.2Z",
    "M0,-4.6L4.4,3.4H-4.4Z",
    "M0,-5L4.4,0L0,5L-4.4,0Z",
    "M0,4.6L4.4,-3.4H-4.4Z",
    "M-1.5,-4.5h3v3h3v3h-3v3h-3v-3h-3v-3h3Z",
    "M-4.6,0L3.4,-4.4V4.4Z",
    "M4.6,0L-3.4,-4.4V4.4Z",
)


@dataclass(frozen=True, kw_only=True)
class Style:
    """How a system looks in every plot of the page."""

    colour: str
    marker: str
    bound: bool


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Five numbers of a row, in dB: whisker ends, box ends (absent without a box) and centre."""

    low: float
    high: float
    centre: float
    box_low: float | None = None
    box_high: float | None = None


@dataclass(frozen=True, kw_only=True)
class Row:
    """One system in a panel; `spread` None where there is no figure."""

    name: str
    style: Style
    spread: Spread | None


@dataclass(frozen=True, kw_only=True)
class Tick:
    x: float
    text: str
    zero: bool


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A spread's place on the x axis, in SVG user units; `box` is (x, width)."""

    x: float
    low: float
    high: float
    box: tuple[float, float] | None


@dataclass(frozen=True, kw_only=True)
class Mark:
    """One drawn row, in SVG user units."""

    name: str
    label: str
    style: Style
    y: float
    value: str
    drawn: Drawn | None


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One small plot: a task, or an average."""

    title: str
    note: str
    summary: str
    width: int
    height: int
    plot_left: float
    plot_right: float
    axis_y: float
    ticks: tuple[Tick, ...]
    marks: tuple[Mark, ...]


@dataclass(frozen=True, kw_only=True)
class Scale:
    """A linear axis from `low` to `high` dB with round ticks."""

    low: float
    high: float
    step: float

    @property
    def ticks(self) -> list[float]:
        count = round((self.high - self.low) / self.step)
        return [self.low + i * self.step for i in range(count + 1)]


def scale_for(spreads: Sequence[Spread]) -> Scale:
    """A scale that holds zero and every spread, with 2 to 6 round steps."""
    low = min([0.0, *(s.low for s in spreads), *(s.centre for s in spreads)])
    high = max([0.0, *(s.high for s in spreads), *(s.centre for s in spreads)])
    if high - low < 1e-9:
        low, high = -1.0, 1.0
    rough = (high - low) / 4
    magnitude = 10.0 ** math.floor(math.log10(rough))
    step = next(m * magnitude for m in (1, 2, 5, 10) if m * magnitude >= rough)
    return Scale(
        low=math.floor(low / step + 1e-9) * step,
        high=math.ceil(high / step - 1e-9) * step,
        step=step,
    )


def signed(value: float | None, digits: int = 1) -> str:
    """A decibel figure with its sign and a true minus; an en dash where there is none."""
    if value is None:
        return "–"
    text = f"{value:+.{digits}f}"
    if float(text) == 0:
        return f"{0:.{digits}f}"
    return text.replace("-", "−")


def shorten(name: str) -> str:
    if len(name) <= _LABEL_CHARACTERS:
        return name
    return name[: _LABEL_CHARACTERS - 1] + "…"


def panel(title: str, rows: Sequence[Row], scale: Scale, *, note: str = "") -> Panel:
    """Lay out one panel: a row a system, shared axis below."""
    left, right = float(LABEL_WIDTH), float(WIDTH - VALUE_WIDTH)

    def x_of(value: float) -> float:
        unit = (value - scale.low) / (scale.high - scale.low)
        return round(left + unit * (right - left), 2)

    marks = []
    for index, row in enumerate(rows):
        y = TOP + (index + 0.5) * ROW_HEIGHT
        marks.append(
            Mark(
                name=row.name,
                label=shorten(row.name),
                style=row.style,
                y=y,
                value=signed(row.spread.centre if row.spread else None),
                drawn=_drawn(row.spread, x_of) if row.spread else None,
            )
        )
    axis_y = TOP + len(rows) * ROW_HEIGHT + 2
    ticks = tuple(
        Tick(x=x_of(t), text=_tick_text(t, scale.step), zero=abs(t) < scale.step / 1e6)
        for t in scale.ticks
    )
    return Panel(
        title=title,
        note=note,
        summary="; ".join(_spoken(row) for row in rows),
        width=WIDTH,
        height=axis_y + AXIS_HEIGHT,
        plot_left=left,
        plot_right=right,
        axis_y=axis_y,
        ticks=ticks,
        marks=tuple(marks),
    )


def _drawn(spread: Spread, x_of: Callable[[float], float]) -> Drawn:
    box = None
    if spread.box_low is not None and spread.box_high is not None:
        start = x_of(spread.box_low)
        box = (start, round(max(x_of(spread.box_high) - start, 1.0), 2))
    return Drawn(x=x_of(spread.centre), low=x_of(spread.low), high=x_of(spread.high), box=box)


def _tick_text(value: float, step: float) -> str:
    return f"{value:.{max(0, -math.floor(math.log10(step)))}f}".replace("-", "−")


def _spoken(row: Row) -> str:
    """A row in words, for people who do not see the plot."""
    if row.spread is None:
        return f"{row.name}: no figure"
    spread = row.spread
    return f"{row.name}: {signed(spread.centre)} dB, {signed(spread.low)} to {signed(spread.high)}"
