"""The page's plots: small panels, a row a system, drawn as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from experiments.comparison.drawing import draw_figure
from experiments.comparison.report.media import data_uri

_DOTS = 100
_WIDTH, _LABELS, _VALUES, _ROW, _TOP, _AXIS, _NOTES = 300, 104, 48, 17, 6, 20, 40
"""Of a panel, in hundredths of an inch."""
_LABEL_CHARACTERS = 17
_FONT = 7.5


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
    """One system in a panel. A `bound` is drawn hollow, `spread` is None for a system without
    scores, `note` is printed behind its mean."""

    name: str
    colour: str
    bound: bool
    spread: Spread | None
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One plot: a task, or an average. `summary` says in words what the picture shows."""

    title: str
    note: str
    summary: str
    picture: str
    """A data URI."""


def limits_of(rows: Sequence[Row]) -> tuple[float, float]:
    """Choose the ends of an axis that shows zero and every row."""
    spreads = [row.spread for row in rows if row.spread is not None]
    low = min([0.0, *(s.low for s in spreads), *(s.centre for s in spreads)])
    high = max([0.0, *(s.high for s in spreads), *(s.centre for s in spreads)])
    if high - low < 1e-9:
        return -1.0, 1.0
    margin = 0.04 * (high - low)
    return low - margin, high + margin


def signed(value: float | None, digits: int = 1) -> str:
    """A decibel figure with its sign and a true minus; an en dash where there is none."""
    if value is None:
        return "–"
    text = f"{value:+.{digits}f}"
    if float(text) == 0:
        return f"{0:.{digits}f}"
    return text.replace("-", "−")


def draw_panel(
    title: str, rows: Sequence[Row], limits: tuple[float, float], *, note: str = ""
) -> Panel:
    """Draw a row a system over one axis in dB."""
    height = _TOP + _ROW * len(rows) + _AXIS
    width = _WIDTH + (_NOTES if any(row.note for row in rows) else 0)

    def draw(figure: Figure) -> None:
        plot = _WIDTH - _LABELS - _VALUES
        axes = figure.add_axes(
            (_LABELS / width, _AXIS / height, plot / width, _ROW * len(rows) / height)
        )
        axes.set(xlim=limits, ylim=(len(rows) - 0.5, -0.5))
        axes.set_yticks(range(len(rows)), [_shorten(row.name) for row in rows])
        axes.tick_params(length=0, labelsize=_FONT)
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.spines["left"].set_visible(False)
        axes.grid(axis="x", color="#dddddd", lw=0.6)
        axes.set_axisbelow(True)
        axes.axvline(0, color="#767676", lw=0.8)
        for y, row in enumerate(rows):
            centre = signed(row.spread.centre if row.spread else None)
            value = f"{centre} · {row.note}" if row.note else centre
            place = axes.get_yaxis_transform()
            axes.text(1.03, y, value, transform=place, va="center", fontsize=_FONT)
            if row.spread is None:
                continue
            s, colour = row.spread, row.colour
            axes.hlines(y, s.low, s.high, color=colour, lw=1.4)
            if s.box_low is not None and s.box_high is not None:
                box = s.box_high - s.box_low
                axes.barh(y, box, left=s.box_low, height=0.6, color=colour, alpha=0.3)
                axes.vlines(s.centre, y - 0.35, y + 0.35, color=colour, lw=2)
            else:
                face = "white" if row.bound else colour
                axes.plot(s.centre, y, "o", ms=5, color=colour, markerfacecolor=face)

    picture = draw_figure(
        draw, size=(width / _DOTS, height / _DOTS), layout=None, text_as_text=True
    )
    return Panel(
        title=title,
        note=note,
        summary="; ".join(map(_spoken, rows)),
        picture=data_uri("image/svg+xml", picture["svg"]),
    )


def _shorten(name: str) -> str:
    return name if len(name) <= _LABEL_CHARACTERS else f"{name[: _LABEL_CHARACTERS - 1]}…"


def _spoken(row: Row) -> str:
    """Say a row in words, for people who do not see the plot."""
    if row.spread is None:
        return f"{row.name}: no figure"
    spread = row.spread
    words = f"{row.name}: {signed(spread.centre)} dB, {signed(spread.low)} to {signed(spread.high)}"
    return f"{words}, {row.note}" if row.note else words
