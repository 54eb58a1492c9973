"""What curves of many runs have in common: the runs of each colour, their median, the band of half of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.lines import Line2D

from rnnlab.figures import axes as axis_tools

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rnnlab.figures.collection import ComparedRun
    from rnnlab.figures.hues import Hues
    from rnnlab.figures.style import Style

QUANTILES = (0.25, 0.75)
_BANDED = 4  # with more hues, bands would only cover each other


def by_hue(runs: Sequence[ComparedRun], hues: Hues) -> list[tuple[Any, list[ComparedRun]]]:
    """Part runs by their colours; a colour without a run is left out."""
    key = hues.key
    groups = [(value, [run for run in runs if key is None or run.flat.get(key) == value]) for value in hues.values]
    return [(value, group) for value, group in groups if group]


def by_length(
    runs: Sequence[ComparedRun], length_of: Callable[[ComparedRun], int]
) -> list[tuple[int, list[ComparedRun]]]:
    """Part runs by the lengths of their arrays: a median is taken of what has one."""
    lengths = [length_of(run) for run in runs]
    return [
        (length, [run for run, own in zip(runs, lengths, strict=True) if own == length])
        for length in sorted(set(lengths))
    ]


def median(values_NX: np.ndarray) -> np.ndarray:
    """Give the median over runs of what is not NaN; zeros and infinities take part."""
    middle = np.full(values_NX.shape[1], np.nan)
    some = ~np.isnan(values_NX).all(axis=0)
    with np.errstate(invalid="ignore"):
        middle[some] = np.nanmedian(values_NX[:, some], axis=0)
    return middle


def draw_band(axes: Axes, x: np.ndarray, values_NX: np.ndarray, hues: Hues, colour: str) -> None:
    """Shade what holds half of the runs, where there are several and few hues."""
    if len(values_NX) > 2 and len(hues.values) <= _BANDED and np.isfinite(values_NX).all():
        low, high = np.quantile(values_NX, QUANTILES, axis=0)
        axes.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0)


def diverged_entry(style: Style, words: str = "some diverged") -> tuple[Line2D, str]:
    """Give the entry of a legend that explains the crosses."""
    return Line2D([], [], color=style.ink, marker="x", linestyle=""), words


def share_log(panels: Sequence[Axes]) -> None:
    """Give panels that share a logarithmic axis limits and ticks that hold the curves of all."""
    drawn = [axes for axes in panels if axes.axison]
    values = np.concatenate([np.ravel(line.get_ydata()) for axes in drawn for line in _curves(axes)] or [np.ones(1)])
    if drawn and any(axes.get_yscale() == "log" for axes in drawn):
        for axes in drawn:
            axis_tools.set_log(axes, values)


def _curves(axes: Axes) -> list[Line2D]:
    return [line for line in axes.get_lines() if line.get_transform() == axes.transData or ":" in str(line.get_label())]
