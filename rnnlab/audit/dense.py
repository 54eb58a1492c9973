"""Every step of a net with its dense Jacobians, by complex steps: what the second way to each group is made of.

    ∂s_t/∂s_{t-1},  ∂s_t/∂x_t,  ∂s_t/∂u_t,  u_t = W_hh h_{t-1},  s_t = h_t, or (h_t, c_t) of an LSTM

Each is found column by column, from one step for each number that is nudged by iε (rnnlab.audit.complex_step), and no
derivative is written down. T timesteps, B sequences, N numbers of a state, I inputs of the layer, G rows of W_hh, L
layers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from rnnlab.audit.case import AuditCase, loss_gradient
from rnnlab.audit.complex_step import EPSILON, Before, known_step
from rnnlab.nets.parameters import layer_weights


@dataclass(frozen=True)
class DenseLayer:
    """One layer after its forward pass.

    Attributes:
        weight_hh_GH: its recurrent matrix, (0, H) of a cell without one.
        h_before_TBH: h_{t-1}.
        total_TBG: W_ih x_t + b + W_hh h_{t-1}: of all gates but a GRU's n the pre-activation.
        by_state_TBNN: ∂s_t/∂s_{t-1}.
        by_input_TBNI: ∂s_t/∂x_t.
        by_product_TBNG: ∂s_t/∂u_t.
    """

    weight_hh_GH: np.ndarray
    h_before_TBH: np.ndarray
    total_TBG: np.ndarray
    by_state_TBNN: np.ndarray
    by_input_TBNI: np.ndarray
    by_product_TBNG: np.ndarray


@dataclass(frozen=True)
class DenseNet:
    """All layers, and what the loss does to the top one: ∂L_p/∂h_t through the readout alone, (T, B, H)."""

    case: AuditCase
    layers: list[DenseLayer]
    exits_TBH: np.ndarray


def differentiate(case: AuditCase) -> DenseNet:
    """Run a net and differentiate each of its steps.

    Raises:
        NotKnownError: the cell, its nonlinearity or the loss is none of those that are written in this room.
    """
    x_TBI, layers = case.inputs_BTI.swapaxes(0, 1), []
    for index in range(case.architecture.layers):
        layer, x_TBI = _run(case, layer_weights(case.weights, index), x_TBI)
        layers.append(layer)
    predictions_BTO = x_TBI.swapaxes(0, 1) @ case.weights["readout_weight"].T + case.weights["readout_bias"]
    exits_TBH = loss_gradient(case, predictions_BTO).swapaxes(0, 1) @ case.weights["readout_weight"]
    return DenseNet(case, layers, exits_TBH)


def _run(case: AuditCase, weights: dict[str, np.ndarray], x_TBI: np.ndarray) -> tuple[DenseLayer, np.ndarray]:
    """Give one layer and its outputs h_t, (T, B, H)."""
    cell, hidden = case.architecture.cell, case.architecture.hidden_size
    (step, _), states = known_step(cell), len(cell.states)
    matrix_GH = weights["weight_hh"] if "weight_hh" in weights else np.zeros((0, hidden))
    rows_GH = matrix_GH if len(matrix_GH) else np.zeros((len(weights["bias"]), hidden))  # of a product that is zero

    def new_state(state: np.ndarray, x: np.ndarray, more: np.ndarray) -> np.ndarray:
        """Make a step, with something added to the recurrent product."""
        drive, product = x @ weights["weight_ih"].T + weights["bias"], state[..., :hidden] @ rows_GH.T
        before = Before(state[..., :hidden], state[..., -hidden:], 0.0, weights)
        return np.concatenate(step(cell, drive, product + more, before)[:states], axis=-1)

    state_BN, rows = np.zeros((x_TBI.shape[1], states * hidden)), []
    for x_BI in x_TBI:
        h_BH = state_BN[:, :hidden]
        total_BG = x_BI @ weights["weight_ih"].T + weights["bias"] + h_BH @ rows_GH.T
        point = (state_BN, x_BI, np.zeros_like(total_BG))
        rows.append((h_BH, total_BG, *(_jacobian(new_state, point, which) for which in range(len(point)))))
        state_BN = new_state(*point)
    h_before_TBH, *others = (np.stack(each) for each in zip(*rows, strict=True))
    after_TBH = np.concatenate([h_before_TBH[1:], state_BN[None, :, :hidden]])
    return DenseLayer(matrix_GH, h_before_TBH, *others), after_TBH


def _jacobian(function: Callable[..., np.ndarray], point: Sequence[np.ndarray], which: int) -> np.ndarray:
    """Differentiate a function (B, N) of several (B, ...) by one of them, (B, N, its size)."""
    nudges = 1j * EPSILON * np.eye(point[which].shape[-1])[:, None, :]
    nudged = [each + nudges if i == which else each for i, each in enumerate(point)]
    return np.moveaxis(function(*nudged).imag / EPSILON, 0, -1)


def perturb(net: DenseNet, seed: int) -> DenseNet:
    """Change every derivative that is not zero by about the rounding of the largest of its kind, which is 1 at least.

    A saturated unit's σ' = 1 - tanh² is known to the rounding of 1, and not of its own size. What a result changes by
    is what rounding may do to any way that computes it.
    """
    generator = np.random.default_rng(seed)

    def shaken(array: np.ndarray, size: float) -> np.ndarray:
        amount = np.finfo(np.float64).eps * max(1.0, size, float(np.abs(array).max(initial=0.0)))
        return np.where(array == 0, 0.0, array + amount * generator.uniform(-1, 1, array.shape))

    layers = []
    for layer in net.layers:
        size = float(np.abs(layer.weight_hh_GH).max(initial=0.0))
        derivatives = (layer.by_state_TBNN, layer.by_input_TBNI, layer.by_product_TBNG)
        by_state, by_input, by_product = (shaken(array, size) for array in derivatives)
        layers.append(replace(layer, by_state_TBNN=by_state, by_input_TBNI=by_input, by_product_TBNG=by_product))
    has_loss_T11 = (net.exits_TBH != 0).any(axis=(1, 2), keepdims=True)
    exits_TBH = np.where(has_loss_T11, shaken(np.where(net.exits_TBH == 0, 1e-300, net.exits_TBH), 0.0), 0.0)
    return DenseNet(net.case, layers, exits_TBH)


@dataclass(frozen=True)
class Backward:
    """The gradients of some losses for every state, each [layer] (T, B, ...)."""

    total_LTBN: list[np.ndarray]
    direct_LTBH: list[np.ndarray]
    back_LTBN: list[np.ndarray]


def pull_back(net: DenseNet, exits_TBH: np.ndarray) -> Backward:
    """Go back through all layers and timesteps from what the losses do to the top layer."""
    timesteps, _, hidden = exits_TBH.shape
    total, back = ([np.zeros_like(layer.by_state_TBNN[..., 0]) for layer in net.layers] for _ in range(2))
    direct = [np.zeros(exits_TBH.shape) for _ in net.layers]
    for t in reversed(range(timesteps)):
        for index in reversed(range(len(net.layers))):
            is_top = index == len(net.layers) - 1
            above = None if is_top else net.layers[index + 1].by_input_TBNI[t]
            direct[index][t] = exits_TBH[t] if above is None else _rows_times(total[index + 1][t], above)
            if t + 1 < timesteps:
                back[index][t] = _rows_times(total[index][t + 1], net.layers[index].by_state_TBNN[t + 1])
            total[index][t] = back[index][t]
            total[index][t][:, :hidden] += direct[index][t]
    return Backward(total, direct, back)


def _rows_times(rows_BN: np.ndarray, matrices_BNM: np.ndarray) -> np.ndarray:
    return np.asarray(np.einsum("bn,bnm->bm", rows_BN, matrices_BNM))
