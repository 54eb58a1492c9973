"""A quantity of the index against an axis: the median over the other runs, with the band that holds half of them."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.lines import Line2D

from rnnlab.figures import axes as axis_tools
from rnnlab.figures.quantities import axis_name, middle_of, quantity_lines, value_text
from rnnlab.figures.subject import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rnnlab.figures.collection import Collection, Member
    from rnnlab.figures.hues import Hues
    from rnnlab.figures.placing import Plan
    from rnnlab.figures.style import Style

QUANTILES = (0.25, 0.75)
_MARKED_POINTS = 20
_WORD = 14  # letters of a word below an axis, before it is broken


def draw_quantity(
    axes: Axes, collection: Collection, plan: Plan, style: Style, hues: Hues, name: str, members: Sequence[Member]
) -> list[float]:
    """Draw one panel: a line for each hue, a mark above it where runs diverged. Gives the numbers drawn."""
    assert plan.x is not None
    places = _places(collection, plan.x)
    chosen = set(map(id, members))
    seen: list[float] = []
    axes.set_xlabel(axis_name(plan.x))
    for i, value in enumerate(hues.values):
        by_x = {
            x: [member for member in group if id(member) in chosen]
            for (x, hue), group in collection.groups(plan.x, plan.hue).items()
            if hue == value
        }
        seen += _draw_line(axes, by_x, places, name, hues, value, i, style)
    if not seen:
        axis_tools.say(axes, f"No run has a {name.replace('_', ' ')} that is finite.")
        return []
    _scale_x(axes, collection, plan.x, places)
    return seen


def summarise(values: Sequence[float]) -> tuple[float, float, float]:
    """Give the lower quantile, the median and the upper quantile of the numbers that there are; NaN of none."""
    numbers = [value for value in values if np.isfinite(value)]
    if not numbers:
        return (float("nan"),) * 3
    low, middle, high = np.quantile(numbers, (QUANTILES[0], 0.5, QUANTILES[1]))
    return float(low), float(middle), float(high)


def _draw_line(
    axes: Axes,
    by_x: dict[Any, list[Member]],
    places: dict[Any, float],
    name: str,
    hues: Hues,
    value: Any,
    index: int,
    style: Style,
) -> list[float]:
    points = [x for x, group in by_x.items() if group]
    if not points:
        return []
    colour = hues.colours[value]
    x = np.array([places[point] for point in points])
    table = np.array([summarise([member.number(name) for member in by_x[point]]) for point in points])
    is_scale = all(isinstance(point, int | float) and not isinstance(point, bool) for point in places)
    offset = 0.0 if is_scale else 0.12 * (index - (len(hues.values) - 1) / 2)
    dashes = hues.dashes[value] if is_scale else "None"
    marker = "o" if len(points) <= _MARKED_POINTS else None
    axes.plot(x + offset, table[:, 1], linestyle=dashes, color=colour, marker=marker, markersize=0.4 * style.font)
    if is_scale and len(points) > 1:
        axes.fill_between(x, table[:, 0], table[:, 2], color=colour, alpha=0.2, linewidth=0)
    else:
        axes.vlines(x + offset, table[:, 0], table[:, 2], color=colour, alpha=0.6)
    _mark_diverged(axes, x + offset, [by_x[point] for point in points], colour, index, style)
    return [*table[np.isfinite(table)]]


def _mark_diverged(
    axes: Axes, x: np.ndarray, groups: list[list[Member]], colour: str, index: int, style: Style
) -> None:
    some = np.array([any(member.diverged for member in group) for group in groups])
    if some.any():
        height = np.full(int(some.sum()), 1.03 + 0.035 * index)
        axes.plot(
            x[some],
            height,
            "x",
            color=colour,
            markersize=0.5 * style.font,
            transform=axes.get_xaxis_transform(),
            clip_on=False,
            label="_diverged",
        )


def diverged_entry(style: Style, words: str = "some diverged") -> tuple[Line2D, str]:
    """Give the entry of a legend that explains the crosses."""
    return Line2D([], [], color=style.ink, marker="x", linestyle=""), words


def _places(collection: Collection, key: str) -> dict[Any, float]:
    """Give the place of every value of an axis: numbers stand where they are, words one after the other."""
    values = collection.axes[key]
    return {value: float(value) if collection.is_numeric(key) else float(i) for i, value in enumerate(values)}


def scale_y(panels: Sequence[Axes], name: str, seen: Sequence[float], style: Style) -> None:
    """Give the panels of a quantity one scale, and the line at which it changes its meaning."""
    values, middle = np.array(seen), middle_of(name)
    logarithmic = middle != 0 and axis_tools.log_helps(values)
    for axes in panels:
        if not axes.axison:
            continue
        if logarithmic:
            axis_tools.set_log(axes, values)
        else:
            axes.set_ylim(*axis_tools.limits_of(values))
        if middle is not None:
            axes.axhline(middle, color=style.faint, linewidth=0.6 * style.line, zorder=0)
    panels[0].set_ylabel(quantity_lines(name))


def _scale_x(axes: Axes, collection: Collection, key: str, places: dict[Any, float]) -> None:
    x = np.array(list(places.values()))
    if not collection.is_numeric(key):
        axes.set_xticks(x, [_word(value) for value in places])
        axes.set_xlim(-0.5, len(x) - 0.5)
    elif len(x) > 2 and x.min() > 0 and x.max() >= 16 * x.min():
        axis_tools.set_log(axes, x, "x")
    elif np.all(x == np.round(x)):
        axes.set_xlim(*axis_tools.limits_of(x))
        axis_tools.whole_ticks(axes, float(x.min()), float(x.max()))


def _word(value: Any) -> str:
    return "\n".join(plain(line) for line in textwrap.wrap(value_text(value), _WORD)[:3])
