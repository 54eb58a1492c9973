"""Phase diagrams: a summary number as colour over two axes, the median of each cell; divergence is marked.

A number with a middle (a gradient slope of 0, a ratio of 1) gets a map with that middle: on one side of it
gradients vanish, on the other they explode.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import CenteredNorm, ListedColormap, LogNorm, Normalize
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedFormatter, FixedLocator, NullFormatter, NullLocator

from rnnlab.figures import scales
from rnnlab.figures.errors import FigureError, find_name
from rnnlab.figures.kind import SWEEP_KINDS, Panels, SweepKind
from rnnlab.figures.kinds.quantity import summarise
from rnnlab.figures.names import axis_name, plain, summary_lines, summary_of, value_text
from rnnlab.figures.page import make_page
from rnnlab.figures.placing import chosen_axes, chosen_summaries, next_axis
from rnnlab.figures.wish import Placing, Wish

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, FigureBase

    from rnnlab.figures.collection import Collection, ComparedRun
    from rnnlab.figures.style import Style

_MOST_LABELS = 6
_HATCH = "////"
KINDS_OF_CELL = ("all diverged", "no number", "no run")
_NO_RUN, _NO_NUMBER, _ALL_DIVERGED = 2, 1, 0


def cell_table(
    collection: Collection, placing: Placing, name: str, runs: Sequence[ComparedRun]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give the median of every cell (y, x), what is to say of cells without one (-1: nothing), where some diverged."""
    assert placing.x is not None
    assert placing.y is not None
    across, upward = ({value: i for i, value in enumerate(collection.axes[key])} for key in (placing.x, placing.y))
    medians = np.full((len(upward), len(across)), np.nan)
    kinds, some = np.full(medians.shape, _NO_RUN), np.zeros(medians.shape, dtype=bool)
    chosen = set(map(id, runs))
    for (x, y), group in collection.groups(placing.x, placing.y).items():
        cell = [run for run in group if id(run) in chosen]
        if cell:
            place = upward[y], across[x]
            medians[place] = summarise([run.number(name) for run in cell])[1]
            all_diverged = all(run.diverged for run in cell)
            kinds[place] = -1 if np.isfinite(medians[place]) else _ALL_DIVERGED if all_diverged else _NO_NUMBER
            some[place] = any(run.diverged for run in cell) and kinds[place] != _ALL_DIVERGED
    return medians, kinds, some


def make_norm(values: np.ndarray, name: str) -> tuple[Normalize, bool]:
    """Give the scale of the colours, the same for all panels, and whether it has a middle."""
    finite = values[np.isfinite(values)]
    middle = summary_of(name).middle
    if middle is not None and finite.size:
        if middle > 0 and finite.min() > 0:
            reach = max(float(np.exp(np.abs(np.log(finite / middle)).max())), 1.1)
            return LogNorm(middle / reach, middle * reach), True
        return CenteredNorm(middle, max(float(np.abs(finite - middle).max()), 1e-12)), True
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    if scales.log_helps(finite):
        return LogNorm(low, high), False
    room = 0.0 if high > low else 0.5 * abs(high) or 0.5
    return Normalize(low - room, high + room), False


def map_of(name: str, style: Style) -> str:
    """Give the map of a number with a middle, red where gradients explode: ratios above 1, slopes below 0."""
    return style.diverging if summary_of(name).explodes == "above" else style.diverging.removesuffix("_r")


def draw_phase(
    axes: Axes,
    collection: Collection,
    placing: Placing,
    style: Style,
    table: tuple[np.ndarray, np.ndarray, np.ndarray],
    norm: Normalize,
    colour_map: str,
) -> None:
    """Draw one panel; every value of an axis has a cell of the same size."""
    medians, kinds, some = table
    assert placing.x is not None
    assert placing.y is not None
    axes.pcolormesh(np.ma.masked_invalid(medians), cmap=colour_map, norm=norm, rasterized=True)
    colours = marked_colours(style)
    marked = np.ma.masked_where((kinds < 0) | (kinds == _NO_RUN), kinds)
    axes.pcolormesh(marked, cmap=ListedColormap(colours), vmin=-0.5, vmax=1.5, rasterized=True)
    axes.patch.set(hatch=_HATCH, edgecolor=style.faint)  # seen where no cell covers it: there is no run
    rows, columns = np.nonzero(some)
    if rows.size:
        for colour, width in ((style.background, 3.0), (style.ink, 1.0)):  # seen on every colour of the map
            axes.plot(
                columns + 0.5,
                rows + 0.5,
                "x",
                color=colour,
                markersize=0.5 * style.font,
                markeredgewidth=width * 0.7 * style.line,
                label="_some diverged",
            )
    for key, which in ((placing.x, "x"), (placing.y, "y")):
        values = collection.axes[key]
        shown = range(0, len(values), math.ceil(len(values) / _MOST_LABELS))
        axis = axes.xaxis if which == "x" else axes.yaxis
        axis.set_ticks([i + 0.5 for i in shown], [plain(value_text(values[i])[:14]) for i in shown])
    axes.set_xlabel(axis_name(placing.x))
    axes.set_ylabel(axis_name(placing.y))


def add_bar(figure: FigureBase, row: list[Axes], norm: Normalize, colour_map: str, name: str) -> None:
    """Put the scale of the colours beside a row of panels."""
    bar = figure.colorbar(ScalarMappable(norm, colour_map), ax=row, pad=0.02, fraction=0.05)
    bar.set_label(summary_lines(name))
    bar.outline.set_visible(False)
    if isinstance(norm, LogNorm):
        ticks = scales.log_ticks(float(norm.vmin or 1), float(norm.vmax or 1))
        bar.ax.yaxis.set_major_locator(FixedLocator(ticks))
        bar.ax.yaxis.set_major_formatter(FixedFormatter(scales.tick_labels(ticks)))
        bar.ax.yaxis.set_minor_locator(NullLocator())
        bar.ax.yaxis.set_minor_formatter(NullFormatter())


def marked_colours(style: Style) -> list[str]:
    """Give the colours of cells whose runs have no number, in the order of KINDS_OF_CELL."""
    return [style.undefined, style.faint]


def cell_legend(figure: FigureBase, style: Style, tables: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> None:
    """Say what the marked cells mean, if there are any."""
    handles: list[Patch | Line2D] = []
    for i, words in enumerate(KINDS_OF_CELL):
        if any((kinds == i).any() for _, kinds, _ in tables):
            colour, hatch = (style.background, _HATCH) if i == _NO_RUN else (marked_colours(style)[i], None)
            edge = style.faint if hatch else style.ink
            handles.append(Patch(facecolor=colour, edgecolor=edge, hatch=hatch, linewidth=0.5, label=words))
    if any(some.any() for _, _, some in tables):
        handles.append(Line2D([], [], color=style.ink, marker="x", linestyle="", label="some diverged"))
    if handles:
        figure.legend(handles=handles, loc="outside lower left", ncols=4)


class PhaseDiagrams(SweepKind):
    """Summary numbers of several runs as colour."""

    name: ClassVar[str] = "phase"
    help: ClassVar[str] = "--hue, a number of the index, over --x and --y, two axes"
    place: ClassVar[int] = 30

    def is_meant(self, collection: Collection, wish: Wish) -> bool:
        """Tell whether colour is a summary number, or an axis goes upward."""
        hue = wish.hue is not None and find_name(wish.hue, collection.summaries) is not None
        return hue or (wish.y is not None and find_name(wish.y, collection.axes) is not None)

    def fits(self, collection: Collection, wish: Wish) -> bool:
        """Tell whether there are two axes and colour is free."""
        return len(collection.swept) >= 2 and bool(collection.summaries) and wish.hue is None

    def plan(self, collection: Collection, wish: Wish) -> Placing:
        """Choose what goes across and upward and what is told by panels, and the numbers."""
        taken = chosen_axes(collection, wish, ("x", "y", "panel"))
        for place in ("x", "y"):
            taken[place] = taken[place] or next_axis(collection, taken)
            if taken[place] is None:
                others = ", ".join(name for name in SWEEP_KINDS if name != self.name)
                raise FigureError(
                    f"--kind phase needs two axes; these runs have {', '.join(collection.axes)}. Valid here: {others}"
                )
        panel = taken["panel"] or next_axis(collection, taken, only_swept=True)
        summaries = chosen_summaries(collection, "--hue", wish.hue)
        return Placing(self.name, taken["x"], taken["y"], None, panel, summaries)

    def subtitle(self, placing: Placing) -> list[str]:
        """Say what the colours mean."""
        has_middle = any(summary_of(name).middle is not None for name in placing.summaries)
        return ["blue: gradients vanish, red: they explode"] if has_middle else []

    def draw(self, collection: Collection, placing: Placing, style: Style, panels: Panels) -> Figure:
        """Draw a row for each number, with a scale of colours of its own."""
        figure = make_page(style, len(placing.summaries), max(1.9, len(panels) + 0.5))
        grid = figure.subplots(len(placing.summaries), len(panels), squeeze=False, sharey=True, sharex=True)
        tables = []
        for name, row in zip(placing.summaries, grid, strict=True):
            in_row = [cell_table(collection, placing, name, runs) for _, runs in panels]
            norm, has_middle = make_norm(np.stack([medians for medians, _, _ in in_row]), name)
            colour_map = map_of(name, style) if has_middle else style.sequential
            for axes, table, (heading, _) in zip(row, in_row, panels, strict=True):
                draw_phase(axes, collection, placing, style, table, norm, colour_map)
                axes.set_title(heading)
                axes.label_outer()
            add_bar(figure, list(row), norm, colour_map, name)
            tables += in_row
        cell_legend(figure, style, tables)
        return figure


SWEEP_KINDS.register(PhaseDiagrams())
