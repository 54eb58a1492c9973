"""The multiplication problem: the product of two marked numbers, the adding problem's nonlinear twin.

    x_t = (u_t, m_t),    u_t ~ U(0, 1),    y = u_i u_j    with the marks m_i = m_j = 1

One mark stands in each half of the sequence. Squared error at the last timestep (Hochreiter and Schmidhuber 1997,
section 5.5).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from rnnlab.tasks.losses import MeanSquaredError
from rnnlab.tasks.marked import MarkedTimesteps, draw_marked, halves
from rnnlab.tasks.task import TASKS, Task

if TYPE_CHECKING:
    import numpy as np


@TASKS.register
class Multiplication(Task):
    """Multiply two marked numbers of many."""

    kind: Literal["multiplication"] = Field("multiplication", description="The product of two marked numbers.")
    seq_len: MarkedTimesteps = 50

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
        y_B = marked_B2.prod(axis=1).astype(np.float32)
        return x_BT2, np.repeat(y_B[:, None, None], self.seq_len, axis=1)

    def floors(self, *, linear: bool) -> dict[str, float]:
        """Give the loss of the best constant, of the best without the marks and, where it bounds the net, linearly.

        The product has the variance E u² E u² - 1/16 = 7/144. Without marks the best guess is the product of the
        means of the halves, whose squares have the expectation 1/4 + 1/(12 n). The best linear function weighs every
        number of a half by 1/(2 n), its covariance with the product over its variance, which explains 1/(48 n).
        """
        first, second = halves(self.seq_len)
        floors = {
            "predict the mean": 7 / 144,
            "marks ignored": 1 / 9 - (1 / 4 + 1 / (12 * first)) * (1 / 4 + 1 / (12 * second)),
        }
        if linear:
            floors["best linear filter"] = 7 / 144 - (1 / first + 1 / second) / 48
        return floors
