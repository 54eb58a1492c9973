"""Normal matrices and zero biases: with standard deviation √(2/H), and with 1/√H, where the scale is the gain g."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, ClassVar

from rnnlab.nets.initialisers.base import INITIALISERS, Initialiser, normal

if TYPE_CHECKING:
    import numpy as np


@INITIALISERS.register
@dataclass(frozen=True)
class KaimingNormal(Initialiser):
    """Standard deviation √(2/H), which keeps the size of a relu's outputs (He et al. 2015)."""

    name: ClassVar[str] = "kaiming-normal"
    meaning: ClassVar[str] = "with standard deviation sqrt(2/H)"
    place: ClassVar[int] = 2

    def recurrent_matrix(self, generator: np.random.Generator, shape: tuple[int, ...], hidden_size: int) -> np.ndarray:
        """Draw (G, H)."""
        return normal(generator, shape) * sqrt(2 / hidden_size)

    def input_matrix(self, generator: np.random.Generator, shape: tuple[int, ...], hidden_size: int) -> np.ndarray:
        """Draw (G, I)."""
        return self.recurrent_matrix(generator, shape, hidden_size)


@INITIALISERS.register
@dataclass(frozen=True)
class Gaussian(Initialiser):
    """Standard deviation 1/√H, so that weight_scale is the gain g of the theory (Sompolinsky et al. 1988)."""

    name: ClassVar[str] = "gaussian"
    meaning: ClassVar[str] = "with 1/sqrt(H)"
    place: ClassVar[int] = 3

    def recurrent_matrix(self, generator: np.random.Generator, shape: tuple[int, ...], hidden_size: int) -> np.ndarray:
        """Draw (G, H)."""
        return normal(generator, shape) / sqrt(hidden_size)

    def input_matrix(self, generator: np.random.Generator, shape: tuple[int, ...], hidden_size: int) -> np.ndarray:
        """Draw (G, I)."""
        return self.recurrent_matrix(generator, shape, hidden_size)
