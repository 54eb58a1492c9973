"""An empty page for so many panels."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

if TYPE_CHECKING:
    from matplotlib.figure import SubFigure

    from rnnlab.figures.style import Style

_LINE = 1.4  # height of a line, in font sizes
_LETTER = 0.53  # mean width of a letter, in font sizes
_WIDE_LETTER = 0.57  # the same in a line with many digits


def make_page(style: Style, rows: float, columns: float) -> Figure:
    """Give an empty figure for so many panels and a title of two lines; its parts find their own places."""
    width, height = style.panel
    inches = style.font / 72
    figure = Figure(figsize=(width * columns, height * rows + 5 * inches))
    figure.set_layout_engine("constrained", w_pad=0.8 * inches, h_pad=0.6 * inches, wspace=0.02)
    return figure


def make_parts(figure: Figure, heights: Sequence[float]) -> list[SubFigure]:
    """Part a page into bands, each with a legend of its own if it likes."""
    parts: Any = figure.subfigures(len(heights), 1, squeeze=False, height_ratios=list(heights))
    return [part for (part,) in parts]


def columns_that_fit(part: SubFigure, style: Style, labels: Sequence[str]) -> int:
    """Give how many entries of a legend stand side by side."""
    width = part.get_figure(root=True).get_figwidth() * 72
    entry = (max(map(len, labels)) * _LETTER * 0.88 + 4.5) * style.font
    rows = math.ceil(len(labels) / max(1, int(width / entry)))
    return math.ceil(len(labels) / rows)


def set_title(figure: Figure, style: Style, *texts: str) -> None:
    """Write what the figure shows above it: title, subtitle, notes, each from a line of its own."""
    letters = int(figure.get_figwidth() * 72 / (_WIDE_LETTER * style.font))
    lines = [line for text in texts for line in textwrap.wrap(text, letters)]
    figure.set_figheight(figure.get_figheight() + (len(lines) - 2) * _LINE * style.font / 72)
    figure.suptitle("\n".join(lines), ha="left", x=0.01, linespacing=_LINE)
