"""The parameters of a net: their names and shapes, one flat row of them, and how they begin.

Names follow PyTorch's: `weight_ih_l0` (G, I), `weight_hh_l0` (G, H), `bias_l0` (G), for a GRU `bias_hn_l0` (H), then
`readout_weight` (O, H) and `readout_bias` (O). Gates are stacked as PyTorch stacks them, G = gates x H.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod, sqrt
from typing import TypeVar

import numpy as np
from torch import Tensor

from rnnlab.nets.cells import Cell, make_cell

Array = TypeVar("Array", np.ndarray, Tensor)


@dataclass(frozen=True)
class Architecture:
    """The shape of a net, in plain numbers."""

    cell: str
    nonlinearity: str | None
    input_size: int
    hidden_size: int
    layers: int
    output_size: int

    def make_cell(self) -> Cell:
        """Give the step of its layers."""
        return make_cell(self.cell, self.nonlinearity)

    @property
    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Every parameter's shape, in the order in which they are drawn and laid out."""
        shapes: dict[str, tuple[int, ...]] = {}
        rows = self.make_cell().gates * self.hidden_size
        for layer in range(self.layers):
            inputs = self.input_size if layer == 0 else self.hidden_size
            shapes[f"weight_ih_l{layer}"] = (rows, inputs)
            shapes[f"weight_hh_l{layer}"] = (rows, self.hidden_size)
            shapes[f"bias_l{layer}"] = (rows,)
            if self.cell == "gru":
                shapes[f"bias_hn_l{layer}"] = (self.hidden_size,)
        shapes["readout_weight"] = (self.output_size, self.hidden_size)
        shapes["readout_bias"] = (self.output_size,)
        return shapes

    @property
    def parameter_count(self) -> int:
        """P, the number of all parameters."""
        return sum(prod(shape) for shape in self.parameter_shapes.values())


def unpack(flat_P: Array, architecture: Architecture) -> dict[str, Array]:
    """Split flat rows (..., P) into the named parameters (..., *shape), as views where that is possible."""
    weights: dict[str, Array] = {}
    start = 0
    leading: tuple[int, ...] = tuple(flat_P.shape[:-1])
    for name, its_shape in architecture.parameter_shapes.items():
        stop = start + prod(its_shape)
        weights[name] = flat_P[..., start:stop].reshape(leading + its_shape)
        start = stop
    return weights


def pack(weights: Mapping[str, np.ndarray], architecture: Architecture) -> np.ndarray:
    """Lay named parameters (..., *shape) out as flat rows (..., P): the inverse of unpack."""
    return np.concatenate(
        [
            weights[name].reshape((*weights[name].shape[: weights[name].ndim - len(its_shape)], -1))
            for name, its_shape in architecture.parameter_shapes.items()
        ],
        axis=-1,
    )


def initial_weights(
    architecture: Architecture,
    generator: np.random.Generator,
    *,
    init: str = "uniform",
    weight_scale: float = 1.0,
    bias_scale: float = 1.0,
) -> dict[str, np.ndarray]:
    """Draw the weights a run starts from, float32, in the order of `parameter_shapes`.

    Args:
        architecture: the net.
        generator: where the numbers come from; the scales do not change what is drawn.
        init: `uniform`, ±1/√H for everything (PyTorch's); `kaiming-normal`, sd √(2/H); `gaussian`, sd 1/√H, so that
            weight_scale is the gain g of the theory; `orthogonal` (Haar, by QR with the signs of R; Mezzadri 2007)
            and `identity` (Le et al. 2015) for the recurrent matrices, gate by gate, with uniform inputs.
            Biases are zero except with `uniform`. The readout is always uniform.
        weight_scale: multiplies the matrices of the recurrent net.
        bias_scale: multiplies its biases.

    Returns:
        By name, float32.
    """
    hidden_size = architecture.hidden_size
    weights = {}
    for name, shape in architecture.parameter_shapes.items():
        if name.startswith("readout"):
            drawn = _uniform(generator, shape, hidden_size)
        elif name.startswith("bias"):
            drawn = _uniform(generator, shape, hidden_size) if init == "uniform" else np.zeros(shape)
            drawn = drawn * bias_scale
        else:
            drawn = _matrix(generator, shape, hidden_size, init if "_hh_" in name else _INPUT_INIT[init])
            drawn = drawn * weight_scale
        with np.errstate(over="ignore"):  # an infinity is a result: the run diverges, and says so
            weights[name] = drawn.astype(np.float32)
    return weights


def bigram_weights(architecture: Architecture, table_VV: np.ndarray) -> dict[str, np.ndarray]:
    """Give the linear net that is a bigram model exactly: any bigram model is an RNN with W_hh = 0.

    h_t is the one-hot token x_t (W_ih is the identity) and the logits are ln P_{x_t}, so that their softmax is the
    row of P. What never happens, ln 0, becomes -100: its softmax is below the last digit of a float32.

    Args:
        architecture: a linear Elman net of one layer, H >= V.
        table_VV: P, rows sum to 1.
    """
    weights = {name: np.zeros(shape, dtype=np.float32) for name, shape in architecture.parameter_shapes.items()}
    size = len(table_VV)
    weights["weight_ih_l0"][:size] = np.eye(size)
    logits_VV = np.log(np.maximum(table_VV, np.exp(-100.0)))
    weights["readout_weight"][:, :size] = logits_VV.T
    return weights


_INPUT_INIT = {
    "uniform": "uniform",
    "kaiming-normal": "kaiming-normal",
    "gaussian": "gaussian",
    "orthogonal": "uniform",
    "identity": "uniform",
}
"""What the input matrices get for each `init`: orthogonal and identity are for square matrices."""


def _matrix(generator: np.random.Generator, shape: tuple[int, ...], hidden_size: int, init: str) -> np.ndarray:
    """Draw a matrix of stacked gates, float64."""
    gates = shape[0] // hidden_size
    if init == "uniform":
        return _uniform(generator, shape, hidden_size)
    if init == "kaiming-normal":
        return _normal(generator, shape) * sqrt(2 / hidden_size)
    if init == "gaussian":
        return _normal(generator, shape) / sqrt(hidden_size)
    if init == "orthogonal":
        return np.concatenate([_orthogonal(_normal(generator, (hidden_size, hidden_size))) for _ in range(gates)])
    return np.tile(np.eye(hidden_size), (gates, 1))


def _orthogonal(normal_HH: np.ndarray) -> np.ndarray:
    """Give the orthogonal factor of a QR whose R has a positive diagonal: only then is it uniform (Haar)."""
    q_HH, r_HH = np.linalg.qr(normal_HH)
    return q_HH * np.where(np.diagonal(r_HH) < 0, -1.0, 1.0)


def _uniform(generator: np.random.Generator, shape: tuple[int, ...], hidden_size: int) -> np.ndarray:
    return (2.0 * generator.random(shape, dtype=np.float32).astype(np.float64) - 1.0) / sqrt(hidden_size)


def _normal(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return generator.standard_normal(shape, dtype=np.float32).astype(np.float64)
