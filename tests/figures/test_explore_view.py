"""The explorer as it is moved: real widgets on a real canvas, and the data of what is drawn."""

from __future__ import annotations

import gc
import itertools
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backend_bases import MouseButton, MouseEvent
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from rnnlab.figures.explore_model import Drawn, Explorer, Settings
from rnnlab.figures.explore_picture import SIZE, SIZE_ALONE, Picture
from rnnlab.figures.explore_view import ExploreView
from rnnlab.figures.style import find_style, using
from rnnlab.flow import gradient_flow, norm
from rnnlab.studies.prepare import architecture_of
from tests.figures.test_explore_model import config_of


def make(task: dict[str, Any] | None = None, **model: Any) -> ExploreView:
    """Give a view of a small config."""
    return _show(Explorer(config_of(task, **model)))


def _show(explorer: Explorer, start: Settings | None = None) -> ExploreView:
    """Give a view on an Agg canvas; it is painted only when a test asks."""
    with using(find_style("screen")):
        figure = Figure(SIZE)
        canvas: Any = FigureCanvasAgg(figure)
        canvas.draw_idle = _wait
        return ExploreView(figure, explorer, start)


def _wait() -> None:
    """Leave the painting to the test."""


def _paint(figure: Figure) -> np.ndarray:
    """Paint as a window would, and give the pixels."""
    canvas: Any = figure.canvas
    canvas.draw()
    return np.asarray(canvas.buffer_rgba()).copy()


def _paint_anew(figure: Figure) -> np.ndarray:
    """Paint with nothing kept."""
    for axes in figure.axes:
        axes.stale = True
    return _paint(figure)


def lines(view: ExploreView) -> tuple[np.ndarray, np.ndarray]:
    """Give the hidden norms and gradient norms as they stand in the figure, (curves, T)."""
    panels = (view.picture.hidden, view.picture.gradient)
    hidden, gradient = (np.stack([np.asarray(curve.line.get_ydata()) for curve in panel.curves]) for panel in panels)
    return hidden, gradient


def expected(view: ExploreView) -> Drawn:
    """Compute the view's settings afresh."""
    return Explorer(view.explorer.config).draw(view.settings)


def assert_shows_its_settings(view: ExploreView) -> None:
    drawn = expected(view)
    hidden, gradient = lines(view)
    cells = [] if drawn.cell_grad_norm_LT is None else [drawn.cell_grad_norm_LT]
    np.testing.assert_array_equal(hidden, drawn.hidden_norm_LT)
    np.testing.assert_array_equal(gradient, np.concatenate([drawn.grad_norm_LT, *cells]))
    assert view.picture.numbers.get_text().startswith(f"loss {drawn.loss:.4g}")


@pytest.mark.parametrize("cell", ["elman", "lstm", "gru"])
def test_moving_a_slider_draws_what_flow_computes_for_the_scaled_weights(cell: str) -> None:
    view = make({"seq_len": 7}, cell=cell, layers=2)
    architecture = architecture_of(view.explorer.config)
    originals = {name: weight.clone() for name, weight in view.explorer.originals(view.settings).items()}
    for slider, scales in ((view.weight_scale, (-5.0, 0.35, 1.0)), (view.bias_scale, (-2.5, 0.0, 5.0))):
        for scale in scales:
            slider.set_val(scale)
            a, b = view.weight_scale.val, view.bias_scale.val
            weights = {
                name: weight * (1 if "readout" in name else b if "bias" in name else a)
                for name, weight in originals.items()
            }
            flow = gradient_flow(architecture, weights, *view.explorer.sequence(1), view.explorer.config.task.loss)
            hidden, gradient = lines(view)
            np.testing.assert_allclose(hidden, norm(flow.h_SLTBH)[0, :, :, 0], rtol=1e-13)
            np.testing.assert_allclose(gradient[:2], norm(flow.dL_dh_SLTBH)[0, :, :, 0], rtol=1e-13)
            if flow.dL_dc_SLTBH is not None:
                np.testing.assert_allclose(gradient[2:], norm(flow.dL_dc_SLTBH)[0, :, :, 0], rtol=1e-13)
            assert len(gradient) == (4 if cell == "lstm" else 2)


def _mouse(view: ExploreView, name: str, at: np.ndarray) -> None:
    event: Any = MouseEvent
    event(name, view.figure.canvas, *at, MouseButton.LEFT)._process()


def _click(view: ExploreView, axes: Axes, x: float, y: float) -> None:
    """Press and release the mouse on a point of an axes, given in shares of it."""
    for name in ("button_press_event", "button_release_event"):
        _mouse(view, name, axes.transAxes.transform((x, y)))


def test_the_mouse_drags_a_slider_in_steps_of_a_twentieth() -> None:
    view = make()
    view.figure.canvas.draw()
    axes = view.weight_scale.ax
    start, end = axes.transData.transform((1.0, 0.5)), axes.transData.transform((-2.26, 0.5))
    for name, at in (("button_press_event", start), ("motion_notify_event", end), ("button_release_event", end)):
        _mouse(view, name, at)
    assert view.settings.weight_scale == -2.25
    assert_shows_its_settings(view)


def test_sliders_reach_from_minus_5_to_5_and_start_where_the_config_is() -> None:
    view = make(weight_scale=0.333, bias_scale=7.0)
    assert (view.weight_scale.val, view.weight_scale.valmin, view.weight_scale.valmax) == (0.333, -5, 5)
    assert (view.bias_scale.val, view.bias_scale.valmin, view.bias_scale.valmax) == (7.0, -5, 7)
    assert_shows_its_settings(view)


def test_every_button_does_what_it_says() -> None:
    view = make({"seq_len": 5}, hidden_size=4)
    view.figure.canvas.draw()
    for label, cell in ((1, "lstm"), (2, "gru"), (0, "elman")):
        view.cell.set_active(label)
        assert view.settings.cell == cell
        assert_shows_its_settings(view)
    for label, nonlinearity in ((1, "relu"), (2, "identity"), (0, "tanh")):
        view.nonlinearity.set_active(label)
        assert view.settings.nonlinearity == nonlinearity
        assert_shows_its_settings(view)
    for label in (3, 1):
        view.layers.set_active(label)
        assert len(view.picture.hidden.curves) == label + 1
        assert_shows_its_settings(view)
    before = expected(view)
    view.last_only.set_active(0)
    assert view.settings.last_timestep_only
    assert expected(view).loss != before.loss
    assert_shows_its_settings(view)
    _click(view, view.new_sequence.ax, 0.5, 0.5)
    assert view.settings.sequence == 2
    assert_shows_its_settings(view)


def test_only_an_elman_net_lets_a_nonlinearity_be_chosen_and_it_is_kept() -> None:
    view = make(nonlinearity="relu")
    view.figure.canvas.draw()
    view.cell.set_active(1)
    _click(view, view.nonlinearity.ax, 0.15, 0.75)
    assert view.settings.nonlinearity == "relu"
    view.cell.set_active(0)
    _click(view, view.nonlinearity.ax, 0.15, 0.75)
    assert view.settings.nonlinearity == "tanh"
    assert_shows_its_settings(view)


def test_a_config_with_more_layers_has_its_own_button() -> None:
    view = make(layers=6)
    assert [label.get_text() for label in view.layers.labels] == ["1", "2", "3", "4", "6"]
    assert view.layers.value_selected == "6"


# What a logarithmic axis cannot show


def test_a_true_zero_is_marked_and_counted_and_nothing_is_drawn_for_it() -> None:
    view = make({"seq_len": 6, "last_timestep_only": True})
    view.weight_scale.set_val(0.0)
    (curve,) = view.picture.gradient.curves
    assert view.picture.gradient.axes.get_yscale() == "log"
    assert np.asarray(curve.line.get_ydata())[:5].tolist() == [0.0] * 5
    zero, infinite, undefined = curve.marks
    assert np.asarray(zero.get_xdata()).tolist() == [1, 2, 3, 4, 5]
    assert (zero.get_visible(), infinite.get_visible(), undefined.get_visible()) == (True, False, False)
    assert view.picture.gradient.note.get_text() == "▼ zero in float64: 5 of 6"
    view.weight_scale.set_val(1.0)
    assert not zero.get_visible()
    assert view.picture.gradient.note.get_text() == ""


@pytest.mark.parametrize(("units", "words", "which"), [(1, "▲ infinite", 1), (5, "× not a number", 2)])
def test_infinity_and_nan_are_marked_and_said(units: int, words: str, which: int) -> None:
    view = make({"seq_len": 300}, nonlinearity="identity", weight_scale=1e4, hidden_size=units)
    hidden_norm_T = expected(view).hidden_norm_LT[0]
    where = np.isinf(hidden_norm_T) if which == 1 else np.isnan(hidden_norm_T)
    assert 100 < where.sum() < 300
    assert view.picture.hidden.note.get_text() == f"{words}: {where.sum()} of 300"
    (curve,) = view.picture.hidden.curves
    assert np.asarray(curve.marks[which].get_xdata()).tolist() == (np.flatnonzero(where) + 1).tolist()
    assert [mark.get_visible() for mark in curve.marks] == [False, which == 1, which == 2]
    assert view.picture.numbers.get_text().startswith("loss infinite" if which == 1 else "loss not a number")
    view.figure.canvas.draw()


def test_the_axis_says_whether_it_is_linear() -> None:
    view = make({"seq_len": 50}, nonlinearity="identity")
    panel = view.picture.hidden
    assert (panel.axes.get_yscale(), panel.axes.get_ylabel()) == ("linear", "2-norm (linear axis)")
    view.weight_scale.set_val(5.0)
    assert (panel.axes.get_yscale(), panel.axes.get_ylabel()) == ("log", "2-norm (logarithmic axis)")
    view.weight_scale.set_val(1.0)
    assert (panel.axes.get_yscale(), panel.axes.get_ylabel()) == ("linear", "2-norm (linear axis)")


def test_the_eigenvalues_are_those_of_the_scaled_matrix_and_the_circle_is_the_unit_circle() -> None:
    view = make(layers=2)
    view.weight_scale.set_val(-2.0)
    radii = []
    for layer, points in enumerate(view.picture.eigenvalues.points):
        matrix = -2.0 * view.explorer.originals(view.settings)[f"weight_hh_l{layer}"][0].numpy()
        real, imaginary = (np.asarray(part) for part in points.get_data())
        exact = np.linalg.eigvals(matrix)
        np.testing.assert_allclose(np.sort_complex(real + 1j * imaginary), np.sort_complex(exact), atol=1e-12)
        radii.append(f"{np.abs(exact).max():.4g}")
    circle: Any = view.picture.eigenvalues.circle
    assert (circle.get_width(), circle.get_height(), circle.get_center()) == (2, 2, (0, 0))
    assert view.picture.numbers.get_text().endswith(f"spectral radius {', '.join(radii)}")


@pytest.mark.parametrize(("cell", "words"), [("lstm", "an LSTM"), ("gru", "a GRU")])
def test_it_says_that_no_single_matrix_governs_the_gated_cells(cell: str, words: str) -> None:
    view = make()
    view.cell.set_active({"lstm": 1, "gru": 2}[cell])
    plane = view.picture.eigenvalues
    assert f"no single matrix governs {words}" in plane.words.get_text()
    assert not plane.circle.get_visible()
    assert plane.points == []
    assert "radius" not in view.picture.numbers.get_text()
    view.cell.set_active(0)
    assert plane.words.get_text() == ""
    assert plane.circle.get_visible()


# How it is painted


def test_what_is_repainted_is_the_same_pixels_as_a_figure_painted_afresh() -> None:
    view = make({"seq_len": 12, "last_timestep_only": True}, layers=2)
    _paint(view.figure)
    moves: list[Callable[[], object]] = [
        lambda: view.weight_scale.set_val(1.05), lambda: view.weight_scale.set_val(-4.0),
        lambda: view.weight_scale.set_val(0.0), lambda: view.cell.set_active(1), lambda: view.weight_scale.set_val(0.5),
        lambda: view.layers.set_active(2), lambda: view.cell.set_active(0), lambda: view.last_only.set_active(0),
        lambda: _click(view, view.new_sequence.ax, 0.5, 0.5), lambda: view.bias_scale.set_val(-1.5),
    ]  # fmt: skip
    for move in moves:
        move()
        kept = _paint(view.figure)
    np.testing.assert_array_equal(_paint_anew(view.figure), kept)
    fresh = _paint(_show(view.explorer, view.settings).figure)
    top = slice(0, int(0.7 * len(kept)))  # below stand the buttons, one of which the mouse has passed over
    np.testing.assert_array_equal(fresh[top], kept[top])


def test_a_slider_that_moves_paints_only_what_moves() -> None:
    view = make()
    view.figure.canvas.draw()
    panels = [view.picture.hidden.axes, view.picture.eigenvalues.axes, view.cell.ax, view.bias_scale.ax]
    view.weight_scale.set_val(1.05)
    assert [axes.stale for axes in panels] == [False] * len(panels)
    assert view.weight_scale.ax.stale


def test_another_size_is_painted_afresh() -> None:
    view = make()
    _paint(view.figure)
    view.figure.set_size_inches(9, 6)
    resized = _paint(view.figure)
    np.testing.assert_array_equal(_paint_anew(view.figure), resized)


def test_a_slider_that_moves_many_times_keeps_nothing() -> None:
    view = make({"seq_len": 3}, hidden_size=3)
    view.figure.canvas.draw()
    scales = [round(0.05 * i, 2) for i in range(-20, 21)]

    def move(times: int) -> None:
        for scale in itertools.islice(itertools.cycle(scales), times):
            view.weight_scale.set_val(scale)

    move(100)
    artists = len(view.figure.findobj())
    gc.collect()
    objects = len(gc.get_objects())
    tracemalloc.start()
    move(50)
    before = tracemalloc.get_traced_memory()[0]
    move(300)
    gc.collect()
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert len(view.figure.findobj()) == artists
    assert len(gc.get_objects()) - objects < 200
    assert grown < 50_000  # bytes: 300 kept pictures would be far more


# How it looks


def _shown_texts(figure: Figure) -> Iterator[Text]:
    for axes in figure.axes:
        ticks: set[object] = set()
        shown: set[object] = set()
        every: tuple[Any, Any] = (axes.xaxis, axes.yaxis)
        for axis in every:
            ticks |= set(axis.findobj(Text))
            shown |= {axis.label} | {tick.label1 for tick in axis._update_ticks()}
        texts = (text for text in axes.findobj(Text) if isinstance(text, Text))
        yield from (text for text in texts if text not in ticks or (axes.axison and text in shown))
    for legend in figure.legends:
        yield from legend.get_texts()
    yield from figure.texts


def assert_every_text_is_inside_and_alone(figure: Figure) -> None:
    """Check that no text leaves the figure and no two overlap."""
    figure.canvas.draw()
    texts = {text for text in _shown_texts(figure) if text.get_visible() and text.get_text().strip()}
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts]
    assert len(boxes) > 10
    width, height = figure.canvas.get_width_height()
    for words, box in boxes:
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height, f"'{words}' leaves the figure"
    for (words, box), (others, other) in itertools.combinations(boxes, 2):
        apart = box.x0 >= other.x1 or other.x0 >= box.x1 or box.y0 >= other.y1 or other.y0 >= box.y1
        assert apart, f"'{words}' and '{others}' overlap"


@pytest.mark.parametrize(
    ("cell", "layers", "timesteps"),
    [("elman", 1, 1), ("elman", 4, 50), ("elman", 6, 5), ("lstm", 4, 10), ("lstm", 1, 300), ("gru", 2, 50)],
)
def test_every_text_is_inside_the_figure_and_none_overlap(cell: str, layers: int, timesteps: int) -> None:
    view = make({"seq_len": timesteps, "last_timestep_only": True}, cell=cell, layers=layers)
    for scale in (-5.0, 0.0, 0.3):
        view.weight_scale.set_val(scale)
        assert_every_text_is_inside_and_alone(view.figure)
    with using(find_style("screen")):
        figure = Figure(SIZE_ALONE)
        FigureCanvasAgg(figure)
        picture = Picture(figure, view.explorer, says_scales=True)
        picture.show(replace(view.settings, weight_scale=-1.234, bias_scale=-5.678))
        assert_every_text_is_inside_and_alone(figure)
    assert picture.numbers.get_text().endswith("    weight_scale −1.234    bias_scale −5.678")
