"""Derivatives without deriving anything: a forward pass in complex numbers, nudged by iε (Squire and Trapp 1998).

    f(x + iε v) = f(x) + iε ∇f(x)ᵀv + O(ε²),  so  ∇f(x)ᵀv = Im f(x + iε v) / ε

There is no subtraction, so ε can be 1e-100 and the result is good to the last digits, however small it is. A state h_t
is nudged as a node of its own: what the next timestep, the layer above and the readout see of it. What comes out is
the derivative along random directions v, one pass each. The forward pass of each cell of rnnlab
is written here from the equations, in numpy; that of any other is the cell's own (`complex_own`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rnnlab.audit.case import AuditCase, NotKnownError, Quantity, loss_of
from rnnlab.audit.complex_own import check_analytic, forward_by_own_step
from rnnlab.nets import GRU, LSTM, Cell, Elman
from rnnlab.nets.cells.antisymmetric import Antisymmetric
from rnnlab.nets.cells.leaky import LeakyElman
from rnnlab.nets.cells.lru import LRU
from rnnlab.nets.cells.mingru import MinGRU
from rnnlab.nets.parameters import layer_weights

EPSILON = 1e-100
"""Of a nudge: nothing is subtracted, so it can be as small as that."""

Nudge = tuple[str, int, int, np.ndarray]
"""Which state (h or c), of which layer and timestep, and by what, (H,)."""


@dataclass(frozen=True)
class Projected:
    """Derivatives along directions: for states (T, B) along (T, H), for a parameter one number along its shape."""

    directions: dict[Quantity, np.ndarray]
    values: dict[Quantity, np.ndarray]

    def project(self, quantity: Quantity, gradient: np.ndarray) -> np.ndarray:
        """Give what a whole gradient says of the same directions."""
        direction = self.directions[quantity]
        if quantity[1] is None:
            return np.asarray((gradient * direction).sum())
        return np.asarray((gradient * direction[:, None]).sum(axis=-1))


def by_complex_step(case: AuditCase, seed: int = 0) -> Projected:
    """Nudge every state and every parameter along one random direction.

    Raises:
        NotKnownError: the loss is none of those that are written here, or the cell cannot be taken in complex numbers.
    """
    generator = np.random.default_rng(seed)
    directions: dict[Quantity, np.ndarray] = {}
    values: dict[Quantity, np.ndarray] = {}
    hidden_size = case.architecture.hidden_size
    kinds = _kinds(case.architecture.cell)
    for kind in kinds:
        for layer in range(case.architecture.layers):
            quantity: Quantity = (f"dL/d{kind}", layer)
            direction_TH = generator.standard_normal((case.timesteps, hidden_size))
            directions[quantity] = direction_TH
            values[quantity] = np.stack(
                [_derivative(case, nudge=(kind, layer, t, direction_TH[t])) for t in range(case.timesteps)]
            )
    for name, weight in case.weights.items():
        directions[name, None] = generator.standard_normal(weight.shape)
        values[name, None] = _derivative(case, parameter=(name, directions[name, None])).mean()
    if not _is_written_here(case.architecture.cell):
        along = {name: directions[name, None] for name in case.weights}
        total = float(sum(values[name, None] for name in case.weights))
        check_analytic(case.architecture.cell, lambda step: _loss_along(case, along, step), total)
    return Projected(directions, values)


def _derivative(
    case: AuditCase, nudge: Nudge | None = None, parameter: tuple[str, np.ndarray] | None = None
) -> np.ndarray:
    """Give the derivative of each sequence's loss, (B,)."""
    weights = dict(case.weights)
    if parameter is not None:
        name, direction = parameter
        weights[name] = weights[name] + 1j * EPSILON * direction
    return np.asarray(loss_of(case, _forward(case, weights, nudge)).imag / EPSILON)


def _loss_along(case: AuditCase, directions: dict[str, np.ndarray], step: float) -> float:
    """Give the mean loss with all parameters moved."""
    moved = {name: weight + step * directions[name] for name, weight in case.weights.items()}
    return float(loss_of(case, _forward(case, moved, None)).real.mean())


def _forward(case: AuditCase, weights: dict[str, np.ndarray], nudge: Nudge | None) -> np.ndarray:
    """Give complex predictions, (B, T, O)."""
    cell = case.architecture.cell
    if not _is_written_here(cell):
        return forward_by_own_step(case, weights, lambda layer, t: _amount(nudge, "h", layer, t))
    step, _ = known_step(cell)
    x_TBI = case.inputs_BTI.swapaxes(0, 1).astype(np.complex128)
    for layer in range(case.architecture.layers):
        h_BH = np.zeros((case.sequences, case.architecture.hidden_size), dtype=np.complex128)
        c_BH, states = h_BH, []
        its = layer_weights(weights, layer)
        for t, x_BI in enumerate(x_TBI):
            drive_BG = x_BI @ its["weight_ih"].T + its["bias"]
            recurrent_BG = h_BH @ its["weight_hh"].T if "weight_hh" in its else 0.0 * drive_BG
            h_BH, c_BH = step(cell, drive_BG, recurrent_BG, Before(h_BH, c_BH, _amount(nudge, "c", layer, t), its))
            h_BH = h_BH + _amount(nudge, "h", layer, t)
            states.append(h_BH)
        x_TBI = np.stack(states)
    return np.asarray(x_TBI @ weights["readout_weight"].T + weights["readout_bias"]).swapaxes(0, 1)


@dataclass(frozen=True)
class Before:
    """What a step begins with, and what the cell state that it gives is nudged by."""

    h_BH: np.ndarray
    c_BH: np.ndarray
    nudge_c: np.ndarray | float
    weights: dict[str, np.ndarray]


def known_step(cell: Cell) -> tuple[StepFunction, tuple[str, ...]]:
    """Give the step of a cell and the names of its states.

    Raises:
        NotKnownError: it, or its nonlinearity, is none of those that are written here.
    """
    if type(cell) not in _STEPS:
        raise NotKnownError("cell", cell.name)
    if isinstance(cell, Elman) and cell.nonlinearity not in _SIGMA:
        raise NotKnownError("nonlinearity", cell.nonlinearity)
    return _STEPS[type(cell)]


def _is_written_here(cell: Cell) -> bool:
    """Tell whether the step of a cell, with its nonlinearity, has an equation here; a subclass is another cell."""
    return type(cell) in _STEPS and (not isinstance(cell, Elman) or cell.nonlinearity in _SIGMA)


def _kinds(cell: Cell) -> tuple[str, ...]:
    """Name the states that are nudged: of an own cell only h, since what is within a step is its own."""
    return _STEPS[type(cell)][1] if _is_written_here(cell) else ("h",)


def _amount(nudge: Nudge | None, kind: str, layer: int, t: int) -> np.ndarray | float:
    here = nudge is not None and nudge[:3] == (kind, layer, t)
    return 1j * EPSILON * nudge[3] if nudge is not None and here else 0.0


def _elman(cell: Cell, drive_BG: np.ndarray, recurrent_BG: np.ndarray, before: Before) -> tuple[np.ndarray, np.ndarray]:
    assert isinstance(cell, Elman)
    return _SIGMA[str(cell.nonlinearity)](drive_BG + recurrent_BG), before.c_BH


def _leaky(cell: Cell, drive_BG: np.ndarray, recurrent_BG: np.ndarray, before: Before) -> tuple[np.ndarray, np.ndarray]:
    assert isinstance(cell, LeakyElman)
    new_BH, _ = _elman(cell, drive_BG, recurrent_BG, before)
    return before.h_BH + cell.leak * (new_BH - before.h_BH), before.c_BH


def _antisymmetric(
    cell: Cell, drive_BG: np.ndarray, recurrent_BG: np.ndarray, before: Before
) -> tuple[np.ndarray, np.ndarray]:
    assert isinstance(cell, Antisymmetric)
    back_BH = before.h_BH @ before.weights["weight_hh"]
    slope_BH = np.tanh(drive_BG + recurrent_BG - back_BH - cell.diffusion * before.h_BH)
    return before.h_BH + cell.step_size * slope_BH, before.c_BH


def _mingru(_: Cell, drive_BG: np.ndarray, __: np.ndarray, before: Before) -> tuple[np.ndarray, np.ndarray]:
    drive_z, n = np.split(drive_BG, 2, axis=-1)
    return np.asarray((1 - _sigmoid(drive_z)) * before.h_BH + _sigmoid(drive_z) * n), before.c_BH


def _lru(_: Cell, drive_BG: np.ndarray, __: np.ndarray, before: Before) -> tuple[np.ndarray, np.ndarray]:
    """Rotate and shrink; the imaginary part stands in the place of a cell state."""
    radius, phase = np.exp(-np.exp(before.weights["nu"])), np.exp(before.weights["theta"])
    real, imaginary = np.split(np.tile(np.sqrt(1 - radius**2), 2) * drive_BG, 2, axis=-1)
    along, across = radius * np.cos(phase), radius * np.sin(phase)
    h_BH, u_BH = before.h_BH, before.c_BH
    return np.asarray(along * h_BH - across * u_BH + real), np.asarray(across * h_BH + along * u_BH + imaginary)


def _lstm(_: Cell, drive_BG: np.ndarray, recurrent_BG: np.ndarray, before: Before) -> tuple[np.ndarray, np.ndarray]:
    """Nudge the cell state before the output gate sees it."""
    i, f, g, o = np.split(drive_BG + recurrent_BG, 4, axis=-1)
    c_BH = _sigmoid(f) * before.c_BH + _sigmoid(i) * np.tanh(g) + before.nudge_c
    return _sigmoid(o) * np.tanh(c_BH), c_BH


def _gru(_: Cell, drive_BG: np.ndarray, recurrent_BG: np.ndarray, before: Before) -> tuple[np.ndarray, np.ndarray]:
    drive_r, drive_z, drive_n = np.split(drive_BG, 3, axis=-1)
    recurrent_r, recurrent_z, recurrent_n = np.split(recurrent_BG, 3, axis=-1)
    r, z = _sigmoid(drive_r + recurrent_r), _sigmoid(drive_z + recurrent_z)
    n = np.tanh(drive_n + r * (recurrent_n + before.weights["bias_hn"]))
    return np.asarray((1 - z) * n + z * before.h_BH), before.c_BH


def _sigmoid(z: np.ndarray) -> np.ndarray:
    return np.asarray(0.5 * (1 + np.tanh(0.5 * z)))


def _relu(z: np.ndarray) -> np.ndarray:
    return np.where(z.real > 0, z, 0.0)


_SIGMA: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "tanh": np.tanh,
    "relu": _relu,
    "identity": lambda z: z,
    "sigmoid": _sigmoid,
    "leaky-relu": lambda z: np.where(z.real > 0, z, 0.01 * z),
    "softplus": lambda z: np.where(z.real > 0, z + np.log(1 + np.exp(-z)), np.log(1 + np.exp(z))),
    "hard-tanh": lambda z: np.where(np.abs(z.real) < 1, z, np.sign(z.real)),
}

StepFunction = Callable[[Cell, np.ndarray, np.ndarray, Before], tuple[np.ndarray, np.ndarray]]

_STEPS: dict[type[Cell], tuple[StepFunction, tuple[str, ...]]] = {
    Elman: (_elman, ("h",)),
    LSTM: (_lstm, ("h", "c")),
    GRU: (_gru, ("h",)),
    LeakyElman: (_leaky, ("h",)),
    Antisymmetric: (_antisymmetric, ("h",)),
    MinGRU: (_mingru, ("h",)),
    LRU: (_lru, ("h",)),
}
"""The step of each cell that is written here, and its states; a subclass is another cell."""
