"""The gradient flow over training: a map of log10 ||dL/dh_t||, timesteps across, updates upward.

What has no logarithm is not hidden behind a floor: true zeros, infinities and NaN have colours of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from rnnlab.figures import axes as axis_tools
from rnnlab.figures.flow import SYMBOLS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rnnlab.figures.style import Style
    from rnnlab.figures.subject import Subject

_MOST_ROWS = 240  # about one for each pixel of a panel
MARKED = ("exactly 0", "infinite", "NaN")


def draw_map(axes: Axes, subject: Subject, style: Style, name: str, layer: int) -> None:
    """Draw an array (R, L, T) of a layer over training."""
    title = f"log10 {SYMBOLS[name]}" + (f", layer {layer}" if subject.layers > 1 else "")
    if subject.records < 2:
        before = "" if subject.info["diverged_at"] is None else " before the run diverged"
        axis_tools.say(axes, f"No map over training: there is only one record{before}.", title)
        return
    # After divergence all is NaN: as much of it is drawn as there is before it.
    values_RT, steps_R = (
        subject.metrics[name][: 2 * subject.records, layer],
        subject.metrics["step"][: 2 * subject.records],
    )
    rows = choose_rows(values_RT, _MOST_ROWS)
    shown = f" ({len(rows)} of {len(steps_R)} records)" if len(rows) < len(steps_R) else ""
    axes.set_title(title + shown)
    _draw_cells(axes, values_RT[rows], _edges(steps_R[rows]), style, SYMBOLS[name])
    axis_tools.whole_ticks(axes, 1, subject.timesteps)
    axes.set_xlabel("timestep t")
    axis_tools.whole_ticks(axes, int(steps_R[0]), int(steps_R[-1]), "y")
    axes.set_ylabel("update")


def choose_rows(values_RT: np.ndarray, most: int) -> list[int]:
    """Choose at most so many records, evenly; of neighbours, the one with something to mark comes first."""
    if len(values_RT) <= most:
        return list(range(len(values_RT)))
    marked_R = (~np.isfinite(values_RT) | (values_RT == 0)).any(axis=1)
    blocks = np.array_split(np.arange(len(values_RT)), most)
    return [int(block[np.argmax(marked_R[block])]) for block in blocks]


def classify(values: np.ndarray) -> np.ndarray:
    """Give 0, 1, 2 for true zeros, infinities, NaN, and -1 for what has a logarithm."""
    return np.select([values == 0, np.isinf(values), np.isnan(values)], [0, 1, 2], default=-1)


def _draw_cells(axes: Axes, values_RT: np.ndarray, edges: np.ndarray, style: Style, symbol: str) -> None:
    kinds = classify(values_RT)
    across = np.arange(values_RT.shape[1] + 1) + 0.5
    has_log = kinds == -1
    logs = np.full(values_RT.shape, np.nan)
    logs[has_log] = np.log10(values_RT[has_log])
    if has_log.any():
        mesh = axes.pcolormesh(across, edges, np.ma.masked_invalid(logs), cmap=style.sequential, rasterized=True)
        low, high = float(logs[has_log].min()), float(logs[has_log].max())
        room = 0.5 if high - low < 1e-6 else 0.0
        mesh.set_clim(low - room, high + room)
        bar = axes.figure.colorbar(mesh, ax=axes, pad=0.02, fraction=0.06)
        bar.ax.yaxis.set_major_locator(MaxNLocator(4))
        bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: axis_tools.signed(value)))
        bar.outline.set_visible(False)
    colours = [style.zero, style.infinite, style.undefined]
    if not has_log.all():
        marks = np.ma.masked_less(kinds, 0)
        axes.pcolormesh(across, edges, marks, cmap=ListedColormap(colours), vmin=-0.5, vmax=2.5, rasterized=True)
        _mark_legend(axes, [i for i in range(3) if (kinds == i).any()], colours, style)
    axes.set_label(symbol)


def _mark_legend(axes: Axes, present: list[int], colours: list[str], style: Style) -> None:
    handles = [Patch(facecolor=colours[i], edgecolor=style.ink, linewidth=0.5, label=MARKED[i]) for i in present]
    axes.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.24), ncols=3, columnspacing=1.0)


def _edges(steps: np.ndarray) -> np.ndarray:
    """Give the borders of the rows, half way between two records."""
    middles = (steps[1:] + steps[:-1]) / 2
    return np.concatenate([[steps[0] - (middles[0] - steps[0])], middles, [steps[-1] + (steps[-1] - middles[-1])]])
