"""States and predictions agree with the equations written out in numpy, also where PyTorch has no such cell."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from rnnlab.nets import run_net
from tests.nets.settings import (
    CELLS,
    make_architecture,
    random_sequences,
    random_weights,
    reference_net,
    stacked,
    tensors,
)
from tests.reference import unroll


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize(("cell", "nonlinearity"), CELLS)
def test_all_states_agree_with_the_equations(cell: str, nonlinearity: str | None, layers: int) -> None:
    architecture = make_architecture(cell, nonlinearity, layers)
    weights = random_weights(architecture, 3)
    inputs, _ = random_sequences(architecture, 3, 5)
    expected = unroll(reference_net(architecture), weights, inputs)
    ours = run_net(architecture.cell, layers, tensors(weights), torch.from_numpy(inputs))
    h_LTBH = np.array([[state[0].numpy() for state in layer] for layer in ours.states])
    assert_allclose(h_LTBH, expected.h, rtol=0, atol=1e-12)
    assert_allclose(ours.predictions_BTO.numpy(), expected.predictions, rtol=0, atol=1e-12)
    if cell == "lstm":
        c_LTBH = np.array([[state[1].numpy() for state in layer] for layer in ours.states])
        assert_allclose(c_LTBH, expected.c, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("cell", "nonlinearity"), CELLS)
def test_each_net_of_a_stack_does_what_it_does_alone(cell: str, nonlinearity: str | None) -> None:
    architecture = make_architecture(cell, nonlinearity, 2)
    weights = [random_weights(architecture, seed) for seed in range(5)]
    inputs = np.stack([random_sequences(architecture, 3, 6, seed)[0] for seed in range(5)])
    together = run_net(architecture.cell, 2, tensors(stacked(weights)), torch.from_numpy(inputs))
    for index, one in enumerate(weights):
        alone = run_net(architecture.cell, 2, tensors(one), torch.from_numpy(inputs[index]))
        assert_allclose(together.predictions_BTO[index].numpy(), alone.predictions_BTO.numpy(), rtol=0, atol=1e-13)


def test_time_does_not_flow_backwards() -> None:
    """A later input changes no earlier state."""
    architecture = make_architecture("gru", None, 2)
    weights = tensors(random_weights(architecture, 0))
    inputs, _ = random_sequences(architecture, 2, 6)
    changed = inputs.copy()
    changed[:, 4] += 1.0
    before, after = (
        run_net(architecture.cell, 2, weights, torch.from_numpy(x)).predictions_BTO for x in (inputs, changed)
    )
    assert torch.equal(before[:, :4], after[:, :4])
    assert not torch.isclose(before[:, 4:], after[:, 4:]).any()
