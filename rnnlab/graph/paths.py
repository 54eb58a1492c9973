"""The paths from a parameter to the loss, marked in the drawn graph: each by itself, or how many begin where."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from rnnlab.figures.style import Style
from rnnlab.graph.layout import RADIUS, ROW, Layout, Point, draw_bent_arrow
from rnnlab.graph.unrolled import Node

MOST_MARKED = 10
"""Paths that are drawn each by itself; of more, each timestep says how many begin there."""

BAND = 0.42
"""Units that all paths together may take beside each other."""

_WIDTH = 0.5  # of the parameter's box, from which they all start


def lists_paths(layout: Layout, parameter: str | None) -> bool:
    """Tell whether each path is drawn by itself, and named."""
    if parameter is None or len(layout.timesteps) < layout.graph.timesteps:
        return False
    return 0 < layout.graph.path_count(parameter) <= MOST_MARKED


def mark_paths(axes: Axes, layout: Layout, parameter: str, style: Style) -> None:
    """Draw each path, a little apart from the others; or, where they are many, say how many begin where."""
    x, y = layout.parameter
    corner = (x - _WIDTH / 2, y - _WIDTH / 2)
    box = Rectangle(corner, _WIDTH, _WIDTH, facecolor=style.background, edgecolor=style.ink, linewidth=0.8, zorder=5)
    axes.add_patch(box)
    axes.text(x, y, parameter, ha="center", va="center", zorder=6)
    if lists_paths(layout, parameter):
        _draw_paths(axes, layout, parameter, style)
    else:
        _count_paths(axes, layout, parameter, style)


def _draw_paths(axes: Axes, layout: Layout, parameter: str, style: Style) -> None:
    paths = list(layout.graph.walk(parameter))
    for index, path in enumerate(paths):
        points = _points(layout, path, _shift(index, len(paths)))
        axes.plot(
            [x for x, _ in points],
            [y for _, y in points],
            color=style.palette[index % len(style.palette)],
            linestyle="-" if index < len(style.palette) else (0, (3, 1)),
            linewidth=1.4 * style.line,
            alpha=0.85,
            zorder=1.5,
            label=_words(path, parameter),
        )
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=2, fontsize=0.75 * style.font)


def _shift(index: int, count: int) -> float:
    """Give how far a path stands to one side, so that all of them keep within the band."""
    return (index - (count - 1) / 2) * min(0.07, BAND / max(1, count - 1))


def _points(layout: Layout, path: Sequence[Node], shift: float) -> list[Point]:
    """Give where a path runs: along the rail, up beside the input, through its states, and up to the loss."""
    start, loss, entry = layout.parameter, layout.loss, layout.entry(path[0])
    return [
        (start[0] + shift, start[1]),
        (start[0] + shift, layout.rail + shift),
        (entry + shift, layout.rail + shift),
        (entry + shift, _turn(entry, layout.point(path[0])) + shift),
        *((x + shift, y + shift) for x, y in map(layout.point, path)),
        (layout.x(path[-1][1]) + shift, layout.output_y),
        (loss[0] + shift, loss[1]),
    ]


def _turn(entry: float, state: Point) -> float:
    """Give the height at which a line that goes up beside an input turns towards the state, by 45 degrees."""
    return state[1] - (state[0] - entry)


def _words(path: Sequence[Node], parameter: str) -> str:
    layers = {layer for layer, _ in path}
    names = [f"h{t + 1}" if layers == {0} else f"h{t + 1}({layer})" for layer, t in path]
    return " → ".join([parameter, *names, f"o{path[-1][1] + 1}", "L"])


def _count_paths(axes: Axes, layout: Layout, parameter: str, style: Style) -> None:
    """Draw an arrow from the parameter to every state that it acts on, and below each the number of its paths."""
    counts = layout.graph.paths_LT()
    start = [layout.parameter, (layout.parameter[0], layout.rail)]
    colour, edge, size = style.palette[0], RADIUS / 2**0.5, 0.75 * style.font
    for node in filter(layout.has, layout.graph.entries(parameter)):
        (x, y), entry = layout.point(node), layout.entry(node)
        end = [(entry, layout.rail), (entry, _turn(entry, (x, y))), (x - edge, y - edge)]
        draw_bent_arrow(axes, [*start, *end], colour, style, width=0.8)
        count = f"{counts[node]:,}" if counts[node] < 10_000 else f"{float(counts[node]):.1e}".replace("e+0", "e")
        axes.text(x, y - 1.35 * ROW, count, ha="center", va="center", fontsize=size, color=colour)
