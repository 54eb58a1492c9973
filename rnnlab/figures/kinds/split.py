"""Where the gradient of each hidden state comes from: directly, or back through time; and whether they agree."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from rnnlab.figures import axes as axis_tools
from rnnlab.figures.curves import MARKED_POINTS, draw_curve
from rnnlab.figures.forms import axis_across
from rnnlab.figures.hues import Dashes
from rnnlab.figures.measured import curves_of, register_group
from rnnlab.figures.together import dash_legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rnnlab.figures.run_figures import Panel
    from rnnlab.figures.style import Style
    from rnnlab.figures.subject import Subject

_PARTS: tuple[tuple[str, str, Dashes, int], ...] = (
    ("direct_norm", "direct", "-", 0),
    ("backflow_norm", "back through time", "--", 1),
)


def _columns(subject: Subject, style: Style) -> list[Panel]:
    moments = [0] if subject.require("direct_norm").records == 1 else [0, -1]
    parts = [partial(_draw_parts, subject=subject, style=style, record=record) for record in moments]
    return [*parts, *curves_of(subject, style, "split_cosine", (-1.0, 1.0))]


def _draw_parts(axes: Axes, subject: Subject, style: Style, record: int, layer: int) -> None:
    """Draw the norms of both parts at one record."""
    drawn = []
    recorded = subject.require("direct_norm")
    at = record % recorded.records
    title = f"Parts of dL/dh_t, update {recorded.steps_R[at]}" + subject.layer_words(recorded.quantity, layer)
    for name, _, dashes, colour in _PARTS:
        recorded = subject.require(name)
        x, values_T = recorded.across(), recorded.of_layer(layer)[at]
        dots = "o" if len(x) <= MARKED_POINTS else ""
        draw_curve(axes, x, values_T, style.palette[colour], style, recorded.quantity, name, dots, dashes)
        drawn.append(values_T)
    if not np.isfinite(np.concatenate(drawn)).any():
        axis_tools.say(axes, "No number of either part is finite.", title)
        return
    axis_tools.set_scale(axes, recorded.quantity, np.concatenate(drawn))
    axis_tools.axis_across(axes, x, axis_across(recorded.quantity).label)
    axes.set_ylabel("norm (l2)")
    colours = [style.palette[colour] for *_, colour in _PARTS]
    dash_legend(axes, style, title, [(dashes, words) for _, words, dashes, _ in _PARTS], colours)


register_group("split", "the direct part of gradients, and what comes back in time", 140, _columns)
