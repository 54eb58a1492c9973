"""The linear net that is a bigram model exactly: the solution of the bigram task, to begin at.

h_t is the one-hot token x_t (W_ih is the identity, W_hh = 0) and the logits are ln P_{x_t}, so that their softmax is
the row of P.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rnnlab.nets.cells.elman import Elman
from rnnlab.nets.initialisers.base import INITIALISERS, UNSCALED, Initialiser, Scales

if TYPE_CHECKING:
    import numpy as np

    from rnnlab.nets.parameters import Architecture
    from rnnlab.tasks import Task


@INITIALISERS.register
@dataclass(frozen=True)
class BigramSolution(Initialiser):
    """The exact weights for the transition table of the task; nothing is drawn, and no scale applies."""

    name: ClassVar[str] = "bigram"
    meaning: ClassVar[str] = ": the exact solution of the bigram task"
    place: ClassVar[int] = 6
    fits_any_net: ClassVar[bool] = False

    def misfit(self, architecture: Architecture, task: Task) -> str | None:
        """Ask for a linear net of one layer, a unit for each token, and the task itself."""
        from rnnlab.tasks.bigram import Bigram

        linear = type(architecture.cell) is Elman and architecture.cell.is_linear and architecture.layers == 1
        if isinstance(task, Bigram) and linear and architecture.hidden_size >= architecture.input_size:
            return None
        return (
            "bigram is the exact solution of the bigram task; it needs task.kind: bigram, model.cell: "
            "elman, model.nonlinearity: identity, model.layers: 1 and model.hidden_size of at least task.vocabulary"
        )

    def recurrent_matrix(
        self,
        generator: np.random.Generator,  # noqa: ARG002 (nothing is drawn)
        shape: tuple[int, ...],
        hidden_size: int,  # noqa: ARG002
    ) -> np.ndarray:
        """Give zeros (G, H)."""
        import numpy as np

        return np.zeros(shape)

    def weights(
        self,
        architecture: Architecture,
        generator: np.random.Generator,  # noqa: ARG002 (nothing is drawn)
        task: Task | None = None,
        scales: Scales = UNSCALED,  # noqa: ARG002 (scaled, it would solve nothing)
    ) -> dict[str, np.ndarray]:
        """Give the exact weights.

        Raises:
            ValueError: without the task, or where the net does not fit it.
        """
        from rnnlab.tasks.bigram import Bigram

        if not isinstance(task, Bigram) or self.misfit(architecture, task):
            raise ValueError(self.misfit(architecture, task) if task else "bigram needs the task whose solution it is")
        return bigram_weights(architecture, task.transition_table())


def bigram_weights(architecture: Architecture, table_VV: np.ndarray) -> dict[str, np.ndarray]:
    """Give the linear net that is a bigram model exactly: any bigram model is an RNN with W_hh = 0.

    What never happens, ln 0, becomes -100: its softmax is below the last digit of a float32.

    Args:
        architecture: a linear Elman net of one layer, H >= V.
        table_VV: P, rows sum to 1.
    """
    import numpy as np

    weights = {name: np.zeros(shape, dtype=np.float32) for name, shape in architecture.parameter_shapes.items()}
    size = len(table_VV)
    weights["weight_ih_l0"][:size] = np.eye(size)
    logits_VV = np.log(np.maximum(table_VV, np.exp(-100.0)))
    weights["readout_weight"][:, :size] = logits_VV.T
    return weights
