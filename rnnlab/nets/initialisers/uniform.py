"""Everything uniform within 1/√H of zero, biases too: PyTorch's own way for recurrent nets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rnnlab.nets.initialisers.base import INITIALISERS, Initialiser, uniform

if TYPE_CHECKING:
    import numpy as np


@INITIALISERS.register
@dataclass(frozen=True)
class Uniform(Initialiser):
    """Uniform within 1/√H of zero."""

    name: ClassVar[str] = "uniform"
    meaning: ClassVar[str] = "within 1/sqrt(H) of 0"
    place: ClassVar[int] = 1
    draws_biases: ClassVar[bool] = True

    def recurrent_matrix(self, generator: np.random.Generator, shape: tuple[int, ...], hidden_size: int) -> np.ndarray:
        """Draw (G, H)."""
        return uniform(generator, shape, hidden_size)

    def bias(self, generator: np.random.Generator, shape: tuple[int, ...], hidden_size: int) -> np.ndarray:
        """Draw (G)."""
        return uniform(generator, shape, hidden_size)
