"""Axes of panels: scaled and labelled so that ticks never crowd, with marks for what they cannot show, or sentences."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from matplotlib.ticker import FixedLocator, MaxNLocator, NullFormatter, NullLocator

from rnnlab.figures.scales import (
    INFINITE,
    ZERO,
    classify,
    finite_positive,
    log_helps,
    log_limits,
    log_ticks,
    tick_labels,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rnnlab.figures.style import Style
    from rnnlab.flow.quantity import Quantity

_MOST_TICKS = 5

_LOGARITHMS, _ROUNDING = ("ln", "per_timestep"), 1e-6
"""Units in which 1 is large, and what the weights' float32 leaves of nothing in them."""


def set_log(axes: Axes, values: np.ndarray, which: Literal["x", "y"] = "y") -> None:
    """Make an axis logarithmic, with room for all values that it can show, and with ticks that never crowd."""
    limits = log_limits(values)
    axis = axes.yaxis if which == "y" else axes.xaxis
    set_limits = axes.set_ylim if which == "y" else axes.set_xlim
    set_limits(*limits)  # before the scale, which would else look for limits of its own and may overflow
    # A zero leaves a gap: by default a line would fall from its neighbour to far below.
    (axes.set_yscale if which == "y" else axes.set_xscale)("log", nonpositive="mask")
    set_limits(*limits)
    ticks = log_ticks(*limits)
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())
    axis.set_ticks(ticks, tick_labels(ticks))


def signed(value: float) -> str:
    """Write a number with a true minus sign, as matplotlib does."""
    return f"{value:.4g}".replace("-", "\N{MINUS SIGN}")


def set_scale(axes: Axes, quantity: Quantity, values: np.ndarray) -> None:
    """Scale the axis upward as a quantity asks for, with room for all values."""
    if quantity.scale == "log" and (not quantity.log_from or log_helps(values, quantity.log_from)):
        set_log(axes, values)
    if quantity.scale == "signed-log":
        _set_signed_log(axes, values)
    if quantity.unit in _LOGARITHMS:
        level_out(axes, values)


def level_out(axes: Axes, values: np.ndarray) -> None:
    """Show logarithms and rates that differ by rounding alone as what they are: level."""
    shown = np.asarray(values)[np.isfinite(values)]
    if shown.size and np.ptp(shown) < _ROUNDING:
        axes.set_ylim(shown.mean() - 1, shown.mean() + 1)


def _set_signed_log(axes: Axes, values: np.ndarray) -> None:
    """Make the axis upward logarithmic on both sides of zero, and linear around it below the smallest of the values."""
    shown = np.asarray(values)[np.isfinite(values)]
    sizes = finite_positive(np.abs(shown))
    high = float(sizes.max()) if sizes.size else 1.0
    low = min(max(float(sizes.min()) if sizes.size else 0.1, 1e-6 * high), 0.1 * high)
    axes.set_yscale("symlog", linthresh=low)
    axes.set_ylim(-2 * high if (shown < 0).any() else -low, 2 * high if (shown > 0).any() else low)
    powers = [power for power in log_ticks(low, high)[::-1][::2] if power > 3 * low]
    labels = dict(zip(powers, tick_labels(powers), strict=True))
    negative = {-power: f"\N{MINUS SIGN}{label}" for power, label in labels.items()}
    ticks = (negative if (shown < 0).any() else {}) | {0.0: "0"} | (labels if (shown > 0).any() else {})
    axes.yaxis.set_ticks(list(ticks), list(ticks.values()))
    axes.yaxis.set_minor_locator(NullLocator())


def mark_unshowable(axes: Axes, x: np.ndarray, y: np.ndarray, colour: str, style: Style, *, zeros: bool = True) -> None:
    """Mark infinities at the edges of an axis; `zeros`: true zeros too, which a logarithmic axis cannot show."""
    kinds = classify(y, zeros=zeros)
    edges = (
        (kinds == ZERO, "v", 0.02, "exactly 0"),
        ((kinds == INFINITE) & (y < 0), "v", 0.02, "minus infinite"),
        ((kinds == INFINITE) & (y > 0), "^", 0.98, "infinite"),
    )
    for wanted, marker, height, name in edges:
        if wanted.any():
            place = axes.get_xaxis_transform()
            label = f"_{name}"
            axes.plot(
                x[wanted],
                np.full(int(wanted.sum()), height),
                marker,
                color=colour,
                transform=place,
                clip_on=False,
                markersize=0.5 * style.font,
                label=label,
            )


def mark_names(axes: Axes | Iterable[Axes]) -> dict[str, str]:
    """Give the marks of `mark_unshowable` that stand in some axes: what each means, and its marker."""
    several = axes if isinstance(axes, Iterable) else [axes]
    lines = [line for each in several for line in each.get_lines()]
    names = {"_exactly 0": "v", "_minus infinite": "v", "_infinite": "^"}
    present = {str(line.get_label()) for line in lines}
    return {name[1:]: marker for name, marker in names.items() if name in present}


def whole_ticks(axes: Axes, low: float, high: float, which: Literal["x", "y"] = "x") -> None:
    """Put ticks at a few whole numbers."""
    locator = MaxNLocator(_MOST_TICKS, integer=True, min_n_ticks=1, steps=[1, 2, 5, 10])
    ticks = [tick for tick in locator.tick_values(low, high) if low <= tick <= high]
    if low not in ticks and (not ticks or ticks[0] - low > 0.12 * (high - low)):
        ticks = [low, *ticks]
    axis = axes.yaxis if which == "y" else axes.xaxis
    axis.set_ticks(ticks, [f"{tick:.0f}" for tick in ticks])


def number_ticks(axes: Axes, places: np.ndarray) -> None:
    """Put a few ticks at whole numbers across, where the places are whole."""
    if np.array_equal(places, np.round(places)):
        whole_ticks(axes, int(places.min()), int(places.max()))


def axis_across(axes: Axes, places: np.ndarray, label: str) -> None:
    """Label an axis that curves run along, timesteps 1 to T for example, with room for a single place."""
    first, last = places.min(), places.max()
    room = max(0.03 * (last - first), 0.5 if len(places) == 1 else 0.1 * min(1.0, float(np.diff(places).min())))
    axes.set_xlim(first - room, last + room)
    number_ticks(axes, places)
    axes.set_xlabel(label)


def updates_axis(axes: Axes, first: int, last: int) -> None:
    """Label the axis of updates."""
    room = max(0.02 * (last - first), 0.5)
    axes.set_xlim(first - room, last + room)
    whole_ticks(axes, first, last)
    axes.set_xlabel("update")


def legend(axes: Axes, *, columns: int = 1, title: str | None = None) -> None:
    """Put the legend beside the axes, where it hides nothing."""
    if axes.get_legend_handles_labels()[0]:
        axes.legend(
            loc="upper left",
            bbox_to_anchor=(1.02, 1.0),
            ncols=columns,
            title=title,
            alignment="left",
            title_fontsize="medium",
        )


def legend_above(axes: Axes, *, columns: int = 2) -> None:
    """Put the legend between the title and the axes."""
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=columns, columnspacing=1.0)


def say(axes: Axes, sentence: str, title: str = "", *, letters: int = 34) -> None:
    """Say in a sentence what cannot be drawn, with so many letters in a line."""
    axes.set_axis_off()
    axes.set_title(title)
    axes.text(
        0.5,
        0.5,
        "\n".join(textwrap.wrap(sentence, letters, break_on_hyphens=False)),
        transform=axes.transAxes,
        ha="center",
        va="center",
        label="sentence",
    )


def limits_of(values: Sequence[float] | np.ndarray) -> tuple[float, float]:
    """Give the range of finite values with a little room."""
    array = np.asarray(values, dtype=np.float64)
    array = array[np.isfinite(array)]
    low, high = (float(array.min()), float(array.max())) if array.size else (0.0, 1.0)
    room = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
    return low - room, high + room
