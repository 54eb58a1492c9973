"""The adding problem: the sum of two marked numbers, which may lie as far apart as the sequence is long.

    x_t = (u_t, m_t),    u_t ~ U(0, 1),    y = Σ_t m_t u_t

One mark stands in each half of the sequence. Squared error at the last timestep. Hochreiter and Schmidhuber (1997,
section 5.4) have the problem first; with `average`, y is the mean of the two (Pascanu, Mikolov and Bengio 2013).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from rnnlab.tasks.losses import MeanSquaredError
from rnnlab.tasks.marked import MarkedTimesteps, draw_marked, halves
from rnnlab.tasks.task import TASKS, Task

if TYPE_CHECKING:
    import numpy as np

_VARIANCE = 1 / 12
"""Of a number from U(0, 1)."""


@TASKS.register
class Adding(Task):
    """Add two marked numbers of many."""

    kind: Literal["adding"] = Field("adding", description="The sum of two marked numbers.")
    seq_len: MarkedTimesteps = 50
    average: bool = Field(False, description="Ask for the mean of the two numbers instead of their sum.")

    @property
    def input_size(self) -> int:
        """A number and its mark."""
        return 2

    @property
    def output_size(self) -> int:
        """One number."""
        return 1

    @property
    def loss(self) -> MeanSquaredError:
        """Mean squared error at the last timestep."""
        return MeanSquaredError(last_timestep_only=True)

    def sample(self, generator: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Draw inputs (count, T, 2) and the answer at every timestep (count, T, 1), both float32."""
        import numpy as np

        values_BT, marks_BT, marked_B2 = draw_marked(generator, count, self.seq_len)
        x_BT2 = np.stack([values_BT.astype(np.float32), marks_BT], axis=-1)
        y_B = (self._scale * marked_B2.sum(axis=1)).astype(np.float32)
        return x_BT2, np.repeat(y_B[:, None, None], self.seq_len, axis=1)

    def floors(self, *, linear: bool) -> dict[str, float]:  # noqa: ARG002 (a linear net makes nothing of the marks)
        """Give the loss of the best constant, and of the best that all numbers allow without their marks.

        A sum has the variance of two numbers, 1/6. The mean of a half of n numbers predicts one of them with an
        error of (1 - 1/n)/12. Marks are independent of the numbers, so a linear net can do no better than that.
        """
        unseen = sum(1 - 1 / length for length in halves(self.seq_len))
        scale = self._scale**2 * _VARIANCE
        return {"predict the mean": 2 * scale, "marks ignored": unseen * scale}

    @property
    def _scale(self) -> float:
        return 0.5 if self.average else 1.0
