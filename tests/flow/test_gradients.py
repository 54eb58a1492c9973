"""Gradients of states and parameters, against finite differences, closed forms and the modules' autograd."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import Tensor

from rnnlab.flow import Flow, gradient_flow
from rnnlab.nets import Architecture, model_from_weights, named_parameters
from rnnlab.tasks import MeanSquaredError
from tests import reference
from tests.nets.settings import (
    CELLS,
    make_architecture,
    random_sequences,
    random_weights,
    reference_net,
    stacked,
    tensors,
)

LOSSES = pytest.mark.parametrize("last_timestep_only", [False, True])
ALL_CELLS = pytest.mark.parametrize(("cell", "nonlinearity"), CELLS)


def assert_near(found: Tensor, differences: np.ndarray, name: str = "") -> None:
    """Hold against central differences with 1e-5: they err by some 1e-10 from the step and 1e-11 from rounding."""
    assert_allclose(found.numpy(), differences, rtol=1e-7, atol=1e-8, err_msg=name)


def flow_of(
    architecture: Architecture,
    weights: list[dict[str, np.ndarray]],
    sequences: tuple[np.ndarray, np.ndarray],
    last_timestep_only: bool,
) -> Flow:
    inputs, targets = map(torch.from_numpy, sequences)
    loss = MeanSquaredError(last_timestep_only)
    return gradient_flow(architecture, tensors(stacked(weights)), inputs, targets, loss)


@LOSSES
@pytest.mark.parametrize("layers", [1, 2])
@ALL_CELLS
def test_state_gradients_agree_with_finite_differences(
    cell: str, nonlinearity: str | None, layers: int, last_timestep_only: bool
) -> None:
    architecture = make_architecture(cell, nonlinearity, layers)
    weights = [random_weights(architecture, seed) for seed in (4, 5)]
    sequences = random_sequences(architecture, 2, 4)
    flow = flow_of(architecture, weights, sequences, last_timestep_only)
    found = {"h": flow.dL_dh_SLTBH} | ({} if flow.dL_dc_SLTBH is None else {"c": flow.dL_dc_SLTBH})
    assert ("c" in found) == (cell == "lstm")
    for state, gradient_SLTBH in found.items():
        for index, one in enumerate(weights):
            expected = reference.state_gradients(
                reference_net(architecture), one, *sequences, last_timestep_only, state
            )
            assert np.abs(expected).max() > 1e-3
            assert_near(gradient_SLTBH[index], expected)


@LOSSES
@ALL_CELLS
def test_parameter_gradients_are_those_of_the_mean_loss(
    cell: str, nonlinearity: str | None, last_timestep_only: bool
) -> None:
    architecture = make_architecture(cell, nonlinearity, 2, hidden=2)
    weights = random_weights(architecture, 6)
    sequences = random_sequences(architecture, 3, 3)
    flow = flow_of(architecture, [weights], sequences, last_timestep_only)
    expected = reference.parameter_gradients(reference_net(architecture), weights, *sequences, last_timestep_only)
    assert list(flow.parameter_gradients) == list(architecture.parameter_shapes)
    for name, gradient in flow.parameter_gradients.items():
        assert_near(gradient[0], expected[name], name)


@LOSSES
@ALL_CELLS
def test_states_and_losses_are_those_of_the_equations(
    cell: str, nonlinearity: str | None, last_timestep_only: bool
) -> None:
    architecture = make_architecture(cell, nonlinearity, 2)
    weights = random_weights(architecture, 7)
    inputs, targets = random_sequences(architecture, 3, 5)
    flow = flow_of(architecture, [weights], (inputs, targets), last_timestep_only)
    expected = reference.unroll(reference_net(architecture), weights, inputs)
    losses = reference.sequence_losses(expected.predictions, targets, last_timestep_only)
    assert_allclose(flow.h_SLTBH[0].numpy(), expected.h, rtol=0, atol=1e-13)
    assert_allclose(flow.loss_SB[0].numpy(), losses, rtol=1e-13)


@LOSSES
@pytest.mark.parametrize("layers", [1, 3])
@ALL_CELLS
def test_gradients_agree_with_those_the_modules_keep(
    cell: str, nonlinearity: str | None, layers: int, last_timestep_only: bool
) -> None:
    """The modules are differentiated from the loss of one sequence at a time."""
    architecture = make_architecture(cell, nonlinearity, layers)
    weights = random_weights(architecture, 8)
    inputs, targets = random_sequences(architecture, 3, 6)
    flow = flow_of(architecture, [weights], (inputs, targets), last_timestep_only)
    totals: dict[str, Tensor] = {}
    for p in range(3):
        model = model_from_weights(architecture, tensors(weights))
        predictions, _ = model(torch.from_numpy(inputs[p : p + 1]))
        error = (predictions - torch.from_numpy(targets[p : p + 1])).square()
        (error[:, -1] if last_timestep_only else error).mean().backward()
        for index, layer in enumerate(model.recurrent_layers()):
            _assert_same(flow.dL_dh_SLTBH[0, index, :, p], layer.h_list)
            if flow.dL_dc_SLTBH is not None:
                _assert_same(flow.dL_dc_SLTBH[0, index, :, p], layer.c_list)
        for name, parameter in named_parameters(model).items():
            assert parameter.grad is not None
            totals[name] = totals.get(name, torch.zeros_like(parameter)) + parameter.grad
    for name, total in totals.items():
        assert_allclose(flow.parameter_gradients[name][0].numpy(), total.numpy() / 3, rtol=1e-12, atol=1e-13)


def _assert_same(gradient_TH: Tensor, kept: list[Tensor]) -> None:
    for t, node in enumerate(kept):
        if node.grad is None:  # PyTorch's way to say that nothing reaches it
            assert not gradient_TH[t].any()
        else:
            assert_allclose(gradient_TH[t].numpy(), node.grad[0].numpy(), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("hidden", [1, 3, 6])
def test_a_linear_net_passes_back_powers_of_its_transpose(hidden: int) -> None:
    """dL/dh_t = (Wᵀ)^(T-t) Vᵀ 2 (o_T - y_T) / O, for the loss at the last timestep."""
    architecture = make_architecture("elman", "identity", 1, hidden=hidden)
    weights = random_weights(architecture, 9)
    inputs, targets = random_sequences(architecture, 4, 7)
    flow = flow_of(architecture, [weights], (inputs, targets), last_timestep_only=True)
    predictions = reference.unroll(reference_net(architecture), weights, inputs).predictions
    dL_do_BO = 2 * (predictions - targets)[:, -1] / architecture.output_size
    for t in range(7):
        power = np.linalg.matrix_power(weights["weight_hh_l0"], 6 - t)
        expected = dL_do_BO @ weights["readout_weight"] @ power
        assert_allclose(flow.dL_dh_SLTBH[0, 0, t].numpy(), expected, rtol=1e-11, atol=1e-14)


def test_a_linear_net_with_every_loss_sums_the_powers() -> None:
    """dL/dh_t = sum over k >= t of (Wᵀ)^(k-t) Vᵀ 2 (o_k - y_k) / (T O)."""
    architecture = make_architecture("elman", "identity", 1)
    weights = random_weights(architecture, 10)
    inputs, targets = random_sequences(architecture, 2, 5)
    flow = flow_of(architecture, [weights], (inputs, targets), last_timestep_only=False)
    predictions = reference.unroll(reference_net(architecture), weights, inputs).predictions
    dL_do_BTO = 2 * (predictions - targets) / (5 * architecture.output_size)
    for t in range(5):
        expected = sum(
            dL_do_BTO[:, k] @ weights["readout_weight"] @ np.linalg.matrix_power(weights["weight_hh_l0"], k - t)
            for k in range(t, 5)
        )
        assert_allclose(flow.dL_dh_SLTBH[0, 0, t].numpy(), expected, rtol=1e-11, atol=1e-14)


@LOSSES
@ALL_CELLS
def test_a_sequence_has_the_same_gradient_in_any_batch(
    cell: str, nonlinearity: str | None, last_timestep_only: bool
) -> None:
    """One sequence alone, and 32 times: no hidden 1/B."""
    architecture = make_architecture(cell, nonlinearity, 2)
    weights = [random_weights(architecture, 11)]
    inputs, targets = random_sequences(architecture, 1, 6)
    alone = flow_of(architecture, weights, (inputs, targets), last_timestep_only)
    copies = (np.repeat(inputs, 32, axis=0), np.repeat(targets, 32, axis=0))
    many = flow_of(architecture, weights, copies, last_timestep_only)
    for p in range(32):
        assert_allclose(many.dL_dh_SLTBH[:, :, :, p].numpy(), alone.dL_dh_SLTBH[:, :, :, 0].numpy(), rtol=1e-12)
    for name, gradient in alone.parameter_gradients.items():
        assert_allclose(many.parameter_gradients[name].numpy(), gradient.numpy(), rtol=1e-11, atol=1e-15)


def test_measuring_leaves_the_weights_alone() -> None:
    architecture = make_architecture("elman", "tanh", 1)
    weights = tensors(stacked([random_weights(architecture, 0)]))
    before = {name: weight.clone() for name, weight in weights.items()}
    inputs, targets = map(torch.from_numpy, random_sequences(architecture, 2, 3))
    gradient_flow(architecture, weights, inputs, targets, MeanSquaredError())
    assert all(torch.equal(weights[name], before[name]) and not weights[name].requires_grad for name in weights)
