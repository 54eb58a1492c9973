"""A long curve of one run: every value faintly, the running mean clearly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rnnlab.figures import axes as axis_tools

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rnnlab.figures.style import Style
    from rnnlab.figures.subject import Subject
    from rnnlab.flow.quantity import Quantity

_WINDOWS = 50  # a curve of 50 independent means is smooth, and still shows what changes


def window_of(count: int) -> int:
    """Give the number of values that are averaged."""
    return max(1, count // _WINDOWS)


def smooth(values: np.ndarray, window: int) -> np.ndarray:
    """Give the mean over a window of values around each; at both ends over those that there are."""
    values = values.astype(np.float64)
    before = (window - 1) // 2
    starts = np.clip(np.arange(values.size) - before, 0, None)
    stops = np.clip(np.arange(values.size) - before + window, None, values.size)
    with np.errstate(over="ignore", invalid="ignore"):
        sums = np.concatenate([[0.0], np.cumsum(values)])
        return np.asarray((sums[stops] - sums[starts]) / (stops - starts))


def finite_part(values: np.ndarray) -> np.ndarray:
    """Give the values before the first that is not finite."""
    bad = np.flatnonzero(~np.isfinite(values))
    return values[: bad[0]] if bad.size else values


def draw_smoothed(axes: Axes, x: np.ndarray, values: np.ndarray, style: Style, each: str) -> None:
    """Draw values and their running mean; `each` says what one of them is."""
    window = window_of(values.size)
    if window > 1:
        axes.plot(x, values, color=style.faint, alpha=0.5, linewidth=0.4 * style.line, label=each)
    name, marker = (f"mean of {window}", None) if window > 1 else (each, "o")
    smoothed = smooth(values, window)
    axes.plot(x, smoothed, color=style.palette[0], marker=marker, markersize=0.3 * style.font, label=name)


def draw_series(axes: Axes, subject: Subject, style: Style, quantity: Quantity) -> None:
    """Draw a quantity of one axis that is no record."""
    recorded = subject.require(quantity)
    values = finite_part(recorded.array)
    if not values.size:
        axis_tools.say(axes, f"No number of {quantity.symbol} is finite.", quantity.symbol)
        return
    (axis,), x = quantity.axes, recorded.across()[: values.size]
    axes.set_title(quantity.symbol)
    draw_smoothed(axes, x, values, style, f"each {axis.name}")
    axis_tools.set_scale(axes, quantity, values)
    axis_tools.axis_across(axes, x, axis.label)
    axes.set_ylabel(quantity.symbol)
    axis_tools.legend(axes)
