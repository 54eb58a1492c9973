"""An extension of rnnlab. What is declared here can be named in a config like what rnnlab has itself.

    rnnlab validate mine.yaml --keys | grep -A 1 lag     its keys stand among the others
    rnnlab check mine.yaml                               its gradients, by independent ways
    rnnlab sweep mine.yaml                               its keys are axes like any

A name ends in its shape: B sequences, T timesteps, H hidden units. Nets are trained in stacks, so a leading S may stand
before every shape: write W.mT for a transpose and count dimensions from the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from rnnlab.component import key
from rnnlab.nets import CELLS, NONLINEARITIES, Elman, LayerWeights, Nonlinearity, State
from rnnlab.tasks import TASKS, MeanSquaredError, Task

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor


# A nonlinearity: its name, its formula, a function of a tensor.
# model.nonlinearity: arctan

NONLINEARITIES.register(Nonlinearity("arctan", "arctan(x)", lambda x: x.atan()))


# A cell: one step, written as its equation. A field with `key` is a key of the config, checked and documented.
# `Elman` gives it the parameters weight_ih, weight_hh and bias, and the key nonlinearity; a cell of other parameters
# begins with `class Mine(Cell)` from rnnlab.nets and says which in `parameter_shapes`.
# model.cell: residual


@CELLS.register
@dataclass(frozen=True)
class Residual(Elman):
    """h_t = h_{t-1} + g σ(W_hh h_{t-1} + W_ih x_t + b)."""

    name: ClassVar[str] = "residual"
    noun: ClassVar[str] = "a residual net"
    place: ClassVar[int] = 100  # in lists, behind those of rnnlab
    governing_matrix: ClassVar[str | None] = None  # its Jacobian is 1 + g diag(σ') W_hh: no power of a single matrix
    why_no_matrix: ClassVar[str] = "no single matrix governs a residual net"

    gain: float = key(0.1, gt=0, le=10, description="g, how much each step adds to the state of a residual net.")

    def step(self, drive_BH: Tensor, state: State, weights: LayerWeights) -> State:
        """Give (h_t,); drive is W_ih x_t + b."""
        (h_BH,) = state
        return (h_BH + self.gain * self.function(drive_BH + h_BH @ weights["weight_hh"].mT),)


# A task: its keys, its sequences, its loss, and losses to hold a result against.
# task.kind: difference


@TASKS.register
class Difference(Task):
    """y_t = x_t - x_{t-k}, with x_t ~ N(0, 1), and 0 before the first."""

    kind: Literal["difference"] = Field("difference", description="The difference of two inputs.")
    seq_len: int = Field(20, ge=1, description="T, the number of timesteps of a sequence.")
    lag: int = Field(3, ge=1, description="k, how far apart the two inputs are.")

    input_size: ClassVar[int] = 1
    output_size: ClassVar[int] = 1
    loss: ClassVar[MeanSquaredError] = MeanSquaredError()

    def sample(self, generator: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Draw inputs and targets, both (count, T, 1) float32, in one pass over the generator."""
        import numpy as np

        x_BT1 = generator.standard_normal((count, self.seq_len, 1), dtype=np.float32)
        y_BT1 = x_BT1.copy()
        y_BT1[:, self.lag :] -= x_BT1[:, : -self.lag]
        return x_BT1, y_BT1

    def floors(self, *, linear: bool) -> dict[str, float]:  # noqa: ARG002 (the same for any net)
        """Give the mean variance of a target: 1 before two inputs are there, 2 from then on."""
        with_two = max(0, self.seq_len - self.lag)
        return {"predict zero": 1 + with_two / self.seq_len}
