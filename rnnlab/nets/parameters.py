"""The parameters of a net: their names and shapes, and one flat row of them.

Names follow PyTorch's: `weight_ih_l0` (G, I), `weight_hh_l0` (G, H), `bias_l0` (G), for a GRU `bias_hn_l0` (H), then
`readout_weight` (O, H) and `readout_bias` (O). Gates are stacked as PyTorch stacks them, G = gates x H.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, TypeVar

from rnnlab.nets.cells import Cell

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

Array = TypeVar("Array", "np.ndarray", "Tensor")


@dataclass(frozen=True)
class Architecture:
    """The shape of a net: the cell of all its layers, and plain numbers."""

    cell: Cell
    input_size: int
    hidden_size: int
    layers: int
    output_size: int

    @property
    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Every parameter's shape, in the order in which they are drawn and laid out."""
        shapes: dict[str, tuple[int, ...]] = {}
        for layer in range(self.layers):
            inputs = self.input_size if layer == 0 else self.hidden_size
            its = self.cell.parameter_shapes(inputs, self.hidden_size)
            shapes |= {f"{name}_l{layer}": shape for name, shape in its.items()}
        shapes["readout_weight"] = (self.output_size, self.hidden_size)
        shapes["readout_bias"] = (self.output_size,)
        return shapes


def layer_weights(weights: Mapping[str, Array], layer: int) -> dict[str, Array]:
    """Pick one layer's parameters, by the names that its cell gives them."""
    ending = f"_l{layer}"
    return {name.removesuffix(ending): weight for name, weight in weights.items() if name.endswith(ending)}


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
    import numpy as np

    return np.concatenate(
        [
            weights[name].reshape((*weights[name].shape[: weights[name].ndim - len(its_shape)], -1))
            for name, its_shape in architecture.parameter_shapes.items()
        ],
        axis=-1,
    )
