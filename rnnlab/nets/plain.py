"""The forward pass of the three cells in numpy, float64, for pictures of predictions: no torch, no gradients.

Elman: h_t = σ(W_hh h_{t-1} + W_ih x_t + b). LSTM, gates (i, f, g, o): c_t = f c_{t-1} + i g, h_t = o tanh(c_t).
GRU, gates (r, z, n): n = tanh(W_in x_t + b_in + r (W_hn h_{t-1} + b_hn)), h_t = (1 - z) n + z h_{t-1}.
Weights are named and stacked as in rnnlab.nets, which the tests hold this against. h_0 = c_0 = 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

_NONLINEARITIES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "tanh": np.tanh,
    "relu": lambda a: np.maximum(a, 0.0),
    "identity": lambda a: a,
}


def predict(model: Mapping[str, object], weights: Mapping[str, np.ndarray], x_BTI: np.ndarray) -> np.ndarray:
    """Run a net over sequences.

    Args:
        model: the `model` section of a config: cell, nonlinearity, layers.
        weights: by name.
        x_BTI: inputs.

    Returns:
        Predictions, (B, T, O) float64; what overflows is inf or NaN.
    """
    exact = {name: value.astype(np.float64) for name, value in weights.items()}
    states_BTH = x_BTI.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        for layer in range(int(str(model["layers"]))):
            states_BTH = _run_layer(model, exact, layer, states_BTH)
        return np.asarray(states_BTH @ exact["readout_weight"].T + exact["readout_bias"])


def _run_layer(
    model: Mapping[str, object], weights: Mapping[str, np.ndarray], layer: int, x_BTI: np.ndarray
) -> np.ndarray:
    recurrent_GH = weights[f"weight_hh_l{layer}"]
    drives_BTG = x_BTI @ weights[f"weight_ih_l{layer}"].T + weights[f"bias_l{layer}"]
    h_BH = c_BH = np.zeros((len(x_BTI), recurrent_GH.shape[1]))
    states = []
    for t in range(x_BTI.shape[1]):
        drive_BG, carried_BG = drives_BTG[:, t], h_BH @ recurrent_GH.T
        if model["cell"] == "lstm":
            h_BH, c_BH = _lstm(drive_BG + carried_BG, c_BH)
        elif model["cell"] == "gru":
            h_BH = _gru(drive_BG, carried_BG, weights[f"bias_hn_l{layer}"], h_BH)
        else:
            h_BH = _NONLINEARITIES[str(model["nonlinearity"])](drive_BG + carried_BG)
        states.append(h_BH)
    return np.stack(states, axis=1)


def _lstm(gates_BG: np.ndarray, c_BH: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    i, f, g, o = np.split(gates_BG, 4, axis=1)
    c_BH = _sigmoid(f) * c_BH + _sigmoid(i) * np.tanh(g)
    return _sigmoid(o) * np.tanh(c_BH), c_BH


def _gru(drive_BG: np.ndarray, carried_BG: np.ndarray, bias_hn_H: np.ndarray, h_BH: np.ndarray) -> np.ndarray:
    (drive_r, drive_z, drive_n), (carried_r, carried_z, carried_n) = (
        np.split(part, 3, axis=1) for part in (drive_BG, carried_BG)
    )
    r, z = _sigmoid(drive_r + carried_r), _sigmoid(drive_z + carried_z)
    n = np.tanh(drive_n + r * (carried_n + bias_hn_H))
    return np.asarray((1 - z) * n + z * h_BH)


def _sigmoid(a: np.ndarray) -> np.ndarray:
    return np.asarray(0.5 * (1 + np.tanh(0.5 * a)))  # the same function, and exp never overflows
