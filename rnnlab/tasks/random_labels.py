"""Labels without reason: a few fixed sequences of noise, each with a random class, that can only be learned by heart.

    x ~ N(0, 1), drawn once;    label ~ uniform over the classes, drawn once

Cross-entropy with the label, at the last timestep by default: the many-to-one net of the first teaching lab.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from rnnlab.tasks.losses import CrossEntropy
from rnnlab.tasks.task import Task

if TYPE_CHECKING:
    import numpy as np


class RandomLabels(Task):
    """Learn random labels of fixed sequences by heart."""

    kind: Literal["random-labels"] = Field("random-labels", description="Fixed random sequences with random labels.")
    seq_len: int = Field(4, ge=1, le=1_000_000, description="T, the number of timesteps of a sequence.")
    last_timestep_only: bool = Field(
        True, description="Take the loss at the last timestep only, instead of the mean over all timesteps."
    )
    inputs: int = Field(5, ge=1, le=100_000, description="I, the number of inputs at each timestep.")
    classes: int = Field(3, ge=2, le=100_000, description="C, the number of classes.")
    examples: int = Field(8, ge=1, le=1_000_000, description="Number of different sequences.")
    examples_seed: int = Field(0, ge=0, le=2**32 - 1, description="Where the sequences and labels are drawn from.")

    @property
    def input_size(self) -> int:
        """I."""
        return self.inputs

    @property
    def output_size(self) -> int:
        """One logit a class."""
        return self.classes

    @property
    def loss(self) -> CrossEntropy:
        """Cross-entropy with the label."""
        return CrossEntropy(self.last_timestep_only)

    def sample(self, generator: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Draw from the examples: inputs (count, T, I) float32 and the label at every timestep (count, T) int64."""
        import numpy as np

        x_NTI, labels_N = _examples(self)
        chosen_B = generator.integers(self.examples, size=count, dtype=np.int64)
        return x_NTI[chosen_B], np.repeat(labels_N[chosen_B][:, None], self.seq_len, axis=1)

    def floors(self, *, linear: bool) -> dict[str, float]:  # noqa: ARG002 (a guess is a guess)
        """Give the loss of a uniform guess, ln C; learned by heart, zero can be approached."""
        return {"uniform guess": math.log(self.classes)}


@functools.lru_cache(maxsize=8)
def _examples(task: RandomLabels) -> tuple[np.ndarray, np.ndarray]:
    import numpy as np

    generator = np.random.Generator(np.random.Philox(np.random.SeedSequence(task.examples_seed)))
    x_NTI = generator.standard_normal((task.examples, task.seq_len, task.inputs), dtype=np.float32)
    return x_NTI, generator.integers(task.classes, size=task.examples, dtype=np.int64)
