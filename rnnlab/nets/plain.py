"""The forward pass of a net in numpy, float64, for pictures of predictions: no gradients.

Without torch, where the cell has a step in numpy (rnnlab.nets.cells). h_0 = c_0 = 0.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rnnlab.nets.cells import Cell, make_cell
from rnnlab.nets.parameters import layer_weights


def predict(model: Mapping[str, object], weights: Mapping[str, np.ndarray], x_BTI: np.ndarray) -> np.ndarray:
    """Run a net over sequences.

    Args:
        model: the `model` section of a config: cell, its keys, layers.
        weights: by name.
        x_BTI: inputs.

    Returns:
        Predictions, (B, T, O) float64; what overflows is inf or NaN.

    Raises:
        UnknownNameError: there is no such cell here.
    """
    cell = make_cell(str(model["cell"]), model)
    exact = {name: value.astype(np.float64) for name, value in weights.items()}
    states_BTH = x_BTI.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        for layer in range(int(str(model["layers"]))):
            states_BTH = _run_layer(cell, layer_weights(exact, layer), states_BTH)
        return np.asarray(states_BTH @ exact["readout_weight"].T + exact["readout_bias"])


def _run_layer(cell: Cell, weights: Mapping[str, np.ndarray], x_BTI: np.ndarray) -> np.ndarray:
    drives_TBG = cell.numpy_drive(weights, x_BTI).swapaxes(0, 1)
    state = cell.numpy_begin(weights, drives_TBG[0])
    states = []
    for drive_BG in drives_TBG:
        state = cell.numpy_step(drive_BG, state, weights)
        states.append(state[0])
    return np.stack(states, axis=1)
