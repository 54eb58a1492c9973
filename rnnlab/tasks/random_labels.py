"""Labels without reason: a few fixed sequences of noise, each with a random class, that can only be learned by heart.

    x ~ N(0, 1), drawn once;    label ~ uniform over the classes, drawn once

Cross-entropy with the label, at the last timestep by default: the many-to-one net of the first teaching lab. The best
constant guess costs the entropy of the labels; learned by heart, zero can be approached.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from rnnlab.tasks.classification import Classes, Classification, FreeSizes, Inputs
from rnnlab.tasks.task import TASKS, Task, Timesteps

if TYPE_CHECKING:
    import numpy as np


@TASKS.register
class RandomLabels(FreeSizes, Classification, Task):
    """Learn random labels of fixed sequences by heart."""

    kind: Literal["random-labels"] = Field("random-labels", description="Fixed random sequences with random labels.")
    seq_len: Timesteps = 4
    inputs: Inputs = 5
    classes: Classes = 3
    examples: int = Field(8, ge=1, le=1_000_000, description="Number of different sequences.")
    examples_seed: int = Field(0, ge=0, le=2**32 - 1, description="Where the sequences and labels are drawn from.")

    def sample(self, generator: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Draw from the examples: inputs (count, T, I) float32 and the label at every timestep (count, T) int64."""
        import numpy as np

        x_NTI, labels_N = _examples(self)
        chosen_B = generator.integers(self.examples, size=count, dtype=np.int64)
        return x_NTI[chosen_B], np.repeat(labels_N[chosen_B][:, None], self.seq_len, axis=1)

    def floors(self, *, linear: bool) -> dict[str, float]:
        """Give the loss of a uniform guess and of the best constant one: the entropy of the examples' labels."""
        import numpy as np

        shares_C = np.bincount(_examples(self)[1]) / self.examples
        shares_C = shares_C[shares_C > 0]
        entropy = float(np.abs(shares_C @ np.log(shares_C)))
        return {**super().floors(linear=linear), "best constant guess": entropy}


@functools.lru_cache(maxsize=8)
def _examples(task: RandomLabels) -> tuple[np.ndarray, np.ndarray]:
    import numpy as np

    generator = np.random.Generator(np.random.Philox(np.random.SeedSequence(task.examples_seed)))
    x_NTI = generator.standard_normal((task.examples, task.seq_len, task.inputs), dtype=np.float32)
    return x_NTI, generator.integers(task.classes, size=task.examples, dtype=np.int64)
