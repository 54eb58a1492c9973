"""Recurrent matrices that keep every length, gate by gate; the inputs' are uniform, biases zero."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rnnlab.component import key
from rnnlab.nets.initialisers.base import INITIALISERS, Initialiser, normal

if TYPE_CHECKING:
    import numpy as np


@INITIALISERS.register
@dataclass(frozen=True)
class Orthogonal(Initialiser):
    """Orthogonal, uniform over all such matrices (Haar): by QR with the signs of R (Mezzadri 2007)."""

    name: ClassVar[str] = "orthogonal"
    meaning: ClassVar[str] = "for the recurrent matrices"
    place: ClassVar[int] = 4

    def recurrent_matrix(self, generator: np.random.Generator, shape: tuple[int, ...], hidden_size: int) -> np.ndarray:
        """Draw (G, H)."""
        import numpy as np

        gates = range(shape[0] // hidden_size)
        return np.concatenate([_orthogonal(normal(generator, (hidden_size, hidden_size))) for _ in gates])


@INITIALISERS.register
@dataclass(frozen=True)
class Identity(Initialiser):
    """The identity, or a multiple of it (Le et al. 2015)."""

    name: ClassVar[str] = "identity"
    meaning: ClassVar[str] = "for the recurrent matrices"
    place: ClassVar[int] = 5

    diagonal: float = key(
        1.0,
        added_later=True,
        description="α of an identity start, whose recurrent matrices are α I: a small one where long memory only "
        "hurts (Le et al. 2015).",
    )

    def recurrent_matrix(
        self,
        generator: np.random.Generator,  # noqa: ARG002 (nothing is drawn)
        shape: tuple[int, ...],
        hidden_size: int,
    ) -> np.ndarray:
        """Give (G, H)."""
        import numpy as np

        return np.tile(self.diagonal * np.eye(hidden_size), (shape[0] // hidden_size, 1))


def _orthogonal(normal_HH: np.ndarray) -> np.ndarray:
    """Give the orthogonal factor of a QR whose R has a positive diagonal: only then is it uniform (Haar)."""
    import numpy as np

    q_HH, r_HH = np.linalg.qr(normal_HH)
    return q_HH * np.where(np.diagonal(r_HH) < 0, -1.0, 1.0)
