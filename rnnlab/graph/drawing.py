"""The unrolled graph as a figure: nodes coloured by log10 ‖dL/dh_t‖, edges by the norm of their step's Jacobian."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from rnnlab.figures.style import Style
from rnnlab.graph.layout import COLUMN, INCHES, RADIUS, ROW, Layout, Point, draw_arrow
from rnnlab.graph.paths import BAND, lists_paths, mark_paths
from rnnlab.graph.unrolled import MOST_LAYERS, MOST_TIMESTEPS, Graph, Node, shown

_BARS, _LEGEND = 0.95, 1.0  # inches that the colour bars take, and the names of paths


def draw_graph(graph: Graph, style: Style, paths: str | None = None) -> Figure:
    """Draw a graph.

    Args:
        graph: what to draw.
        style: colours and sizes.
        paths: mark the paths from this parameter, U, W or b, to the loss.
    """
    layout = Layout(graph, shown(graph.layers, MOST_LAYERS), shown(graph.timesteps, MOST_TIMESTEPS))
    low = layout.parameter[1] if paths else -1.1 * ROW
    figure, axes = _page(layout, low - 0.6, paths, style)
    nodes, edges = _node_colours(graph, style), _edge_colours(graph, style)
    _draw_edges(axes, layout, edges, style, BAND / 2 if lists_paths(layout, paths) else 0.0)
    _draw_nodes(axes, layout, nodes, style)
    _draw_ends(axes, layout, style)
    if paths is not None:
        mark_paths(axes, layout, paths, style)
    for place, (colours, words) in enumerate(
        ((nodes, "nodes: log10 ‖dL/dh_t‖"), (edges, "edges: log10 of the norm of the step's Jacobian"))
    ):
        _draw_bar(figure, colours, words, place)
    return figure


def _page(layout: Layout, low: float, paths: str | None, style: Style) -> tuple[Figure, Axes]:
    """Make a page of inches: title, graph, legend of paths, bars, so that nothing depends on the size of the graph."""
    lines = _title(layout, paths).split("\n")
    head, foot = 0.1 + 0.24 * len(lines), _BARS + (_LEGEND if lists_paths(layout, paths) else 0.0)
    span = layout.width + 1.8, layout.loss[1] + 0.6 - low
    width, height = max(6.4, INCHES * span[0]), INCHES * span[1] + head + foot
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((0.0, foot / height, 1.0, 1 - (head + foot) / height))
    axes.set_axis_off()
    spare = (width / INCHES - span[0]) / 2
    axes.set_xlim(-0.9 - spare, layout.width + 0.9 + spare)
    axes.set_ylim(low, layout.loss[1] + 0.6)
    figure.text(0.15 / width, 1 - 0.1 / height, "\n".join(lines), ha="left", va="top", fontsize=1.05 * style.font)
    return figure, axes


def _title(layout: Layout, paths: str | None) -> str:
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
        told = "" if lists_paths(layout, paths) or not count else "; the numbers below: from each timestep on"
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


def _draw_edges(axes: Axes, layout: Layout, colours: ScalarMappable, style: Style, aside: float) -> None:
    """Draw every step, in a small graph with its norm: so far beside it that paths leave the number free."""
    graph, few = layout.graph, len(layout.timesteps) <= 8
    for layer in layout.layers:
        for t in layout.timesteps:
            here = layout.point((layer, t))
            for before, norms in (((layer, t - 1), graph.through_time_LT), ((layer - 1, t), graph.from_below_LT)):
                start = layout.point(before) if layout.has(before) else None
                if before[0] < 0:
                    start = (here[0], here[1] - ROW)
                elif start is None:
                    _draw_gap(axes, layout, before, here, style)
                    continue
                value = float(norms[layer, t])
                draw_arrow(axes, start, here, colours.to_rgba(np.array(_log(value))), style)
                if few:  # no path comes from an input
                    _label_edge(axes, start, here, aside if before[0] >= 0 else 0.0, f"{value:.2g}", style)


def _draw_gap(axes: Axes, layout: Layout, before: Node, here: Point, style: Style) -> None:
    """Draw an ellipsis where the timestep, or the layer, before is left out; nothing at the beginning of time."""
    if before[1] < 0:
        return
    across = before[1] not in layout.timesteps
    at = (here[0] - COLUMN, here[1]) if across else (here[0], here[1] - ROW)
    axes.text(*at, "⋯" if across else "⋮", ha="center", va="center", color=style.faint)


def _label_edge(axes: Axes, start: Point, end: Point, aside: float, words: str, style: Style) -> None:
    across = start[1] == end[1]
    x, y = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
    axes.text(
        x if across else x + 0.06 + aside,
        y + 0.06 + aside if across else y,
        words,
        ha="center" if across else "left",
        va="bottom" if across else "center",
        fontsize=0.75 * style.font,
        color=style.ink,
        zorder=4,
    )


def _draw_nodes(axes: Axes, layout: Layout, colours: ScalarMappable, style: Style) -> None:
    for layer in layout.layers:
        for t in layout.timesteps:
            value = float(layout.graph.grad_norm_LT[layer, t])
            colour = style.zero if value == 0 else colours.to_rgba(np.array(_log(value)))
            if not np.isfinite(value):
                colour = style.infinite
            x, y = layout.point((layer, t))
            axes.add_patch(Circle((x, y), RADIUS, facecolor=colour, edgecolor=style.ink, linewidth=0.6, zorder=2))
            name = f"$h_{{{t + 1}}}$" if layout.graph.layers == 1 else f"$h^{{{layer}}}_{{{t + 1}}}$"
            axes.text(x, y, name, ha="center", va="center", fontsize=0.85 * style.font, color=_on(colour), zorder=3)


def _on(colour: object) -> str:
    """Give black or white, whichever can be read on a colour."""
    red, green, blue = mpl.colors.to_rgb(colour)  # type: ignore[arg-type]
    return "black" if 0.3 * red + 0.59 * green + 0.11 * blue > 0.5 else "white"


def _draw_ends(axes: Axes, layout: Layout, style: Style) -> None:
    """Draw the inputs, the predictions, and the loss; a prediction that is not in the loss is faint.

    Paths and arrows run behind the predictions; those to the loss begin above them, clear of their neighbours.
    """
    ground = {"boxstyle": "square,pad=0.15", "facecolor": style.background, "edgecolor": "none"}
    for t in layout.timesteps:
        x = layout.x(t)
        axes.text(x, -ROW, f"$x_{{{t + 1}}}$", ha="center", va="center")
        ink = style.ink if t in layout.graph.exits else style.faint
        place: dict[str, Any] = {"ha": "center", "va": "center", "zorder": 3}
        axes.text(x, layout.output_y, f"$o_{{{t + 1}}}$", color=ink, bbox=ground, **place)
        if layout.has((layout.graph.layers - 1, t)):
            draw_arrow(axes, (x, layout.output_y - ROW), (x, layout.output_y), ink, style, width=0.7)
        if t in layout.graph.exits:
            draw_arrow(axes, (x, layout.output_y + 0.1), layout.loss, style.faint, style, width=0.7)
    box = {"boxstyle": "round,pad=0.3", "facecolor": style.background, "edgecolor": style.ink, "linewidth": 0.8}
    axes.text(*layout.loss, f"L = {layout.graph.loss:.3g}", ha="center", va="center", bbox=box, zorder=5)


def _draw_bar(figure: Figure, colours: ScalarMappable, words: str, place: int) -> None:
    """Draw a colour bar at the foot of the page, left or right."""
    width, height = figure.get_size_inches()
    axes = figure.add_axes((0.04 + 0.5 * place, 0.62 / height, 0.42, 0.12 / height))
    figure.colorbar(colours, cax=axes, orientation="horizontal")
    axes.set_xlabel(words, fontsize=min(float(mpl.rcParams["font.size"]), 1.5 * width))
