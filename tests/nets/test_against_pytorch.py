"""Every state and every gradient agrees with PyTorch's own modules, in float64, alone and in a stack."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from rnnlab.nets import make_cell, model_from_weights, named_parameters, run_net
from tests.nets.pytorch_nets import PytorchNet, pytorch_gradients
from tests.nets.settings import make_architecture, random_sequences, random_weights, stacked, tensors

PYTORCH = [("elman", "tanh"), ("elman", "relu"), ("lstm", None), ("gru", None)]
"""The cells that PyTorch has too."""


def assert_exact(found: Tensor | None, expected: Tensor | None) -> None:
    """Hold to 1e-12, relative for the few numbers larger than 1."""
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize(("cell", "nonlinearity"), PYTORCH)
def test_a_stack_agrees_with_pytorch_in_all_states_and_gradients(
    cell: str, nonlinearity: str | None, layers: int
) -> None:
    architecture = make_architecture(cell, nonlinearity, layers)
    weights = [random_weights(architecture, seed) for seed in range(3)]
    leaves = {name: tensor.requires_grad_() for name, tensor in tensors(stacked(weights)).items()}
    x_SBTI = torch.stack([torch.from_numpy(random_sequences(architecture, 4, 6, seed)[0]) for seed in range(3)])
    x_SBTI.requires_grad_()
    ours = run_net(make_cell(cell, {"nonlinearity": nonlinearity}), layers, leaves, x_SBTI)
    ours.predictions_BTO.square().sum().backward()
    assert x_SBTI.grad is not None

    for index, one in enumerate(weights):
        theirs = PytorchNet(architecture, one)
        x_BTI = x_SBTI.detach()[index].requires_grad_()
        predictions, h_LBH, c_LBH = theirs(x_BTI)
        predictions.square().sum().backward()
        assert_exact(ours.predictions_BTO[index], predictions)
        for layer in range(layers):
            last = ours.states[layer][-1]
            assert_exact(last[0][index], h_LBH[layer])
            assert_exact(last[-1][index], c_LBH[layer])
        assert_exact(x_SBTI.grad[index], x_BTI.grad)
        for name, gradient in pytorch_gradients(architecture, theirs).items():
            mine = leaves[name].grad
            assert mine is not None
            assert_exact(mine[index], gradient)


@pytest.mark.parametrize("timesteps", [1, 2, 5])
@pytest.mark.parametrize(("cell", "nonlinearity"), PYTORCH)
def test_states_agree_at_every_timestep_of_every_layer(cell: str, nonlinearity: str | None, timesteps: int) -> None:
    """PyTorch gives lower layers at the last timestep only: so every prefix of the sequence is run."""
    architecture = make_architecture(cell, nonlinearity, 3)
    weights = random_weights(architecture, 1)
    x_BTI = torch.from_numpy(random_sequences(architecture, 2, timesteps)[0])
    ours = run_net(make_cell(cell, {"nonlinearity": nonlinearity}), 3, tensors(weights), x_BTI)
    theirs = PytorchNet(architecture, weights)
    for t in range(timesteps):
        _, h_LBH, c_LBH = theirs(x_BTI[:, : t + 1])
        for layer in range(3):
            assert_exact(ours.states[layer][t][0], h_LBH[layer])
            assert_exact(ours.states[layer][t][-1], c_LBH[layer])


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize(("cell", "nonlinearity"), PYTORCH)
def test_the_modules_agree_with_pytorch(cell: str, nonlinearity: str | None, layers: int) -> None:
    architecture = make_architecture(cell, nonlinearity, layers)
    weights = random_weights(architecture, 2)
    model, theirs = model_from_weights(architecture, tensors(weights)), PytorchNet(architecture, weights)
    x_BTI = torch.from_numpy(random_sequences(architecture, 4, 5)[0])
    (ours, _), (predictions, *_) = model(x_BTI), theirs(x_BTI)
    ours.square().mean().backward()
    predictions.square().mean().backward()
    assert_exact(ours, predictions)
    expected = pytorch_gradients(architecture, theirs)
    for name, parameter in named_parameters(model).items():
        assert_exact(parameter.grad, expected[name])
