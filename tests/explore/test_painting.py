"""How the explorer is painted: only what moves, the same pixels as a figure painted afresh, and nothing is kept."""

from __future__ import annotations

import gc
import itertools
import tracemalloc
from collections.abc import Callable

import numpy as np

from tests.explore.viewed import click, make, paint, paint_anew, show


def test_what_is_repainted_is_the_same_pixels_as_a_figure_painted_afresh() -> None:
    view = make({"seq_len": 12, "last_timestep_only": True}, layers=2)
    paint(view.figure)
    moves: list[Callable[[], object]] = [
        lambda: view.weight_scale.set_val(1.05), lambda: view.weight_scale.set_val(-4.0),
        lambda: view.weight_scale.set_val(0.0), lambda: view.cell.set_active(1), lambda: view.weight_scale.set_val(0.5),
        lambda: view.layers.set_active(2), lambda: view.cell.set_active(0), lambda: view.last_only.set_active(0),
        lambda: click(view, view.new_sequence.ax, 0.5, 0.5), lambda: view.bias_scale.set_val(-1.5),
    ]  # fmt: skip
    for move in moves:
        move()
        kept = paint(view.figure)
    np.testing.assert_array_equal(paint_anew(view.figure), kept)
    fresh = paint(show(view.explorer, view.settings).figure)
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
    paint(view.figure)
    view.figure.set_size_inches(9, 6)
    resized = paint(view.figure)
    np.testing.assert_array_equal(paint_anew(view.figure), resized)


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
