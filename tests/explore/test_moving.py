"""The explorer as it is moved: real widgets on a real canvas, and the data of what is drawn."""

from __future__ import annotations

import numpy as np
import pytest

from rnnlab.experiment import architecture_of
from rnnlab.flow import gradient_flow
from rnnlab.nets.norms import norm
from tests.explore.viewed import assert_shows_its_settings, click, expected, lines, make, mouse


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


def test_the_mouse_drags_a_slider_in_steps_of_a_twentieth() -> None:
    view = make()
    view.figure.canvas.draw()
    axes = view.weight_scale.ax
    start, end = axes.transData.transform((1.0, 0.5)), axes.transData.transform((-2.26, 0.5))
    for name, at in (("button_press_event", start), ("motion_notify_event", end), ("button_release_event", end)):
        mouse(view, name, at)
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
    click(view, view.new_sequence.ax, 0.5, 0.5)
    assert view.settings.sequence == 2
    assert_shows_its_settings(view)


def test_only_an_elman_net_lets_a_nonlinearity_be_chosen_and_it_is_kept() -> None:
    view = make(nonlinearity="relu")
    view.figure.canvas.draw()
    view.cell.set_active(1)
    click(view, view.nonlinearity.ax, 0.15, 0.75)
    assert view.settings.nonlinearity == "relu"
    view.cell.set_active(0)
    click(view, view.nonlinearity.ax, 0.15, 0.75)
    assert view.settings.nonlinearity == "tanh"
    assert_shows_its_settings(view)


def test_a_config_with_more_layers_has_its_own_button() -> None:
    view = make(layers=6)
    assert [label.get_text() for label in view.layers.labels] == ["1", "2", "3", "4", "6"]
    assert view.layers.value_selected == "6"
