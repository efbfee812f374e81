"""How every figure is drawn: by matplotlib, in one look; equal input gives equal bytes."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from typing import Any, Literal

import matplotlib
from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, GREY = "#0072b2", "#d55e00", "#009e73", "#767676"
COLOURS = (BLUE, ORANGE, GREEN, "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#a6761d")
"""Okabe and Ito's, which people with any colour vision tell apart, and a brown."""

_STYLE: Any = {  # matplotlib types its keys one by one
    "font.family": "DejaVu Sans",  # comes with matplotlib
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "lcr",
    "text.parse_math": False,  # a system may be called "$x$"
}
_METADATA: dict[str, dict[str, None]] = {"png": {"Software": None}, "svg": {"Date": None}}


def draw_figure(
    draw: Callable[[Figure], None],
    *,
    size: tuple[float, float],
    kinds: tuple[Literal["png", "svg"], ...] = ("svg",),
    layout: Literal["constrained"] | None = "constrained",
    text_as_text: bool = False,
) -> dict[str, bytes]:
    """Draw a figure of `size` inches once, and save it in each of the formats `kinds`.

    With `text_as_text` an SVG holds letters instead of their outlines.
    """
    style = _STYLE | {"svg.fonttype": "none" if text_as_text else "path"}
    found: dict[str, bytes] = {}
    with matplotlib.rc_context(style), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = Figure(figsize=size, layout=layout)
        draw(figure)
        for kind in kinds:
            buffer = io.BytesIO()
            figure.savefig(buffer, format=kind, dpi=160, metadata=_METADATA[kind])
            found[kind] = buffer.getvalue()
    return found
