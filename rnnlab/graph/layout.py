"""Where everything of the drawn graph stands, and the arrows between, in units of the drawing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch
from matplotlib.path import Path

from rnnlab.figures.style import Style
from rnnlab.graph.unrolled import Graph, Node

COLUMN, ROW = 1.25, 1.35  # distance of nodes
RADIUS = 0.3  # of a node
INCHES = 0.62  # of a unit

Point = tuple[float, float]


@dataclass(frozen=True)
class Layout:
    """Where everything stands."""

    graph: Graph
    layers: list[int]
    timesteps: list[int]

    def x(self, t: int) -> float:
        """Across; a gap in time takes one more column."""
        column = self.timesteps.index(t)
        return COLUMN * (column + (t - self.timesteps[0] > column))

    def y(self, layer: int) -> float:
        """Upward; likewise."""
        row = self.layers.index(layer)
        return ROW * (row + (layer - self.layers[0] > row))

    def point(self, node: Node) -> Point:
        """Give the middle of a state."""
        return self.x(node[1]), self.y(node[0])

    def has(self, node: Node) -> bool:
        """Tell whether a state is drawn."""
        return node[0] in self.layers and node[1] in self.timesteps

    @property
    def width(self) -> float:
        """From the first state to the last."""
        return self.x(self.timesteps[-1])

    @property
    def output_y(self) -> float:
        """The height of the predictions."""
        return self.y(self.layers[-1]) + ROW

    @property
    def loss(self) -> Point:
        """On top of all."""
        return self.width / 2, self.output_y + 1.2 * ROW

    @property
    def parameter(self) -> Point:
        """At the foot of all."""
        return self.width / 2, -2.1 * ROW

    @property
    def rail(self) -> float:
        """The height of the line from which a parameter reaches the states: below the inputs and the counts."""
        return -1.7 * ROW

    def entry(self, node: Node) -> float:
        """Where a parameter goes up to a state: beside its input."""
        return self.x(node[1]) - 0.38 * COLUMN


def draw_arrow(axes: Axes, start: Point, end: Point, colour: Any, style: Style, width: float = 1.3) -> None:
    """Draw a straight arrow from one thing to another, clear of both."""
    clear = RADIUS * 72 * INCHES * 0.95
    _add(axes, colour, style, width, posA=start, posB=end, shrinkA=clear, shrinkB=clear)


def draw_bent_arrow(axes: Axes, points: Sequence[Point], colour: Any, style: Style, width: float = 1.3) -> None:
    """Draw an arrow along some points, from the first to the last."""
    _add(axes, colour, style, width, path=Path(points))


def _add(axes: Axes, colour: Any, style: Style, width: float, **course: Any) -> None:
    looks = {"color": colour, "linewidth": width * style.line, "mutation_scale": 0.9 * style.font}
    axes.add_patch(FancyArrowPatch(**course, **looks, arrowstyle="-|>", zorder=1))
