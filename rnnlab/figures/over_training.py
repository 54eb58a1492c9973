"""A number of the net, of each layer or of each parameter as a path over the updates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rnnlab.figures import axes as axis_tools
from rnnlab.figures.names import plain
from rnnlab.figures.style import single_colours
from rnnlab.flow.quantity import LAYER, RECORD
from rnnlab.picking import pick

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rnnlab.figures.style import Style
    from rnnlab.figures.subject import Recorded, Subject
    from rnnlab.flow.quantity import Quantity

FEW_RECORDS = 10  # with more, marks would touch
_MOST_LINES = 12
_DASHES = ("-", "--")  # colours repeat after the eighth


def draw_paths(axes: Axes, subject: Subject, style: Style, quantity: Quantity) -> None:
    """Draw a quantity over training; of many parameters, some."""
    recorded = subject.require(quantity)
    names, values_RX = _lines(subject, recorded)
    chosen = pick(len(names), _MOST_LINES)
    title = quantity.symbol + (f" ({len(chosen)} of {len(names)} drawn)" if len(chosen) < len(names) else "")
    shown = values_RX[:, chosen]
    if not np.isfinite(shown).any():
        axis_tools.say(axes, f"No number of {quantity.symbol} is finite.", title)
        return
    axes.set_title(title)
    marker = "o" if recorded.records <= FEW_RECORDS else ""
    for i, (column, colour) in enumerate(zip(chosen, single_colours(style, len(chosen)), strict=True)):
        dashes, values_R = _DASHES[i // 8], values_RX[:, column]
        axes.plot(
            recorded.steps_R,
            values_R,
            dashes,
            color=colour,
            marker=marker,
            markersize=0.4 * style.font,
            label=plain(names[column]),
        )
        axis_tools.mark_unshowable(axes, recorded.steps_R, values_R, colour, style, zeros=quantity.scale == "log")
    axis_tools.set_scale(axes, quantity, shown)
    axis_tools.updates_axis(axes, int(recorded.steps_R[0]), int(recorded.steps_R[-1]))
    axes.set_ylabel(quantity.symbol)
    if len(names) > 1:
        axis_tools.legend(axes)


def _lines(subject: Subject, recorded: Recorded) -> tuple[list[str], np.ndarray]:
    """Give the name of each line, and their values at the records that were made."""
    quantity, values = recorded.quantity, recorded.array[: recorded.records]
    across = [axis for axis in quantity.axes if axis != RECORD]
    if not across:
        return [quantity.symbol], values[:, None]
    if LAYER in across:
        shown = subject.shown_layers
        return [f"layer {layer}" for layer in shown], values[:, shown]
    return [str(name) for name in recorded.arrays[across[0].values or ""]], values
