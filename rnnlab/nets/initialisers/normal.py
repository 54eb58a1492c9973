"""Normal matrices and zero biases: by the fan-in, by 1/√H, where the scale is the gain g, or by a spectral radius."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, ClassVar

from rnnlab.component import key
from rnnlab.nets.initialisers.base import INITIALISERS, Initialiser, normal

if TYPE_CHECKING:
    import numpy as np


@INITIALISERS.register
@dataclass(frozen=True)
class KaimingNormal(Initialiser):
    """Standard deviation √(2/H), which keeps the size of a relu's outputs (He et al. 2015), for W_ih too."""

    name: ClassVar[str] = "kaiming-normal"
    meaning: ClassVar[str] = "with standard deviation sqrt(2/H), also for W_ih, whatever the number of inputs"
    place: ClassVar[int] = 2

    def recurrent_matrix(self, generator: np.random.Generator, shape: tuple[int, ...], hidden_size: int) -> np.ndarray:
        """Draw (G, H)."""
        return normal(generator, shape) * sqrt(2 / hidden_size)

    def input_matrix(self, generator: np.random.Generator, shape: tuple[int, ...], hidden_size: int) -> np.ndarray:
        """Draw (G, I)."""
        return self.recurrent_matrix(generator, shape, hidden_size)


@INITIALISERS.register
@dataclass(frozen=True)
class KaimingFanIn(KaimingNormal):
    """Standard deviation √(2/fan-in): √(2/H) of W_hh, √(2/I) of W_ih (He et al. 2015, eq. 10)."""

    name: ClassVar[str] = "kaiming-fan-in"
    meaning: ClassVar[str] = "with sqrt(2/fan-in): sqrt(2/H) for W_hh, sqrt(2/I) for W_ih"
    place: ClassVar[int] = 8

    def input_matrix(
        self,
        generator: np.random.Generator,
        shape: tuple[int, ...],
        hidden_size: int,  # noqa: ARG002 (only the inputs count)
    ) -> np.ndarray:
        """Draw (G, I)."""
        return normal(generator, shape) * sqrt(2 / shape[1])


@INITIALISERS.register
@dataclass(frozen=True)
class Gaussian(Initialiser):
    """Standard deviation 1/√H, so that weight_scale is the gain g of the theory (Sompolinsky et al. 1988)."""

    name: ClassVar[str] = "gaussian"
    meaning: ClassVar[str] = "with standard deviation 1/sqrt(H)"
    place: ClassVar[int] = 3

    def recurrent_matrix(self, generator: np.random.Generator, shape: tuple[int, ...], hidden_size: int) -> np.ndarray:
        """Draw (G, H)."""
        return normal(generator, shape) / sqrt(hidden_size)

    def input_matrix(self, generator: np.random.Generator, shape: tuple[int, ...], hidden_size: int) -> np.ndarray:
        """Draw (G, I)."""
        return self.recurrent_matrix(generator, shape, hidden_size)


@INITIALISERS.register
@dataclass(frozen=True)
class FixedRadius(Initialiser):
    """Normal recurrent matrices divided by their own spectral radius and multiplied by a given one (Jaeger 2001)."""

    name: ClassVar[str] = "spectral"
    meaning: ClassVar[str] = "with normal recurrent matrices of a given spectral_radius"
    place: ClassVar[int] = 10

    spectral_radius: float = key(
        1.0, ge=0, description="The spectral radius of a spectral start's recurrent matrices, before weight_scale."
    )

    def recurrent_matrix(self, generator: np.random.Generator, shape: tuple[int, ...], hidden_size: int) -> np.ndarray:
        """Draw (G, H), gate by gate."""
        import numpy as np

        gates = normal(generator, shape).reshape(-1, hidden_size, hidden_size)
        radii = np.abs(np.linalg.eigvals(gates)).max(axis=-1)
        return np.asarray((self.spectral_radius / radii)[:, None, None] * gates).reshape(shape)
