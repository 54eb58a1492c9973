"""GradientVisualizer: a module's own gradients under the sliders, and the module as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib import pyplot
from torch import Tensor, nn

from rnnlab import (
    RNN,
    GradientVisualizer,
    GRULayer,
    LSTMLayer,
    RecurrentRegressionModel,
    RNNLayer,
    biggest_eig_magnitude,
    loss_fn,
)
from rnnlab.flow import gradient_flow
from rnnlab.nets import Architecture, make_cell, named_parameters
from rnnlab.nets.norms import norm
from rnnlab.tasks import MeanSquaredError
from tests.explore.test_texts import assert_every_text_is_inside_and_alone


@pytest.fixture(autouse=True)
def _no_windows() -> Iterator[None]:
    pyplot.switch_backend("agg")
    yield
    pyplot.close("all")


def _lines(visualizer: GradientVisualizer, panel: str) -> np.ndarray:
    return np.stack([np.asarray(curve.line.get_ydata()) for curve in getattr(visualizer, panel).curves])


def _by_autograd(model: RecurrentRegressionModel, visualizer: GradientVisualizer, last: bool) -> list[np.ndarray]:
    """Give the norms of h_t and dL/dh_t of a one-layer model as a notebook would take them."""
    predictions, _ = model(visualizer.inputs)
    loss_fn(predictions, visualizer.targets, last).backward()
    states = model.recurrent_layers()[0].h_list
    gradients = [state.grad if state.grad is not None else torch.zeros_like(state) for state in states]
    return [np.array([each.norm().item() for each in kind]) for kind in (states, gradients)]


@pytest.mark.parametrize("make", [RNNLayer, LSTMLayer, GRULayer, partial(RNNLayer, nonlinearity=torch.sin),
                                  partial(RNNLayer, nonlinearity=lambda x: x.clamp(-0.5, 1)),
                                  partial(RNNLayer, nonlinearity=nn.Softplus())])  # fmt: skip
@pytest.mark.parametrize("last", [False, True])
def test_the_sliders_multiply_the_weights_and_biases_of_the_recurrent_net_alone(
    make: Callable[[int, int], Any], last: bool
) -> None:
    model = RecurrentRegressionModel(make(1, 6))
    visualizer = GradientVisualizer(model, last)
    for weight_scale, bias_scale in ((1.0, 1.0), (-2.35, 1.0), (-2.35, 4.0), (0.0, 0.5)):
        visualizer.weight_scale.set_val(weight_scale)
        visualizer.bias_scale.set_val(bias_scale)
        by_hand = RecurrentRegressionModel(make(1, 6)).double()
        by_hand.load_state_dict(model.state_dict())
        with torch.no_grad():
            for name, weight in by_hand.recurrent_net.named_parameters():
                weight.mul_(bias_scale if name.startswith("bias") else weight_scale)
        hidden, gradients = _by_autograd(by_hand, visualizer, last)
        np.testing.assert_allclose(_lines(visualizer, "hidden")[0], hidden, rtol=1e-6, atol=1e-300)
        np.testing.assert_allclose(_lines(visualizer, "gradient")[0], gradients, rtol=1e-6, atol=1e-300)


@pytest.mark.parametrize("cell", ["elman", "lstm", "gru"])
def test_it_shows_what_flow_computes_for_a_stack_of_layers(cell: str) -> None:
    make = {"elman": RNNLayer, "lstm": LSTMLayer, "gru": GRULayer}[cell]
    model = RecurrentRegressionModel(RNN(1, 5, 3, make))
    visualizer = GradientVisualizer(model, True)
    visualizer.weight_scale.set_val(1.75)
    weights = {
        name: weight.detach().double()[None] * (1.75 if name.startswith("weight") else 1.0)
        for name, weight in named_parameters(model).items()
    }
    architecture = Architecture(make_cell(cell), 1, 5, 3, 1)
    flow = gradient_flow(architecture, weights, visualizer.inputs, visualizer.targets, MeanSquaredError(True))
    expected = [flow.dL_dh_SLTBH] + ([] if flow.dL_dc_SLTBH is None else [flow.dL_dc_SLTBH])
    np.testing.assert_allclose(
        _lines(visualizer, "gradient"), torch.cat([norm(each)[0, :, :, 0] for each in expected]), rtol=1e-12
    )
    np.testing.assert_allclose(_lines(visualizer, "hidden"), norm(flow.h_SLTBH)[0, :, :, 0], rtol=1e-12)
    assert visualizer.drawn.loss == pytest.approx(flow.loss_SB.item(), rel=1e-12)


def test_the_module_and_the_global_generator_are_left_as_they_were() -> None:
    model = RecurrentRegressionModel(RNN(1, 4, 2))
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    generator = torch.get_rng_state()
    visualizer = GradientVisualizer(model, False)
    visualizer.weight_scale.set_val(-4.0)
    visualizer.bias_scale.set_val(0.0)
    assert torch.equal(torch.get_rng_state(), generator)
    for name, weight in model.state_dict().items():
        assert weight.dtype == torch.float32
        assert torch.equal(weight, before[name])
    assert all(parameter.grad is None for parameter in model.parameters())
    assert model.recurrent_layers()[0].h_list == []
    visualizer.weight_scale.set_val(1.0)
    visualizer.bias_scale.set_val(1.0)
    np.testing.assert_array_equal(visualizer.drawn.grad_norm_LT, GradientVisualizer(model, False).drawn.grad_norm_LT)


def test_the_sequence_is_fixed_and_of_length_10() -> None:
    first, second = (GradientVisualizer(RecurrentRegressionModel(RNNLayer(1, 3)), True) for _ in range(2))
    assert first.inputs.shape == first.targets.shape == (1, 10, 1)
    assert torch.equal(first.inputs, second.inputs)
    torch.testing.assert_close(
        first.targets[0, :, 0], first.inputs[0, :, 0].cumsum(0) / torch.arange(1, 11), rtol=0, atol=1e-6
    )


def test_it_tells_the_biggest_eigenvalue_magnitude_of_an_elman_net_only() -> None:
    layer = RNNLayer(1, 8)
    visualizer = GradientVisualizer(RecurrentRegressionModel(layer))
    visualizer.weight_scale.set_val(-3.0)
    expected = f"biggest eigenvalue magnitude {3 * biggest_eig_magnitude(layer.weight_hh):.4g}"
    assert visualizer.numbers.get_text().endswith(expected)
    assert "eigenvalue" not in GradientVisualizer(RecurrentRegressionModel(LSTMLayer(1, 8))).numbers.get_text()


def test_the_sliders_are_those_of_the_lab() -> None:
    visualizer = GradientVisualizer(RecurrentRegressionModel(RNNLayer(1, 3)))
    for slider, name in ((visualizer.weight_scale, "weight_scale"), (visualizer.bias_scale, "bias_scale")):
        assert (slider.label.get_text(), slider.val, slider.valmin, slider.valmax) == (name, 1.0, -5.0, 5.0)
        np.testing.assert_allclose(np.diff(np.asarray(slider.valstep)), 0.05)
    assert visualizer.gradient.axes.get_yscale() == "log"
    assert pyplot.gcf() is visualizer.figure


@pytest.mark.parametrize("make", [RNNLayer, LSTMLayer])
@pytest.mark.parametrize("layers", [1, 4])
def test_every_text_is_inside_the_figure_and_none_overlap(make: Any, layers: int) -> None:
    visualizer = GradientVisualizer(RecurrentRegressionModel(RNN(1, 16, layers, make)), True)
    for scale in (-5.0, 0.0, 0.3, 5.0):
        visualizer.weight_scale.set_val(scale)
        assert_every_text_is_inside_and_alone(visualizer.figure)


def test_what_it_cannot_take_is_a_sentence() -> None:
    with pytest.raises(TypeError, match=r"takes a RecurrentRegressionModel, .* got RNNLayer: wrap it"):
        GradientVisualizer(RNNLayer(1, 3))  # type: ignore[arg-type]
    for model in (RecurrentRegressionModel(RNNLayer(2, 3)), RecurrentRegressionModel(RNNLayer(1, 3), 4)):
        with pytest.raises(ValueError, match="one input and one target a timestep"):
            GradientVisualizer(model)


def test_nothing_is_added_to_a_gradient_that_vanishes() -> None:
    def tenth(x: Tensor) -> Tensor:
        return x * 1e-40

    layer = RNNLayer(1, 1, nonlinearity=tenth)
    visualizer = GradientVisualizer(RecurrentRegressionModel(layer), True)
    grad_norm_T = visualizer.drawn.grad_norm_LT[0]
    steps = abs(float(layer.weight_hh.detach().double())) * 1e-40
    np.testing.assert_allclose(grad_norm_T[2:], grad_norm_T[-1] * steps ** np.arange(7, -1, -1.0), rtol=1e-6)
    assert grad_norm_T[0] == 0
    assert visualizer.gradient.note.get_text() == "▼ zero in float64: 1 of 10" or (grad_norm_T[1] == 0)
