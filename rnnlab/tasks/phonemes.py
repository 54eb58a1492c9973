"""Synthetic phonemes: noisy frames of one of several classes, to be told apart by gathering evidence over time.

    x_t = s m_c + ε_t,    ε_t ~ N(0, 1),    c uniform;    the class means m_c, of length about 1, are drawn once

A single frame says little when s is small; T of them say T times as much. Cross-entropy with the class, at the last
timestep by default.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from rnnlab.tasks.classification import Classes, Classification, FreeSizes, Inputs
from rnnlab.tasks.task import Task, Timesteps

if TYPE_CHECKING:
    import numpy as np


class Phonemes(FreeSizes, Classification, Task):
    """Tell the class of noisy frames."""

    kind: Literal["phonemes"] = Field("phonemes", description="Classification of noisy synthetic frames.")
    seq_len: Timesteps = 10
    inputs: Inputs = 13
    classes: Classes = 10
    signal: float = Field(1.0, ge=0, description="s, the length of a class mean, about, against noise of deviation 1.")
    classes_seed: int = Field(0, ge=0, le=2**32 - 1, description="Where the class means are drawn from.")

    def sample(self, generator: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Draw frames (count, T, I) float32 and their class at every timestep (count, T) int64."""
        import numpy as np

        # One row of normals a sequence, so that it does not depend on how many are drawn at once; two of them for
        # the class, since the angle of a normal vector in the plane is uniform.
        frames = self.seq_len * self.inputs
        normal_BN = generator.standard_normal((count, frames + 2), dtype=np.float32)
        turns_B = np.arctan2(normal_BN[:, frames], normal_BN[:, frames + 1]).astype(np.float64) / (2 * np.pi) + 0.5
        labels_B = np.minimum((self.classes * turns_B).astype(np.int64), self.classes - 1)
        x_BTI = normal_BN[:, :frames].reshape(count, self.seq_len, self.inputs) + _means(self)[labels_B][:, None]
        return x_BTI, np.repeat(labels_B[:, None], self.seq_len, axis=1)


@functools.lru_cache(maxsize=8)
def _means(task: Phonemes) -> np.ndarray:
    import numpy as np

    generator = np.random.Generator(np.random.Philox(np.random.SeedSequence(task.classes_seed)))
    means_CI = generator.standard_normal((task.classes, task.inputs), dtype=np.float32)
    return (task.signal / math.sqrt(task.inputs) * means_CI).astype(np.float32)
