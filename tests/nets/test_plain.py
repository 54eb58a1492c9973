"""The numpy forward pass agrees with the nets that were trained, to the last digits of float64."""

from __future__ import annotations

import numpy as np
import pytest

from rnnlab.figures.class_predictions import softmax
from rnnlab.nets import run_net
from rnnlab.nets.plain import predict
from tests.nets.settings import CELLS, make_architecture, random_sequences, random_weights, tensors


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize(("cell", "nonlinearity"), CELLS)
def test_predictions_are_those_of_the_nets(cell: str, nonlinearity: str | None, layers: int) -> None:
    import torch

    architecture = make_architecture(cell, nonlinearity, layers)
    weights, (x_BTI, _) = random_weights(architecture, seed=1), random_sequences(architecture, 4, 7)
    model = {"cell": cell, "nonlinearity": nonlinearity, "layers": layers}
    expected = run_net(architecture.cell, layers, tensors(weights), torch.from_numpy(x_BTI)).predictions_BTO
    assert np.allclose(predict(model, weights, x_BTI), expected.numpy(), rtol=1e-12, atol=1e-12)


def test_what_overflows_is_infinite_without_a_warning() -> None:
    architecture = make_architecture("elman", "identity", 1)
    weights = {name: value * 1e200 for name, value in random_weights(architecture, seed=1).items()}
    x_BTI, _ = random_sequences(architecture, 2, 5)
    predictions = predict({"cell": "elman", "nonlinearity": "identity", "layers": 1}, weights, x_BTI)
    assert not np.isfinite(predictions).all()


def test_softmax_does_not_overflow() -> None:
    assert np.allclose(softmax(np.array([[1000.0, 1000.0, -1000.0]])), [[0.5, 0.5, 0.0]])
