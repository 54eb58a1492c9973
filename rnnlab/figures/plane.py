"""Complex numbers as points in the plane, with the unit circle: eigenvalues at the first and the last record."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.patches import Circle

from rnnlab.figures import axes as axis_tools
from rnnlab.figures.style import ordered_colours

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rnnlab.figures.style import Style
    from rnnlab.figures.subject import Subject
    from rnnlab.flow.quantity import Quantity


def draw_plane(axes: Axes, subject: Subject, style: Style, quantity: Quantity, layer: int) -> None:
    """Draw a complex quantity of a layer at the first and the last record, with the unit circle."""
    recorded = subject.require(quantity)
    title = quantity.symbol[0].upper() + quantity.symbol[1:] + subject.layer_words(quantity, layer)
    records = [0] if recorded.records == 1 else [0, recorded.records - 1]
    values_RX = recorded.of_layer(layer)[records]
    finite = values_RX[np.isfinite(values_RX)]
    axes.set_title(title)
    if not finite.size:
        none = f"None of the {quantity.symbol} is finite."
        axis_tools.say(axes, subject.why_lacking(quantity, layer) or none, title)
        return
    axes.add_patch(Circle((0, 0), 1, fill=False, edgecolor=style.faint, linewidth=0.7 * style.line))
    colours = ordered_colours(style, 6)
    for row, record, colour, marker in zip(values_RX, records, (colours[0], colours[4]), "ox", strict=False):
        filling = "none" if marker == "o" else colour
        label = f"update {recorded.steps_R[record]}"
        axes.plot(
            row.real, row.imag, marker, color=colour, markersize=0.5 * style.font, label=label, markerfacecolor=filling
        )
    _square(axes, finite)
    axes.set_xlabel("real part")
    axes.set_ylabel("imaginary part")
    axis_tools.legend_above(axes)
    axes.set_title(title, pad=1.9 * style.font)


def _square(axes: Axes, values: np.ndarray) -> None:
    """Show the unit circle and every value, circles as circles."""
    reach = 1.12 * max(1.0, float(np.abs(values.real).max()), float(np.abs(values.imag).max()))
    axes.set_xlim(-reach, reach)
    axes.set_ylim(-reach, reach)
    axes.set_box_aspect(1)
    tick = 1.0 if reach < 3 else float(f"{reach / 1.3:.1g}")
    for axis in (axes.xaxis, axes.yaxis):
        ticks = [-tick, 0.0, tick]
        axis.set_ticks(ticks, [axis_tools.signed(value) for value in ticks])
