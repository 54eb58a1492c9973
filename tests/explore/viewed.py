"""Views of small configs for the tests: made, moved by the mouse, painted, and held against what they should show."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backend_bases import MouseButton, MouseEvent
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from rnnlab.explore.model import DrawnNet, Explorer, Settings
from rnnlab.explore.picture import SIZE
from rnnlab.explore.view import ExploreView
from rnnlab.figures.style import find_style, using
from tests.explore.test_model import config_of


def make(task: dict[str, Any] | None = None, **model: Any) -> ExploreView:
    """Give a view of a small config."""
    return show(Explorer(config_of(task, **model)))


def show(explorer: Explorer, start: Settings | None = None) -> ExploreView:
    """Give a view on an Agg canvas; it is painted only when a test asks."""
    with using(find_style("screen")):
        figure = Figure(SIZE)
        canvas: Any = FigureCanvasAgg(figure)
        canvas.draw_idle = _wait
        return ExploreView(figure, explorer, start)


def _wait() -> None:
    """Leave the painting to the test."""


def paint(figure: Figure) -> np.ndarray:
    """Paint as a window would, and give the pixels."""
    canvas: Any = figure.canvas
    canvas.draw()
    return np.asarray(canvas.buffer_rgba()).copy()


def paint_anew(figure: Figure) -> np.ndarray:
    """Paint with nothing kept."""
    for axes in figure.axes:
        axes.stale = True
    return paint(figure)


def lines(view: ExploreView) -> tuple[np.ndarray, np.ndarray]:
    """Give the hidden norms and gradient norms as they stand in the figure, (curves, T)."""
    panels = (view.picture.hidden, view.picture.gradient)
    hidden, gradient = (np.stack([np.asarray(curve.line.get_ydata()) for curve in panel.curves]) for panel in panels)
    return hidden, gradient


def expected(view: ExploreView) -> DrawnNet:
    """Compute the view's settings afresh."""
    return Explorer(view.explorer.config).draw(view.settings)


def assert_shows_its_settings(view: ExploreView) -> None:
    drawn = expected(view)
    hidden, gradient = lines(view)
    cells = [] if drawn.cell_grad_norm_LT is None else [drawn.cell_grad_norm_LT]
    np.testing.assert_array_equal(hidden, drawn.hidden_norm_LT)
    np.testing.assert_array_equal(gradient, np.concatenate([drawn.grad_norm_LT, *cells]))
    assert view.picture.numbers.get_text().startswith(f"loss {drawn.loss:.4g}")


def mouse(view: ExploreView, name: str, at: np.ndarray) -> None:
    event: Any = MouseEvent
    event(name, view.figure.canvas, *at, MouseButton.LEFT)._process()


def click(view: ExploreView, axes: Axes, x: float, y: float) -> None:
    """Press and release the mouse on a point of an axes, given in shares of it."""
    for name in ("button_press_event", "button_release_event"):
        mouse(view, name, axes.transAxes.transform((x, y)))
