"""Everything uniform within 1/√H of zero, biases too: PyTorch's own way for recurrent nets, with one bias or two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rnnlab.nets.initialisers.base import INITIALISERS, Initialiser, uniform

if TYPE_CHECKING:
    import numpy as np

    from rnnlab.nets.parameters import Architecture


@INITIALISERS.register
@dataclass(frozen=True)
class Uniform(Initialiser):
    """Uniform within 1/√H of zero."""

    name: ClassVar[str] = "uniform"
    meaning: ClassVar[str] = "within 1/sqrt(H) of 0, with one bias where PyTorch adds two"
    place: ClassVar[int] = 1
    draws_biases: ClassVar[bool] = True

    def recurrent_matrix(self, generator: np.random.Generator, shape: tuple[int, ...], hidden_size: int) -> np.ndarray:
        """Draw (G, H)."""
        return uniform(generator, shape, hidden_size)

    def bias(self, generator: np.random.Generator, shape: tuple[int, ...], hidden_size: int) -> np.ndarray:
        """Draw (G)."""
        return uniform(generator, shape, hidden_size)


@INITIALISERS.register
@dataclass(frozen=True)
class PyTorchStart(Uniform):
    """Uniform within 1/√H, each bias the sum of the two that PyTorch's modules have, b_ih + b_hh.

    Such a sum has a triangular density within 2/√H, and √2 times the standard deviation. The biases of a GRU's
    candidate stand apart, as PyTorch's do.
    """

    name: ClassVar[str] = "pytorch"
    meaning: ClassVar[str] = "the same with the sum of PyTorch's two biases"
    place: ClassVar[int] = 7

    def cell_bias(
        self, generator: np.random.Generator, name: str, shape: tuple[int, ...], architecture: Architecture
    ) -> np.ndarray:
        """Draw (G), the second part zero where it is a parameter of its own."""
        import numpy as np

        hidden_size, cell = architecture.hidden_size, architecture.cell
        first = self.bias(generator, shape, hidden_size)
        if name != "bias":
            return first
        is_sum = np.repeat([block != cell.block_with_two_biases for block in cell.blocks], hidden_size)
        return np.asarray(first + is_sum * self.bias(generator, shape, hidden_size))
