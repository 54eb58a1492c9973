"""Curves along an axis: norms against timesteps, singular values against their rank, any quantity against its own.

One line for each of a few records, coloured from first to last. A true zero stands as a triangle at the lower edge of
the logarithmic axis, an infinity at the upper edge; a NaN leaves a gap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from rnnlab.figures import axes as axis_tools
from rnnlab.figures.forms import axis_across
from rnnlab.figures.style import ordered_colours

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

    from rnnlab.figures.style import Style
    from rnnlab.figures.subject import Recorded, Subject
    from rnnlab.flow.quantity import Quantity

MARKED_POINTS = 30  # with more, dots would touch


def draw_curves(axes: Axes, subject: Subject, style: Style, quantity: Quantity, layer: int) -> None:
    """Draw a quantity of a layer along its axis, for the chosen records."""
    recorded = subject.require(quantity)
    values_RX = recorded.of_layer(layer)
    axes.set_title(quantity.symbol + subject.layer_words(quantity, layer))
    chosen = values_RX[recorded.curves]
    if not np.isfinite(chosen).any():
        none = f"No number of {quantity.symbol} is finite."
        axis_tools.say(axes, subject.why_lacking(quantity, layer) or none, axes.get_title(loc="left"))
        return
    x = recorded.across()
    dots = "o" if len(x) <= MARKED_POINTS else ""
    for record, colour in zip(recorded.curves, ordered_colours(style, len(recorded.curves)), strict=True):
        label = f"{recorded.steps_R[record]}"
        draw_curve(axes, x, values_RX[record], colour, style, quantity, label=label, marker=dots)
    axis_tools.set_scale(axes, quantity, chosen)
    axis_tools.axis_across(axes, x, axis_across(quantity).label)
    axes.set_ylabel(quantity.symbol)


def draw_curve(
    axes: Axes,
    x: np.ndarray,
    values: np.ndarray,
    colour: str,
    style: Style,
    quantity: Quantity,
    label: str,
    marker: str,
    dashes: str = "-",
) -> None:
    """Draw values along an axis; what the other axis cannot show is marked at its edges."""
    axes.plot(x, values, dashes, color=colour, marker=marker, markersize=0.28 * style.font, label=label)
    axis_tools.mark_unshowable(axes, x, values, colour, style, zeros=quantity.scale == "log")


def record_handles(recorded: Recorded, style: Style, drawn: list[Axes]) -> tuple[list[Artist], list[str]]:
    """Give the legend that all panels of a run share: a colour for each record, the marks and bands that occur."""
    colours = ordered_colours(style, len(recorded.curves))
    handles: list[Artist] = [Line2D([], [], color=colour) for colour in colours]
    labels = [f"update {recorded.steps_R[record]}" for record in recorded.curves]
    for name, marker in axis_tools.mark_names(drawn).items():
        handles.append(Line2D([], [], color=style.ink, marker=marker, linestyle=""))
        labels.append(name)
    bands = {str(each.get_label()) for axes in drawn for each in axes.collections} - {""}
    for name in sorted(label[1:] for label in bands if label.startswith("_") and not label.startswith("_child")):
        handles.append(Patch(color=style.faint, alpha=0.3, linewidth=0))
        labels.append(name)
    return handles, labels
