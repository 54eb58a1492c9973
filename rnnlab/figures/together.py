"""Several quantities of a layer in one panel, first and last record: records by colour, quantities by dashes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.lines import Line2D

from rnnlab.figures import axes as axis_tools
from rnnlab.figures.curves import MARKED_POINTS, draw_curve
from rnnlab.figures.forms import axis_across
from rnnlab.figures.hues import Dashes
from rnnlab.figures.style import ordered_colours

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rnnlab.figures.style import Style
    from rnnlab.figures.subject import Recorded, Subject

DASHES: tuple[Dashes, ...] = ("-", "--", ":")


def end_records(recorded: Recorded, style: Style) -> list[tuple[int, str]]:
    """Give the first and the last record, each with the colour that it has among the curves of a run."""
    colours = ordered_colours(style, len(recorded.curves))
    return [(0, colours[0]), *([(recorded.records - 1, colours[-1])] if recorded.records > 1 else [])]


def draw_together(
    axes: Axes, subject: Subject, style: Style, layer: int, names: Mapping[str, str], title: str, label: str
) -> None:
    """Draw quantities of the same axes.

    Args:
        axes: the panel.
        subject: the run, which has all of them.
        style: how it looks.
        layer: which one.
        names: the quantities by name, each with what the legend of dashes calls it.
        title: of the panel.
        label: of what goes upward.
    """
    its = [(words, subject.require(name)) for name, words in names.items()]
    drawn = []
    for (_, recorded), dashes in zip(its, DASHES, strict=False):
        x, values_RX = recorded.across(), recorded.of_layer(layer)
        dots = "o" if len(x) <= MARKED_POINTS else ""
        for record, colour in end_records(recorded, style):
            step, quantity = recorded.steps_R[record], recorded.quantity
            draw_curve(axes, x, values_RX[record], colour, style, quantity, f"{quantity.name} {step}", dots, dashes)
            drawn.append(values_RX[record])
    first = its[0][1].quantity
    title += subject.layer_words(first, layer)
    if not np.isfinite(np.concatenate(drawn)).any():
        axis_tools.say(axes, f"No number of {first.symbol} is finite.", title)
        return
    axis_tools.set_scale(axes, first, np.concatenate(drawn))
    axis_tools.axis_across(axes, its[0][1].across(), axis_across(first).label)
    axes.set_ylabel(label)
    dash_legend(axes, style, title, [(dashes, words) for dashes, (words, _) in zip(DASHES, its, strict=False)])


def dash_legend(
    axes: Axes, style: Style, title: str, entries: Sequence[tuple[Dashes, str]], colours: Sequence[str] = ()
) -> None:
    """Say between title and panel what the dashes mean; with colours, what these mean too."""
    colours = colours or [style.ink] * len(entries)
    handles = [
        Line2D([], [], color=colour, linestyle=dashes) for (dashes, _), colour in zip(entries, colours, strict=True)
    ]
    words = [words for _, words in entries]
    axes.legend(handles, words, loc="lower left", bbox_to_anchor=(0, 1), ncols=3, columnspacing=1.0)
    axes.set_title(title, pad=1.9 * style.font)
