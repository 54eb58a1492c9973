"""The table that tests run over, cell x nonlinearity x layers, and the nets and sequences that belong to it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from rnnlab.nets import Architecture, Elman, make_cell
from tests.reference import Net

CELLS: list[tuple[str, str | None]] = [
    ("elman", "tanh"),
    ("elman", "relu"),
    ("elman", "identity"),
    ("lstm", None),
    ("gru", None),
]
"""The cells that PyTorch and the reference have too, with every nonlinearity that they take there."""

OWN_CELLS: list[tuple[str, str | None]] = [
    ("elman", "sigmoid"),
    ("elman", "leaky-relu"),
    ("elman", "softplus"),
    ("elman", "hard-tanh"),
    ("leaky", "tanh"),
    ("antisymmetric", None),
    ("mingru", None),
    ("lru", None),
]
"""What they do not have."""


def make_architecture(
    cell: str, nonlinearity: str | None, layers: int, *, inputs: int = 2, hidden: int = 3, outputs: int = 2
) -> Architecture:
    return Architecture(make_cell(cell, {"nonlinearity": nonlinearity}), inputs, hidden, layers, outputs)


def nonlinearity_of(architecture: Architecture) -> str | None:
    return str(architecture.cell.nonlinearity) if isinstance(architecture.cell, Elman) else None


def reference_net(architecture: Architecture) -> Net:
    """Say the same to the reference implementation."""
    return Net(architecture.cell.name, nonlinearity_of(architecture), architecture.layers, architecture.hidden_size)


def random_weights(architecture: Architecture, seed: int, scale: float = 0.6) -> dict[str, np.ndarray]:
    """Draw every parameter, float64, with nothing zero and nothing special."""
    generator = np.random.default_rng(seed)
    return {name: scale * generator.standard_normal(shape) for name, shape in architecture.parameter_shapes.items()}


def stacked(weights: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Join several nets' weights, (S, *shape)."""
    return {name: np.stack([one[name] for one in weights]) for name in weights[0]}


def tensors(weights: dict[str, np.ndarray]) -> dict[str, Tensor]:
    return {name: torch.from_numpy(weight.copy()) for name, weight in weights.items()}


def random_sequences(
    architecture: Architecture, sequences: int, timesteps: int, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Draw inputs and targets, float64."""
    generator = np.random.default_rng(seed)
    return (
        generator.standard_normal((sequences, timesteps, architecture.input_size)),
        generator.standard_normal((sequences, timesteps, architecture.output_size)),
    )
