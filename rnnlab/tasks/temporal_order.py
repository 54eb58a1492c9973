"""Temporal order: in which order two or three marked symbols came, with long stretches of others between.

The symbols X and Y stand at 2 (or 3) timesteps, each chosen at random; everywhere else one of a, b, c, d. The class is
the sequence of the marked ones: XX, XY, YX, YY (or eight for three). Cross-entropy at the last timestep.
Hochreiter and Schmidhuber (1997, tasks 6a and 6b); the timesteps are drawn from the windows of Pascanu, Mikolov and
Bengio (2013): T/10 to 2T/10 and 4T/10 to 5T/10, or for three T/10 to 2T/10, 3T/10 to 4T/10 and 6T/10 to 7T/10.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from rnnlab.tasks.classification import Classification
from rnnlab.tasks.task import TASKS, Task

if TYPE_CHECKING:
    import numpy as np

DISTRACTORS = 4
"""a, b, c, d: inputs 0 to 3; X and Y are inputs 4 and 5."""

_TENTHS = {2: (1, 4), 3: (1, 3, 6)}
"""Where the windows begin, each a tenth of the sequence long, by the number of marked symbols."""


@TASKS.register
class TemporalOrder(Classification, Task):
    """Tell the order of two or three marked symbols."""

    kind: Literal["temporal-order"] = Field("temporal-order", description="The order of two or three marked symbols.")
    seq_len: int = Field(50, ge=10, le=1_000_000, description="T, the number of timesteps of a sequence.")
    marked: Literal[2, 3] = Field(2, description="How many symbols make the class.")

    @property
    def input_size(self) -> int:
        """One input a symbol."""
        return DISTRACTORS + 2

    @property
    def output_size(self) -> int:
        """One logit an order."""
        return int(2**self.marked)

    def windows(self) -> list[tuple[int, int]]:
        """Give the first timestep, from 0, and the number of timesteps of each window."""
        edges = [(start * self.seq_len // 10, (start + 1) * self.seq_len // 10) for start in _TENTHS[self.marked]]
        return [(start, stop - start) for start, stop in edges]

    def sample(self, generator: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Draw symbols as one-hot inputs (count, T, 6) float32 and the class at every timestep (count, T) int64."""
        import numpy as np

        # One row of uniform numbers a sequence: its distractors, then where, then which the marked symbols are.
        uniform_BN = generator.random((count, self.seq_len + 2 * self.marked))
        rest_BT, place_BM, which_BM = np.split(uniform_BN, [self.seq_len, self.seq_len + self.marked], axis=1)
        starts_M, lengths_M = np.array(self.windows()).T
        places_BM = starts_M + (place_BM * lengths_M).astype(np.int64)
        bits_BM = (which_BM >= 0.5).astype(np.int64)
        tokens_BT = (rest_BT * DISTRACTORS).astype(np.int64)
        np.put_along_axis(tokens_BT, places_BM, DISTRACTORS + bits_BM, axis=1)
        class_B = bits_BM @ 2 ** np.arange(self.marked)[::-1]
        return np.eye(self.input_size, dtype=np.float32)[tokens_BT], np.repeat(class_B[:, None], self.seq_len, axis=1)
