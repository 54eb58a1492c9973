"""A summary number against an axis: the median over the other runs, with the band that holds half of them."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from rnnlab.figures import axes as axis_tools
from rnnlab.figures import scales
from rnnlab.figures.hues import Hues
from rnnlab.figures.kind import SWEEP_KINDS, Panels, SweepKind
from rnnlab.figures.names import axis_name, plain, summary_lines, summary_of, value_text
from rnnlab.figures.overlays import QUANTILES, diverged_entry
from rnnlab.figures.page import make_page
from rnnlab.figures.placing import chosen_axes, chosen_summaries, next_axis
from rnnlab.figures.wish import Placing, Wish

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from rnnlab.figures.collection import Collection, ComparedRun
    from rnnlab.figures.style import Style

_MARKED_POINTS = 20
_WORD = 14  # letters of a word below an axis, before it is broken


def draw_summary(
    axes: Axes,
    collection: Collection,
    placing: Placing,
    style: Style,
    hues: Hues,
    name: str,
    runs: Sequence[ComparedRun],
) -> list[float]:
    """Draw one panel: a line for each hue, a mark above it where runs diverged. Gives the numbers drawn."""
    assert placing.x is not None
    places = _places(collection, placing.x)
    chosen = set(map(id, runs))
    seen: list[float] = []
    axes.set_xlabel(axis_name(placing.x))
    for i, value in enumerate(hues.values):
        by_x = {
            x: [run for run in group if id(run) in chosen]
            for (x, hue), group in collection.groups(placing.x, placing.hue).items()
            if hue == value
        }
        seen += _draw_line(axes, by_x, places, name, hues, value, i, style)
    if not seen:
        axis_tools.say(axes, f"No run has a {name.replace('_', ' ')} that is finite.")
        return []
    _scale_x(axes, collection, placing.x, places)
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
    by_x: dict[Any, list[ComparedRun]],
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
    table = np.array([summarise([run.number(name) for run in by_x[point]]) for point in points])
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
    axes: Axes, x: np.ndarray, groups: list[list[ComparedRun]], colour: str, index: int, style: Style
) -> None:
    some = np.array([any(run.diverged for run in group) for group in groups])
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


def _places(collection: Collection, key: str) -> dict[Any, float]:
    """Give the place of every value of an axis: numbers stand where they are, words one after the other."""
    values = collection.axes[key]
    return {value: float(value) if collection.is_numeric(key) else float(i) for i, value in enumerate(values)}


def scale_y(panels: Sequence[Axes], name: str, seen: Sequence[float], style: Style) -> None:
    """Give the panels of a quantity one scale, and the line at which it changes its meaning."""
    values, middle = np.array(seen), summary_of(name).middle
    logarithmic = middle != 0 and scales.log_helps(values)
    for axes in panels:
        if not axes.axison:
            continue
        if logarithmic:
            axis_tools.set_log(axes, values)
        else:
            axes.set_ylim(*axis_tools.limits_of(values))
        if middle is not None:
            axes.axhline(middle, color=style.faint, linewidth=0.6 * style.line, zorder=0)
    panels[0].set_ylabel(summary_lines(name))


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


class Summaries(SweepKind):
    """Summary numbers of several runs."""

    name: ClassVar[str] = "quantity"
    help: ClassVar[str] = "--y, a number of the index, against --x, an axis"
    place: ClassVar[int] = 0

    def is_meant(self, _collection: Collection, wish: Wish) -> bool:
        """Tell whether something goes across or upward that nobody else has there."""
        return wish.x is not None or wish.y is not None

    def fits(self, collection: Collection, _wish: Wish) -> bool:
        """Tell whether the runs have summary numbers."""
        return bool(collection.summaries)

    def plan(self, collection: Collection, wish: Wish) -> Placing:
        """Choose what goes across, what is told by colour and by panels, and the numbers."""
        taken = chosen_axes(collection, wish, ("x", "hue", "panel"))
        taken["x"] = taken["x"] or next_axis(collection, taken)
        taken["hue"] = taken["hue"] or next_axis(collection, taken, only_swept=True)
        panel = taken["panel"] or next_axis(collection, taken, only_swept=True)
        return Placing(self.name, taken["x"], None, taken["hue"], panel, chosen_summaries(collection, "--y", wish.y))

    def draw(self, collection: Collection, placing: Placing, style: Style, panels: Panels) -> Figure:
        """Draw the numbers beside each other, or a row each if there are panels."""
        hues = Hues(collection, placing.hue, style)
        across = len(panels) > 1
        rows, columns = (len(placing.summaries), len(panels)) if across else (1, len(placing.summaries))
        figure = make_page(style, rows, max(2, columns) + 0.4)
        grid = figure.subplots(rows, columns, squeeze=False, sharey="row" if across else False)
        for i, name in enumerate(placing.summaries):
            row = list(grid[i]) if across else [grid[0][i]]
            seen: list[float] = []
            for axes, (heading, runs) in zip(row, panels, strict=True):
                seen += draw_summary(axes, collection, placing, style, hues, name, runs)
                axes.set_title(heading, pad=(1.6 if collection.diverged else 0.6) * style.font)
            scale_y(row, name, seen, style)
        hues.legend(grid[0][-1], [diverged_entry(style)] if collection.diverged else [])
        return figure


SWEEP_KINDS.register(Summaries())
