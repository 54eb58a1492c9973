"""What the explorer's panels say beside their curves: what a logarithmic axis cannot show, scales, eigenvalues."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.explore.viewed import expected, make


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
