"""Backpropagation through time written out in numpy, for Elman nets: no autograd, no shared code with the nets.

    h_t = σ(z_t),  z_t = W_hh h_{t-1} + W_ih x_t + b
    dL/dz_t = dL/dh_t σ'(z_t),  dL/dh_{t-1} += W_hhᵀ dL/dz_t,  dL/dx_t = W_ihᵀ dL/dz_t
    dL/dW_hh = Σ_t dL/dz_t h_{t-1}ᵀ,  dL/dW_ih = Σ_t dL/dz_t x_tᵀ,  dL/db = Σ_t dL/dz_t

σ' is taken from h: 1 - h² for tanh, [h > 0] for relu, 1 for identity, h (1 - h) for the sigmoid, 1 - e^-h for
softplus, and so on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rnnlab.audit.case import Answer, AuditCase, NotKnownError, loss_gradient
from rnnlab.nets import Cell, Elman

_Elementwise = Callable[[np.ndarray], np.ndarray]
_SIGMA: dict[str, _Elementwise] = {
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0.0),
    "identity": lambda z: z,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "leaky-relu": lambda z: np.maximum(z, 0.01 * z),
    "softplus": lambda z: np.maximum(z, 0.0) + np.log1p(np.exp(-np.abs(z))),
    "hard-tanh": lambda z: np.minimum(np.maximum(z, -1.0), 1.0),
}
_SLOPE: dict[str, _Elementwise] = {
    "tanh": lambda h: 1 - h * h,
    "relu": lambda h: (h > 0).astype(h.dtype),
    "identity": np.ones_like,
    "sigmoid": lambda h: h * (1 - h),
    "leaky-relu": lambda h: np.where(h > 0, 1.0, 0.01),
    "softplus": lambda h: -np.expm1(-h),
    "hard-tanh": lambda h: (np.abs(h) < 1).astype(h.dtype),
}


@dataclass
class Layer:
    """One layer after its forward pass: what went in and what came out, (T, B, I) and (T, B, H)."""

    weight_ih: np.ndarray
    weight_hh: np.ndarray
    x_TBI: np.ndarray
    h_TBH: np.ndarray
    slope_TBH: np.ndarray

    @property
    def before_TBH(self) -> np.ndarray:
        """h_{t-1}, zero at the first step."""
        return np.concatenate([np.zeros_like(self.h_TBH[:1]), self.h_TBH[:-1]])


def forward(case: AuditCase) -> tuple[list[Layer], np.ndarray]:
    """Run an Elman net; gives its layers from the lowest up, and the predictions (B, T, O).

    Raises:
        NotKnownError: of another cell, or with another nonlinearity.
    """
    weights, nonlinearity = case.weights, _nonlinearity_of(case.architecture.cell)
    x_TBI = case.inputs_BTI.swapaxes(0, 1)
    layers = []
    for index in range(case.architecture.layers):
        w_ih, w_hh = weights[f"weight_ih_l{index}"], weights[f"weight_hh_l{index}"]
        h_BH = np.zeros((case.sequences, case.architecture.hidden_size))
        states = []
        for x_BI in x_TBI:
            h_BH = _SIGMA[nonlinearity](x_BI @ w_ih.T + h_BH @ w_hh.T + weights[f"bias_l{index}"])
            states.append(h_BH)
        h_TBH = np.stack(states)
        layers.append(Layer(w_ih, w_hh, x_TBI, h_TBH, _SLOPE[nonlinearity](h_TBH)))
        x_TBI = h_TBH
    predictions_TBO = x_TBI @ weights["readout_weight"].T + weights["readout_bias"]
    return layers, predictions_TBO.swapaxes(0, 1)


def _nonlinearity_of(cell: Cell) -> str:
    if type(cell) is not Elman:  # a subclass is another cell
        raise NotKnownError("cell", cell.name)
    if cell.nonlinearity not in _SIGMA:
        raise NotKnownError("nonlinearity", cell.nonlinearity)
    return str(cell.nonlinearity)


def by_hand(case: AuditCase) -> Answer | None:
    """Go back through layers and time; None for other cells than Elman's, which are not written out here."""
    if type(case.architecture.cell) is not Elman:
        return None
    layers, predictions_BTO = forward(case)
    dL_dy_TBO = loss_gradient(case, predictions_BTO).swapaxes(0, 1)
    answer: Answer = {
        ("readout_weight", None): np.einsum("tbo,tbh->oh", dL_dy_TBO, layers[-1].h_TBH) / case.sequences,
        ("readout_bias", None): dL_dy_TBO.sum(axis=(0, 1)) / case.sequences,
    }
    from_above_TBH = dL_dy_TBO @ case.weights["readout_weight"]
    for index in reversed(range(len(layers))):
        layer = layers[index]
        dL_dh_TBH, dL_dz_TBH = _through_time(layer, from_above_TBH)
        answer["dL/dh", index] = dL_dh_TBH
        answer[f"weight_ih_l{index}", None] = np.einsum("tbh,tbi->hi", dL_dz_TBH, layer.x_TBI) / case.sequences
        answer[f"weight_hh_l{index}", None] = np.einsum("tbh,tbk->hk", dL_dz_TBH, layer.before_TBH) / case.sequences
        answer[f"bias_l{index}", None] = dL_dz_TBH.sum(axis=(0, 1)) / case.sequences
        from_above_TBH = dL_dz_TBH @ layer.weight_ih
    return answer


def _through_time(layer: Layer, from_above_TBH: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give dL/dh_t and dL/dz_t of one layer, from the last timestep to the first."""
    dL_dh_TBH, dL_dz_TBH = np.zeros_like(from_above_TBH), np.zeros_like(from_above_TBH)
    from_later_BH = np.zeros_like(from_above_TBH[0])
    for t in reversed(range(len(from_above_TBH))):
        dL_dh_TBH[t] = from_above_TBH[t] + from_later_BH
        dL_dz_TBH[t] = dL_dh_TBH[t] * layer.slope_TBH[t]
        from_later_BH = dL_dz_TBH[t] @ layer.weight_hh
    return dL_dh_TBH, dL_dz_TBH
