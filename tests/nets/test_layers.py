"""The modules: their interfaces as the labs use them, their errors, and the hidden states that they keep."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rnnlab import RNN, GRULayer, LSTMLayer, RecurrentRegressionModel, RNNLayer
from rnnlab.nets import identity, model_from_weights, named_parameters
from tests.nets.settings import CELLS, make_architecture, random_weights, tensors

LAYERS: list[Callable[[int, int], Any]] = [RNNLayer, LSTMLayer, GRULayer]
NETS: list[Callable[[], Any]] = [
    *(partial(layer, 2, 3) for layer in LAYERS),
    lambda: RNN(2, 3, 2),
    lambda: RNN(2, 3, 2, LSTMLayer),
    lambda: RecurrentRegressionModel(RNN(2, 3, 3, GRULayer), 4),
    lambda: RecurrentRegressionModel(RNNLayer(2, 3)),
]

X = torch.linspace(-1, 1, 40).reshape(4, 5, 2)


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_gives_all_states_and_the_last(layer: Callable[[int, int], Any]) -> None:
    net = layer(2, 3)
    h_BTH, last_BH = net(X)
    assert h_BTH.shape == (4, 5, 3)
    assert last_BH.shape == (4, 3)
    assert torch.equal(h_BTH[:, -1], last_BH)
    assert [tuple(h.shape) for h in net.h_list] == [(4, 3)] * 5
    assert torch.equal(torch.stack(net.h_list, dim=1), h_BTH)


@pytest.mark.parametrize("make_layer", LAYERS)
@pytest.mark.parametrize("layers", [1, 2, 4])
def test_stacked_layers_give_the_top_and_the_last_of_each(layers: int, make_layer: Callable[[int, int], Any]) -> None:
    net = RNN(2, 3, layers, make_layer)
    h_BTH, last_LBH = net(X)
    assert h_BTH.shape == (4, 5, 3)
    assert last_LBH.shape == (layers, 4, 3)
    assert torch.equal(last_LBH[-1], h_BTH[:, -1])
    assert all(
        torch.equal(layer.h_list[-1], last) for layer, last in zip(net.recurrent_layers(), last_LBH, strict=True)
    )
    assert net.h_list is net.recurrent_layers()[-1].h_list


def test_stacked_layers_are_layers_one_on_another() -> None:
    net = RNN(2, 3, 2)
    lower, upper = net.recurrent_layers()
    assert torch.equal(upper(lower(X)[0])[0], net(X)[0])


@pytest.mark.parametrize("outputs", [1, 4])
def test_the_regression_model_reads_every_timestep(outputs: int) -> None:
    model = RecurrentRegressionModel(RNN(2, 3, 2), outputs)
    predictions_BTO, h_BTH = model(X)
    assert predictions_BTO.shape == (4, 5, outputs)
    assert torch.equal(h_BTH, model.recurrent_net(X)[0])
    for t in range(5):
        torch.testing.assert_close(predictions_BTO[:, t], model.readout(h_BTH[:, t]))


def test_the_model_predicts_one_number_unless_told_otherwise() -> None:
    assert RecurrentRegressionModel(RNNLayer(2, 3))(X)[0].shape == (4, 5, 1)


@pytest.mark.parametrize(
    "nonlinearity",
    [identity, torch.relu, torch.tanh, torch.sin, nn.Softplus(), lambda z: z / (1 + z.abs()), nn.functional.gelu],
)
def test_any_callable_is_a_nonlinearity(nonlinearity: Callable[[Tensor], Tensor]) -> None:
    layer = RNNLayer(2, 3, nonlinearity)
    h_BTH, _ = layer(X)
    h = torch.zeros(4, 3)
    for t in range(5):
        h = nonlinearity(h @ layer.weight_hh.T + X[:, t] @ layer.weight_ih.T + layer.bias)
        torch.testing.assert_close(h_BTH[:, t], h)


def test_tanh_is_the_default() -> None:
    assert RNNLayer(2, 3)(100 * X)[0].abs().max() <= 1


@pytest.mark.parametrize("layer", LAYERS)
def test_fresh_weights_lie_within_pytorchs_bounds(layer: Callable[[int, int], nn.Module]) -> None:
    torch.manual_seed(0)
    for parameter in layer(5, 100).parameters():
        assert 0.95 * 0.1 < parameter.abs().max() <= 0.1


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("shape", [(5, 2), (2,), (4, 5, 3), (4, 5, 1), (1, 4, 5, 2), (4, 0, 2)])
def test_wrong_inputs_are_an_error_that_names_both_shapes(
    layer: Callable[[int, int], nn.Module], shape: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match=r"\(batch, timesteps, 2\).*at least one timestep") as caught:
        layer(2, 3)(torch.zeros(shape))
    assert str(shape) in str(caught.value)


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_has_at_least_one_input_and_one_unit(layer: Callable[[int, int], Any]) -> None:
    assert layer(1, 1)(torch.zeros(1, 1, 1))[0].shape == (1, 1, 1)
    for sizes in ((0, 1), (1, 0)):
        with pytest.raises(ValueError, match=f"must be at least 1; got {sizes[0]} and {sizes[1]}"):
            layer(*sizes)


@pytest.mark.parametrize("layers", [0, -1])
def test_a_net_without_layers_is_an_error(layers: int) -> None:
    with pytest.raises(ValueError, match=f"num_layers must be at least 1; got {layers}"):
        RNN(2, 3, layers)


@pytest.mark.parametrize("layer", LAYERS)
def test_a_batch_of_none_gives_none(layer: Callable[[int, int], Any]) -> None:
    assert layer(2, 3)(torch.zeros(0, 5, 2))[0].shape == (0, 5, 3)


@pytest.mark.parametrize("make", NETS)
def test_kept_states_have_their_gradients(make: Callable[[], Any]) -> None:
    net = make()
    net(X)[0].sum().backward()
    kept = [module for module in net.modules() if hasattr(module, "h_list") and hasattr(module, "cell")]
    assert kept
    for layer in kept:
        assert len(layer.c_list) == (5 if isinstance(layer, LSTMLayer) else 0)
        assert all(node.grad is not None and node.grad.abs().sum() > 0 for node in (*layer.h_list, *layer.c_list))


def test_each_pass_keeps_its_own_states() -> None:
    layer = RNNLayer(2, 3)
    layer(X)
    first = list(layer.h_list)
    layer(X[:1, :2])
    assert len(first) == 5
    assert [tuple(h.shape) for h in layer.h_list] == [(1, 3)] * 2


@pytest.mark.parametrize("make", NETS)
def test_without_gradients_the_same_numbers_come_out(make: Callable[[], Any]) -> None:
    net = make()
    with_graph = net(X)[0]
    with torch.no_grad():
        without = net(X)[0]
    assert with_graph.requires_grad
    assert not without.requires_grad
    assert torch.equal(with_graph, without)


@pytest.mark.parametrize("make", NETS)
def test_a_deep_copy_does_the_same_and_is_its_own(make: Callable[[], Any]) -> None:
    """Also after a pass, when the module holds states that belong to a graph."""
    net = make()
    expected = net(X)[0].detach()
    twin = copy.deepcopy(net)
    assert torch.equal(twin(X)[0], expected)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.add_(1.0)
    assert torch.equal(net(X)[0], expected)


@pytest.mark.parametrize("layer", LAYERS)
def test_copying_leaves_the_kept_states_where_they_are(layer: Callable[[int, int], Any]) -> None:
    net = layer(2, 3)
    net(X)
    assert copy.deepcopy(net).h_list == []
    assert len(net.h_list) == 5


@pytest.mark.parametrize("make", NETS)
def test_a_state_dict_carries_all_there_is(make: Callable[[], Any]) -> None:
    net, other = make(), make()
    net(X)
    assert not torch.equal(net(X)[0], other(X)[0])
    other.load_state_dict(net.state_dict())
    assert torch.equal(net(X)[0], other(X)[0])


@pytest.mark.parametrize(("cell", "nonlinearity"), CELLS)
def test_a_model_from_weights_has_just_these_in_their_type(cell: str, nonlinearity: str | None) -> None:
    architecture = make_architecture(cell, nonlinearity, 2)
    weights = tensors(random_weights(architecture, 0))
    named = named_parameters(model_from_weights(architecture, weights))
    assert list(named) == list(architecture.parameter_shapes)
    for name, parameter in named.items():
        assert parameter.dtype == torch.float64
        assert torch.equal(parameter, weights[name])


def test_hidden_gradients_are_those_of_a_tensor_put_in_between() -> None:
    """dL/dh_2 of a hand-written graph that starts again from h_2."""
    layer = RNNLayer(2, 3)
    h_BTH, _ = layer(X)
    h_BTH.square().sum().backward()
    h = layer.h_list[2].detach().requires_grad_()
    loss, state = h.square().sum(), h
    for t in (3, 4):
        state = torch.tanh(state @ layer.weight_hh.T + X[:, t] @ layer.weight_ih.T + layer.bias)
        loss = loss + state.square().sum()
    loss.backward()
    torch.testing.assert_close(layer.h_list[2].grad, h.grad)
