"""A second implementation, to convict the first: the cells unrolled in numpy, one sequence and one gate at a time.

It shares no code with rnnlab. Weights are float64 by name; every loop is written out. A state can be nudged as an
independent node: the nudge is added to h_t (or c_t) where it is handed on, to the next step, to the layer above and
to the readout (c_t: also to its own h_t). Finite differences of the nudge are dL_p/dh_t and dL_p/dc_t.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

Weights = Mapping[str, np.ndarray]

SIGMAS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0.0),
    "identity": lambda z: z,
}


@dataclass(frozen=True)
class Nudge:
    """Add `amount` to unit `unit` of one state, in every sequence."""

    state: str  # h | c
    layer: int
    t: int
    unit: int
    amount: float


@dataclass(frozen=True)
class Net:
    """What is run."""

    cell: str
    sigma: str | None
    layers: int
    hidden_size: int


@dataclass(frozen=True)
class Unrolled:
    """What came out: states (L, T, B, H) and predictions (B, T, O)."""

    h: np.ndarray
    c: np.ndarray
    predictions: np.ndarray


def sigmoid(z: np.ndarray) -> np.ndarray:
    return np.asarray(1.0 / (1.0 + np.exp(-z)))


def unroll(net: Net, weights: Weights, inputs: np.ndarray, nudge: Nudge | None = None) -> Unrolled:
    """Run all sequences, one after another."""
    sequences, timesteps, _ = inputs.shape
    h = np.zeros((net.layers, timesteps, sequences, net.hidden_size))
    c = np.zeros_like(h)
    predictions = []
    for p in range(sequences):
        below = list(inputs[p])
        for layer in range(net.layers):
            below = _run_layer(net, weights, below, layer, nudge, h[layer, :, p], c[layer, :, p])
        predictions.append([weights["readout_weight"] @ x + weights["readout_bias"] for x in below])
    return Unrolled(h, c, np.array(predictions))


def _run_layer(
    net: Net,
    weights: Weights,
    below: list[np.ndarray],
    layer: int,
    nudge: Nudge | None,
    h_TH: np.ndarray,
    c_TH: np.ndarray,
) -> list[np.ndarray]:
    h, c = np.zeros(net.hidden_size), np.zeros(net.hidden_size)
    for t, x in enumerate(below):
        if net.cell == "lstm":
            c = _nudged(_lstm_cell(weights, layer, x, h, c), nudge, "c", layer, t)
            h = _gate(weights, layer, 3, x, h, sigmoid) * np.tanh(c)
        elif net.cell == "gru":
            h = _gru(weights, layer, x, h)
        else:
            h = _gate(weights, layer, 0, x, h, SIGMAS[net.sigma or "tanh"])
        h = _nudged(h, nudge, "h", layer, t)
        h_TH[t], c_TH[t] = h, c
    return list(h_TH)


def _nudged(state: np.ndarray, nudge: Nudge | None, name: str, layer: int, t: int) -> np.ndarray:
    if nudge is None or (nudge.state, nudge.layer, nudge.t) != (name, layer, t):
        return state
    moved = state.copy()
    moved[nudge.unit] += nudge.amount
    return moved


def _gate(
    weights: Weights, layer: int, gate: int, x: np.ndarray, h: np.ndarray, sigma: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    rows = slice(gate * h.size, (gate + 1) * h.size)
    from_input = weights[f"weight_ih_l{layer}"][rows] @ x
    from_state = weights[f"weight_hh_l{layer}"][rows] @ h
    return np.asarray(sigma(from_input + from_state + weights[f"bias_l{layer}"][rows]))


def _lstm_cell(weights: Weights, layer: int, x: np.ndarray, h: np.ndarray, c: np.ndarray) -> np.ndarray:
    i = _gate(weights, layer, 0, x, h, sigmoid)
    f = _gate(weights, layer, 1, x, h, sigmoid)
    g = _gate(weights, layer, 2, x, h, np.tanh)
    return np.asarray(f * c + i * g)


def _gru(weights: Weights, layer: int, x: np.ndarray, h: np.ndarray) -> np.ndarray:
    r = _gate(weights, layer, 0, x, h, sigmoid)
    z = _gate(weights, layer, 1, x, h, sigmoid)
    rows = slice(2 * h.size, None)
    from_input = weights[f"weight_ih_l{layer}"][rows] @ x + weights[f"bias_l{layer}"][rows]
    from_state = weights[f"weight_hh_l{layer}"][rows] @ h + weights[f"bias_hn_l{layer}"]
    return np.asarray((1.0 - z) * np.tanh(from_input + r * from_state) + z * h)


def sequence_losses(predictions: np.ndarray, targets: np.ndarray, last_timestep_only: bool) -> np.ndarray:
    """Mean squared error of each sequence, (B,)."""
    errors = (predictions - targets) ** 2
    if last_timestep_only:
        errors = errors[:, -1:]
    return np.asarray(errors.mean(axis=(1, 2)))


def state_gradients(
    net: Net,
    weights: Weights,
    inputs: np.ndarray,
    targets: np.ndarray,
    last_timestep_only: bool,
    state: str = "h",
    epsilon: float = 1e-5,
) -> np.ndarray:
    """Give dL_p/dh_t (or dL_p/dc_t) by central differences, (L, T, B, H)."""
    sequences, timesteps, _ = inputs.shape
    gradients = np.zeros((net.layers, timesteps, sequences, net.hidden_size))
    for layer, t, unit in np.ndindex(net.layers, timesteps, net.hidden_size):
        above, below = (
            sequence_losses(
                unroll(net, weights, inputs, Nudge(state, layer, t, unit, amount)).predictions,
                targets,
                last_timestep_only,
            )
            for amount in (epsilon, -epsilon)
        )
        gradients[layer, t, :, unit] = (above - below) / (2 * epsilon)
    return gradients


def parameter_gradients(
    net: Net,
    weights: Weights,
    inputs: np.ndarray,
    targets: np.ndarray,
    last_timestep_only: bool,
    epsilon: float = 1e-5,
) -> dict[str, np.ndarray]:
    """Give the gradient of the mean loss by central differences, by name."""

    def loss_at(moved: Weights) -> float:
        return float(sequence_losses(unroll(net, moved, inputs).predictions, targets, last_timestep_only).mean())

    gradients = {name: np.zeros_like(weight) for name, weight in weights.items()}
    for name, index in _every_entry(weights):
        above, below = (
            loss_at({**weights, name: _moved(weights[name], index, amount)}) for amount in (epsilon, -epsilon)
        )
        gradients[name][index] = (above - below) / (2 * epsilon)
    return gradients


def _every_entry(weights: Weights) -> Iterator[tuple[str, tuple[int, ...]]]:
    for name, weight in weights.items():
        for index in np.ndindex(*weight.shape):
            yield name, index


def _moved(weight: np.ndarray, index: tuple[int, ...], amount: float) -> np.ndarray:
    moved = weight.copy()
    moved[index] += amount
    return moved
