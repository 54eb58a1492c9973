"""The unrolled graph as a figure: nodes coloured by log10 ‖dL/dh_t‖, edges by the norm of their step's Jacobian."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch

from rnnlab.figures.graph_model import MOST_LAYERS, MOST_TIMESTEPS, Graph, Node, shown
from rnnlab.figures.style import Style

MOST_MARKED = 10
"""Paths that are drawn each by itself; of more, each timestep says how many begin there."""

_RADIUS = 0.3
_COLUMN, _ROW = 1.25, 1.35  # distance of nodes, in units of the drawing
_INCHES = 0.62  # of a unit
_BARS, _LEGEND = 0.95, 1.0  # inches that the colour bars take, and the names of paths

Point = tuple[float, float]


@dataclass(frozen=True)
class _Layout:
    """Where everything stands."""

    graph: Graph
    layers: list[int]
    timesteps: list[int]

    def x(self, t: int) -> float:
        """Across; a gap in time takes one more column."""
        column = self.timesteps.index(t)
        return _COLUMN * (column + (t - self.timesteps[0] > column))

    def y(self, layer: int) -> float:
        """Upward; likewise."""
        row = self.layers.index(layer)
        return _ROW * (row + (layer - self.layers[0] > row))

    def point(self, node: Node) -> Point:
        return self.x(node[1]), self.y(node[0])

    def has(self, node: Node) -> bool:
        return node[0] in self.layers and node[1] in self.timesteps

    @property
    def width(self) -> float:
        return self.x(self.timesteps[-1])

    @property
    def output_y(self) -> float:
        return self.y(self.layers[-1]) + _ROW

    @property
    def loss(self) -> Point:
        return self.width / 2, self.output_y + 1.2 * _ROW

    @property
    def parameter(self) -> Point:
        return self.width / 2, -2.1 * _ROW


def draw_graph(graph: Graph, style: Style, paths: str | None = None) -> Figure:
    """Draw a graph.

    Args:
        graph: what to draw.
        style: colours and sizes.
        paths: mark the paths from this parameter, U, W or b, to the loss.
    """
    layout = _Layout(graph, shown(graph.layers, MOST_LAYERS), shown(graph.timesteps, MOST_TIMESTEPS))
    low = layout.parameter[1] if paths else -1.1 * _ROW
    figure, axes = _page(layout, low - 0.6, paths, style)
    nodes, edges = _node_colours(graph, style), _edge_colours(graph, style)
    _draw_edges(axes, layout, edges, style)
    _draw_nodes(axes, layout, nodes, style)
    _draw_ends(axes, layout, style)
    if paths is not None:
        _mark_paths(axes, layout, paths, style)
    for place, (colours, words) in enumerate(
        ((nodes, "nodes: log10 ‖dL/dh_t‖"), (edges, "edges: log10 of the norm of the step's Jacobian"))
    ):
        _draw_bar(figure, colours, words, place)
    return figure


def _page(layout: _Layout, low: float, paths: str | None, style: Style) -> tuple[Figure, Axes]:
    """Make a page of inches: title, graph, legend of paths, bars, so that nothing depends on the size of the graph."""
    lines = _title(layout, paths).split("\n")
    head, foot = 0.1 + 0.24 * len(lines), _BARS + (_LEGEND if paths else 0.0)
    span = layout.width + 1.8, layout.loss[1] + 0.6 - low
    width, height = max(6.4, _INCHES * span[0]), _INCHES * span[1] + head + foot
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((0.0, foot / height, 1.0, 1 - (head + foot) / height))
    axes.set_axis_off()
    spare = (width / _INCHES - span[0]) / 2
    axes.set_xlim(-0.9 - spare, layout.width + 0.9 + spare)
    axes.set_ylim(low, layout.loss[1] + 0.6)
    figure.text(0.15 / width, 1 - 0.1 / height, "\n".join(lines), ha="left", va="top", fontsize=1.05 * style.font)
    return figure, axes


def _title(layout: _Layout, paths: str | None) -> str:
    graph = layout.graph
    lines = [
        f"{graph.name}: T = {graph.timesteps}, {graph.layers} layer{'s' if graph.layers > 1 else ''}, at the start"
    ]
    if len(layout.timesteps) < graph.timesteps:
        lines.append(f"{len(layout.timesteps)} of {graph.timesteps} timesteps are drawn, the first and the last")
    if len(layout.layers) < graph.layers:
        lines.append(f"{len(layout.layers)} of {graph.layers} layers are drawn, the lowest and the highest")
    if paths is not None:
        count = graph.path_count(paths)
        told = "" if count <= MOST_MARKED else "; the numbers below: from each timestep on"
        lines.append(f"{count:,} path{'s' if count != 1 else ''} from {paths} to L{told}")
    return "\n".join(lines)


def _node_colours(graph: Graph, style: Style) -> ScalarMappable:
    logs = _logs(graph.grad_norm_LT)
    low, high = (logs.min(), logs.max()) if logs.size else (-1.0, 0.0)
    return ScalarMappable(Normalize(min(low, high - 1), high), mpl.colormaps[style.sequential])


def _edge_colours(graph: Graph, style: Style) -> ScalarMappable:
    """Blue shrinks, red stretches; a factor of two either way at least. What leaves as it is stands out least."""
    logs = _logs(np.concatenate([graph.through_time_LT[:, 1:].ravel(), graph.from_below_LT.ravel()]))
    reach = max(0.3, float(np.abs(logs).max(initial=0.0)))
    return ScalarMappable(
        TwoSlopeNorm(0.0, -reach, reach), mpl.colormaps["berlin" if style.background == "#FFFFFF" else "coolwarm"]
    )


def _logs(values: np.ndarray) -> np.ndarray:
    usable = values[np.isfinite(values) & (values > 0)]
    return np.asarray(np.log10(usable))


def _log(value: float) -> float:
    return float(np.log10(value)) if value > 0 else float("-inf")


def _draw_edges(axes: Axes, layout: _Layout, colours: ScalarMappable, style: Style) -> None:
    graph, few = layout.graph, len(layout.timesteps) <= 8
    for layer in layout.layers:
        for t in layout.timesteps:
            here = layout.point((layer, t))
            for before, norms in (((layer, t - 1), graph.through_time_LT), ((layer - 1, t), graph.from_below_LT)):
                start = layout.point(before) if layout.has(before) else None
                if before[0] < 0:
                    start = (here[0], here[1] - _ROW)
                elif start is None:
                    _draw_gap(axes, layout, before, here, style)
                    continue
                value = float(norms[layer, t])
                _arrow(axes, start, here, colours.to_rgba(np.array(_log(value))), style)
                if few:
                    _label_edge(axes, start, here, f"{value:.2g}", style)


def _draw_gap(axes: Axes, layout: _Layout, before: Node, here: Point, style: Style) -> None:
    """Draw an ellipsis where the timestep, or the layer, before is left out; nothing at the beginning of time."""
    if before[1] < 0:
        return
    across = before[1] not in layout.timesteps
    at = (here[0] - _COLUMN, here[1]) if across else (here[0], here[1] - _ROW)
    axes.text(*at, "⋯" if across else "⋮", ha="center", va="center", color=style.faint)


def _arrow(axes: Axes, start: Point, end: Point, colour: object, style: Style, width: float = 1.3) -> None:
    shrink = _RADIUS * 72 * _INCHES * 0.95
    axes.add_patch(
        FancyArrowPatch(
            start,
            end,
            arrowstyle="-|>",
            mutation_scale=0.9 * style.font,
            shrinkA=shrink,
            shrinkB=shrink,
            color=colour,
            linewidth=width * style.line,
            zorder=1,
        )
    )


def _label_edge(axes: Axes, start: Point, end: Point, words: str, style: Style) -> None:
    across = start[1] == end[1]
    x, y = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
    axes.text(
        x if across else x + 0.06,
        y + 0.06 if across else y,
        words,
        ha="center" if across else "left",
        va="bottom" if across else "center",
        fontsize=0.75 * style.font,
        color=style.ink,
        zorder=4,
    )


def _draw_nodes(axes: Axes, layout: _Layout, colours: ScalarMappable, style: Style) -> None:
    for layer in layout.layers:
        for t in layout.timesteps:
            value = float(layout.graph.grad_norm_LT[layer, t])
            colour = style.zero if value == 0 else colours.to_rgba(np.array(_log(value)))
            if not np.isfinite(value):
                colour = style.infinite
            x, y = layout.point((layer, t))
            axes.add_patch(Circle((x, y), _RADIUS, facecolor=colour, edgecolor=style.ink, linewidth=0.6, zorder=2))
            name = f"$h_{{{t + 1}}}$" if layout.graph.layers == 1 else f"$h^{{{layer}}}_{{{t + 1}}}$"
            axes.text(x, y, name, ha="center", va="center", fontsize=0.85 * style.font, color=_on(colour), zorder=3)


def _on(colour: object) -> str:
    """Give black or white, whichever can be read on a colour."""
    red, green, blue = mpl.colors.to_rgb(colour)  # type: ignore[arg-type]
    return "black" if 0.3 * red + 0.59 * green + 0.11 * blue > 0.5 else "white"


def _draw_ends(axes: Axes, layout: _Layout, style: Style) -> None:
    """Draw the inputs, the predictions, and the loss; a prediction that is not in the loss is faint."""
    for t in layout.timesteps:
        x = layout.x(t)
        axes.text(x, -_ROW, f"$x_{{{t + 1}}}$", ha="center", va="center")
        ink = style.ink if t in layout.graph.exits else style.faint
        axes.text(x, layout.output_y, f"$o_{{{t + 1}}}$", ha="center", va="center", color=ink)
        if layout.has((layout.graph.layers - 1, t)):
            _arrow(axes, (x, layout.output_y - _ROW), (x, layout.output_y), ink, style, width=0.7)
        if t in layout.graph.exits:
            _arrow(axes, (x, layout.output_y), layout.loss, style.faint, style, width=0.7)
    box = {"boxstyle": "round,pad=0.3", "facecolor": style.background, "edgecolor": style.ink, "linewidth": 0.8}
    axes.text(*layout.loss, f"L = {layout.graph.loss:.3g}", ha="center", va="center", bbox=box, zorder=5)


def _mark_paths(axes: Axes, layout: _Layout, parameter: str, style: Style) -> None:
    """Draw each path, a little apart from the others; or, where they are many, say how many begin where."""
    graph = layout.graph
    box = {"boxstyle": "square,pad=0.35", "facecolor": style.background, "edgecolor": style.ink, "linewidth": 0.8}
    axes.text(*layout.parameter, parameter, ha="center", va="center", bbox=box, zorder=6)
    if graph.path_count(parameter) > MOST_MARKED or len(layout.timesteps) < graph.timesteps:
        _count_paths(axes, layout, parameter, style)
        return
    for index, path in enumerate(graph.walk(parameter)):
        shift = 0.07 * ((index + 1) // 2) * (-1) ** index
        top = (layout.x(path[-1][1]), layout.output_y)
        points = [layout.parameter, *(layout.point(node) for node in path), top, layout.loss]
        xs, ys = [x + shift for x, _ in points], [y + shift for _, y in points]
        colour = style.palette[index % len(style.palette)]
        axes.plot(
            xs, ys, color=colour, linewidth=1.4 * style.line, alpha=0.85, zorder=1.5, label=_words(path, parameter)
        )
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=2, fontsize=0.75 * style.font)


def _words(path: list[Node], parameter: str) -> str:
    layers = {layer for layer, _ in path}
    names = [f"h{t + 1}" if layers == {0} else f"h{t + 1}({layer})" for layer, t in path]
    return " → ".join([parameter, *names, f"o{path[-1][1] + 1}", "L"])


def _count_paths(axes: Axes, layout: _Layout, parameter: str, style: Style) -> None:
    counts = layout.graph.paths_LT()
    for node in layout.graph.entries(parameter):
        if layout.has(node):
            _arrow(axes, layout.parameter, layout.point(node), style.palette[0], style, width=0.8)
            x, y = layout.point(node)
            count = f"{counts[node]:,}" if counts[node] < 10_000 else f"{float(counts[node]):.1e}".replace("e+0", "e")
            box = {"boxstyle": "square,pad=0.1", "facecolor": style.background, "edgecolor": "none"}
            place: dict[str, Any] = {"ha": "center", "va": "center", "zorder": 3}
            axes.text(x, y - 1.4 * _ROW, count, fontsize=0.75 * style.font, color=style.palette[0], bbox=box, **place)


def _draw_bar(figure: Figure, colours: ScalarMappable, words: str, place: int) -> None:
    """Draw a colour bar at the foot of the page, left or right."""
    width, height = figure.get_size_inches()
    axes = figure.add_axes((0.04 + 0.5 * place, 0.62 / height, 0.42, 0.12 / height))
    figure.colorbar(colours, cax=axes, orientation="horizontal")
    axes.set_xlabel(words, fontsize=min(float(mpl.rcParams["font.size"]), 1.5 * width))
