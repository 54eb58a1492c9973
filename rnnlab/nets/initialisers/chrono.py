"""Biases of gates by how long they are to remember (Tallec and Ollivier 2018).

    b_f = ln u,  b_i = -ln u,  u uniform between 1 and T_max - 1

A forget gate with bias ln u keeps its state for about 1 + u steps, so that the times of the units cover 2 to T_max.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rnnlab.component import key
from rnnlab.nets.initialisers.base import INITIALISERS
from rnnlab.nets.initialisers.uniform import Uniform

if TYPE_CHECKING:
    import numpy as np

    from rnnlab.nets.parameters import Architecture
    from rnnlab.tasks import Task


@INITIALISERS.register
@dataclass(frozen=True)
class Chrono(Uniform):
    """Uniform matrices; the biases of gates that keep ln u, of gates that let in -ln u, all others zero."""

    name: ClassVar[str] = "chrono"
    meaning: ClassVar[str] = ": uniform matrices, gates that remember up to chrono_time steps, other biases 0"
    place: ClassVar[int] = 9
    fits_any_net: ClassVar[bool] = False

    chrono_time: float = key(
        100.0, gt=2, description="T_max of a chrono start: the longest time that a gate is to remember, in timesteps."
    )

    def misfit(self, architecture: Architecture, task: Task) -> str | None:  # noqa: ARG002 (any task)
        """Ask for a cell with such gates."""
        cell = architecture.cell
        if cell.remembering_block is not None or cell.admitting_block is not None:
            return None
        return f"chrono sets the biases of gates that keep the state, and {cell.noun} has none; choose another init"

    def cell_bias(
        self, generator: np.random.Generator, name: str, shape: tuple[int, ...], architecture: Architecture
    ) -> np.ndarray:
        """Draw (G)."""
        import numpy as np

        if name == "bias":
            cell = architecture.cell
            draws = generator.random(architecture.hidden_size, dtype=np.float32).astype(np.float64)
            logs = np.log(1.0 + (self.chrono_time - 2.0) * draws)
            signs = [(block == cell.remembering_block) - float(block == cell.admitting_block) for block in cell.blocks]
            return np.outer(signs, logs).reshape(shape) + 0.0  # which makes no zero negative
        return np.zeros(shape)
