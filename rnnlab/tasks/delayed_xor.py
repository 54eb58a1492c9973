"""Delayed exclusive or: whether two marked bits differ, a question that no linear net can answer at all.

    x_t = (b_t, m_t),    b_t ~ {0, 1},    y = b_i ⊕ b_j    with the marks m_i = m_j = 1

One mark stands in each half of the sequence. Cross-entropy at the last timestep, or squared error (`squared_error`).
The scheme is that of the adding problem (Hochreiter and Schmidhuber 1997). One bit alone says nothing of the answer, so
nothing is gained by remembering only one.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from rnnlab.tasks.losses import CrossEntropy, Loss, MeanSquaredError
from rnnlab.tasks.marked import MarkedTimesteps, draw_marked
from rnnlab.tasks.task import TASKS, Task

if TYPE_CHECKING:
    import numpy as np


@TASKS.register
class DelayedXor(Task):
    """Tell whether two marked bits of many differ."""

    kind: Literal["delayed-xor"] = Field("delayed-xor", description="Whether two marked bits differ.")
    seq_len: MarkedTimesteps = 20
    squared_error: bool = Field(False, description="Learn the answer as a number, not as one of two classes.")

    @property
    def input_size(self) -> int:
        """A bit and its mark."""
        return 2

    @property
    def output_size(self) -> int:
        """One logit an answer, or one number."""
        return 1 if self.squared_error else 2

    @property
    def loss(self) -> Loss:
        """Cross-entropy or mean squared error, at the last timestep."""
        return (MeanSquaredError if self.squared_error else CrossEntropy)(last_timestep_only=True)

    def sample(self, generator: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Draw inputs (count, T, 2) float32 and the answer at every timestep, (count, T) int64.

        For a squared error the answers are numbers, (count, T, 1) float32.
        """
        import numpy as np

        values_BT, marks_BT, marked_B2 = draw_marked(generator, count, self.seq_len)
        x_BT2 = np.stack([(values_BT >= 0.5).astype(np.float32), marks_BT], axis=-1)
        bits_B2 = (marked_B2 >= 0.5).astype(np.int64)
        answer_BT = np.repeat((bits_B2[:, :1] ^ bits_B2[:, 1:]), self.seq_len, axis=1)
        return x_BT2, answer_BT[..., None].astype(np.float32) if self.squared_error else answer_BT

    def floors(self, *, linear: bool) -> dict[str, float]:  # noqa: ARG002 (nothing less for a linear net)
        """Give the loss of a uniform guess, ln 2 or 1/4; a linear net, whatever its size, cannot beat it.

        Over the four values of the two bits, a linear output has ŷ(0,0) + ŷ(1,1) = ŷ(0,1) + ŷ(1,0), and the losses
        are convex: equal outputs are the best.
        """
        return {"uniform guess": 1 / 4 if self.squared_error else math.log(2)}
