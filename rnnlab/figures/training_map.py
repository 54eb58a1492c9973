"""A quantity over training: a map of log10 ||dL/dh_t||, timesteps across, updates upward, or of any other.

What has no logarithm is not hidden behind a floor: true zeros, infinities and NaN have colours of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator
from matplotlib.transforms import ScaledTranslation

from rnnlab.figures import axes as axis_tools
from rnnlab.figures.forms import axis_across
from rnnlab.figures.scales import SHOWN, ZERO, classify

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rnnlab.figures.style import Style
    from rnnlab.figures.subject import Subject
    from rnnlab.flow.quantity import Quantity

_MOST_ROWS = 240  # about one for each pixel of a panel
MARKED = ("exactly 0", "infinite", "NaN")  # in the order of `classify`


def draw_map(axes: Axes, subject: Subject, style: Style, quantity: Quantity, layer: int) -> None:
    """Draw a quantity of a layer over training."""
    recorded = subject.require(quantity)
    is_log = quantity.scale == "log"
    title = ("log10 " if is_log else "") + quantity.symbol + subject.layer_words(quantity, layer)
    lacking = subject.why_lacking(quantity, layer)
    if lacking:
        axis_tools.say(axes, lacking, title)
        return
    if recorded.records < 2:
        before = "" if subject.record.diverged_at is None else " before the run diverged"
        axis_tools.say(axes, f"No map over training: there is only one record{before}.", title)
        return
    # After divergence all is NaN: as much of it is drawn as there is before it.
    some = slice(2 * recorded.records)
    values_RX, steps_R = recorded.of_layer(layer)[some], recorded.every_step_R[some]
    rows = choose_rows(values_RX, _MOST_ROWS, zeros=is_log)
    shown = f" ({len(rows)} of {len(steps_R)} records)" if len(rows) < len(steps_R) else ""
    axes.set_title(title + shown)
    x = recorded.across()
    _draw_cells(axes, values_RX[rows], (_edges(x), _edges(steps_R[rows])), style, quantity)
    axis_tools.number_ticks(axes, x)
    axes.set_xlabel(axis_across(quantity).label)
    axis_tools.whole_ticks(axes, int(steps_R[0]), int(steps_R[-1]), "y")
    axes.set_ylabel("update")


def choose_rows(values_RX: np.ndarray, most: int, *, zeros: bool = True) -> list[int]:
    """Choose at most so many records, evenly; of neighbours, the one with something to mark comes first."""
    if len(values_RX) <= most:
        return list(range(len(values_RX)))
    marked_R = np.any(classify(values_RX, zeros=zeros) != SHOWN, axis=1)
    blocks = np.array_split(np.arange(len(values_RX)), most)
    return [int(block[np.argmax(marked_R[block])]) for block in blocks]


def _draw_cells(
    axes: Axes, values_RX: np.ndarray, edges: tuple[np.ndarray, np.ndarray], style: Style, quantity: Quantity
) -> None:
    is_log = quantity.scale == "log"
    kinds = classify(values_RX, zeros=is_log)
    if quantity.zero_is_minus_infinity:
        kinds[np.isneginf(values_RX)] = ZERO
    can_show = kinds == SHOWN
    colours_RX = np.full(values_RX.shape, np.nan)
    colours_RX[can_show] = np.log10(values_RX[can_show]) if is_log else values_RX[can_show]
    if can_show.any():
        mesh = axes.pcolormesh(*edges, np.ma.masked_invalid(colours_RX), cmap=style.sequential, rasterized=True)
        low, high = float(colours_RX[can_show].min()), float(colours_RX[can_show].max())
        room = 0.5 if high - low < 1e-6 else 0.0
        mesh.set_clim(low - room, high + room)
        bar = axes.figure.colorbar(mesh, ax=axes, pad=0.02, fraction=0.06)
        bar.ax.yaxis.set_major_locator(MaxNLocator(4))
        bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: axis_tools.signed(value)))
        bar.outline.set_visible(False)
    colours = [style.zero, style.infinite, style.undefined]
    if not can_show.all():
        marks = np.ma.masked_less(kinds, 0)
        axes.pcolormesh(*edges, marks, cmap=ListedColormap(colours), vmin=-0.5, vmax=2.5, rasterized=True)
        _mark_legend(axes, [i for i in range(3) if (kinds == i).any()], colours, style)
    axes.set_label(quantity.symbol)


def _mark_legend(axes: Axes, present: list[int], colours: list[str], style: Style) -> None:
    handles = [Patch(facecolor=colours[i], edgecolor=style.ink, linewidth=0.5, label=MARKED[i]) for i in present]
    inches = axes.figure.dpi_scale_trans  # a distance from the panel that does not depend on its height
    below = axes.transAxes + ScaledTranslation(0, -3.2 * style.font / 72, inches)
    axes.legend(
        handles=handles,
        loc="upper center",
        bbox_to_anchor=(0.5, 0.0),
        bbox_transform=below,
        ncols=3,
        columnspacing=1.0,
    )


def _edges(places: np.ndarray) -> np.ndarray:
    """Give the borders of rows or columns, half way between two; a single one is one wide."""
    if len(places) == 1:
        return np.array([places[0] - 0.5, places[0] + 0.5])
    middles = (places[1:] + places[:-1]) / 2
    ends = places[0] - (middles[0] - places[0]), places[-1] + (places[-1] - middles[-1])
    return np.concatenate([[ends[0]], middles, [ends[1]]])
