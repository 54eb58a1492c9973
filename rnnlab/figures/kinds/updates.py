"""The gradients that training used: how long each was, the limit of clipping, and what clipping made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rnnlab.figures import axes as axis_tools
from rnnlab.figures.forms import drawable
from rnnlab.figures.kind import RUN_KINDS, RunKind
from rnnlab.figures.page import make_page
from rnnlab.figures.run_figures import WIDE_PANEL, draw_sentence
from rnnlab.figures.series import draw_series, finite_part

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rnnlab.figures.style import Style
    from rnnlab.figures.subject import Subject


def _draw(subject: Subject, style: Style) -> Figure:
    """Draw norms with the limit, and beside them the factors where anything was clipped."""
    norm, factor = (drawable()[name] for name in ("update_norm", "clip_factor"))
    if subject.recorded(norm) is None:
        return draw_sentence(style, f"No updates: {subject.why_absent(norm)}.")
    limit = None if subject.record.is_watched else subject.config["training"].get("clip_norm")
    names = [norm] if limit is None else [norm, factor]
    figure = make_page(style, 1, WIDE_PANEL * len(names))
    grid = figure.subplots(1, len(names), squeeze=False)[0]
    for axes, quantity in zip(grid, names, strict=True):
        draw_series(axes, subject, style, quantity)
    if limit is not None and grid[0].axison:
        grid[0].axhline(
            limit, color=style.ink, linestyle="--", linewidth=0.6 * style.line, label=f"clipped at {limit:g}"
        )
        axis_tools.set_scale(grid[0], norm, np.append(finite_part(subject.require(norm).array), limit))
        axis_tools.legend(grid[0])
    return figure


RUN_KINDS.register(RunKind("updates", "the norms of the gradients of updates, and clipping", _draw, 170))
