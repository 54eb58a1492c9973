"""Nets that the tests of all groups measure: random ones, and one without random numbers (the formula net)."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import numpy as np
import pytest

from rnnlab.flow.problem import Problem
from rnnlab.nets import Architecture
from rnnlab.tasks import MeanSquaredError
from tests.nets.settings import CELLS, make_architecture, random_sequences, random_weights, stacked

LOSSES = pytest.mark.parametrize("last_timestep_only", [False, True], ids=["all", "last"])
LAYERS = pytest.mark.parametrize("layers", [1, 2, 3])
ALL_CELLS = pytest.mark.parametrize(("cell", "nonlinearity"), CELLS)


def make_problem(
    architecture: Architecture,
    weights: Sequence[dict[str, np.ndarray]],
    sequences: tuple[np.ndarray, np.ndarray],
    last_timestep_only: bool = False,
) -> Problem:
    return Problem(architecture, stacked(list(weights)), *sequences, MeanSquaredError(last_timestep_only))


def random_problem(
    cell: str, nonlinearity: str | None, layers: int, last_timestep_only: bool, *, nets: int = 2, timesteps: int = 5
) -> tuple[Problem, list[dict[str, np.ndarray]]]:
    """Give a problem of small random nets, and their weights one by one."""
    architecture = make_architecture(cell, nonlinearity, layers)
    weights = [random_weights(architecture, seed) for seed in range(3, 3 + nets)]
    sequences = random_sequences(architecture, 3, timesteps)
    return make_problem(architecture, weights, sequences, last_timestep_only), weights


def formula_problem(
    cell: str, nonlinearity: str | None = None, *, layers: int = 1, last_timestep_only: bool = False
) -> Problem:
    """Give the formula net: parameter n, element k from 1, is s sin(k² + n); inputs sin(.7 t + p), T = 12, B = 2."""
    architecture = make_architecture(cell, nonlinearity, layers, inputs=1, hidden=5, outputs=1)
    weights = {
        name: _scale(name) * np.sin(np.arange(1, np.prod(shape) + 1) ** 2.0 + n).reshape(shape)
        for n, (name, shape) in enumerate(architecture.parameter_shapes.items())
    }
    t, p = np.arange(1, 13), np.arange(2)[:, None]
    inputs = np.sin(0.7 * t + p)[..., None]
    targets = inputs.cumsum(axis=1) / t[:, None]
    return make_problem(architecture, [weights], (inputs, targets), last_timestep_only)


def _scale(name: str) -> float:
    scales = {"weight_hh": sqrt(0.4), "weight_ih": 1.0, "bias": 0.1, "readout_weight": 1.0, "readout_bias": 0.0}
    return next((scale for start, scale in scales.items() if name.startswith(start)), 1.0)


def plain_weights(architecture: Architecture, **values: object) -> dict[str, np.ndarray]:
    """Give weights that are zero but for those named."""
    weights = {name: np.zeros(shape) for name, shape in architecture.parameter_shapes.items()}
    for name, value in values.items():
        weights[name] = np.broadcast_to(np.asarray(value, dtype=np.float64), weights[name].shape).copy()
    return weights
