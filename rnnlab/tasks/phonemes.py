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
from rnnlab.tasks.task import TASKS, Task, Timesteps

if TYPE_CHECKING:
    import numpy as np


_MOST_CLASSES, _MOST_INPUTS = 32, 1000
"""With more, the integral of the Bayes loss takes longer than training."""

_POINTS = 2**12
"""Of the integral, and as many opposite ones: the defaults' loss, .3903, is then right to 4e-4."""

_MOST_FRAMES = 24
"""The loss falls smoothly with the number of frames seen: of many, so many are integrated and others interpolated."""


@TASKS.register
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

    def floors(self, *, linear: bool) -> dict[str, float]:
        """Give the loss of a uniform guess and, where it is cheap to integrate, of the Bayes classifier."""
        guess = super().floors(linear=linear)
        if self.classes > _MOST_CLASSES or self.inputs > _MOST_INPUTS:
            return guess
        return {**guess, "Bayes classifier": _bayes_loss(self)}


@functools.lru_cache(maxsize=8)
def _means(task: Phonemes) -> np.ndarray:
    import numpy as np

    generator = np.random.Generator(np.random.Philox(np.random.SeedSequence(task.classes_seed)))
    means_CI = generator.standard_normal((task.classes, task.inputs), dtype=np.float32)
    return (task.signal / math.sqrt(task.inputs) * means_CI).astype(np.float32)


@functools.lru_cache(maxsize=64)
def _bayes_loss(task: Phonemes) -> float:
    """Integrate -ln Pr(c | x_1 .. x_t), the least loss that any classifier can have, over classes and noise.

    The sum of t frames says all that they say. With it, class k has the log-likelihood, but for a common term,
    ℓ_k = t (m_k m_c - m_k² / 2) + √t m_k z with z ~ N(0, 1), and the loss is E ln Σ_k exp(ℓ_k - ℓ_c).
    """
    import numpy as np

    # Noise matters only in the span of the means; its directions, the widest first, get the most even points.
    directions, lengths, _ = np.linalg.svd(_means(task).astype(np.float64), full_matrices=False)
    means_CD = directions * lengths
    noise_NC = _normal_points(_POINTS, means_CD.shape[1]) @ means_CD.T
    gram_CC, noise_NC = means_CD @ means_CD.T, np.concatenate([noise_NC, -noise_NC])

    def loss_after(frames: int) -> float:
        drift_CC = frames * (gram_CC - np.diagonal(gram_CC) / 2)  # of ℓ_k, by the right class
        losses = []
        for right, drift_C in enumerate(drift_CC):
            evidence_NC = drift_C + math.sqrt(frames) * noise_NC
            evidence_NC -= evidence_NC[:, [right]]
            largest_N = evidence_NC.max(axis=1)
            losses.append((largest_N + np.log(np.exp(evidence_NC - largest_N[:, None]).sum(axis=1))).mean())
        return float(np.mean(losses))

    if task.last_timestep_only:
        return loss_after(task.seq_len)
    frames = np.unique(np.geomspace(1, task.seq_len, _MOST_FRAMES).round().astype(int))
    return float(np.interp(np.arange(1, task.seq_len + 1), frames, [loss_after(int(t)) for t in frames]).mean())


def _normal_points(count: int, dimensions: int) -> np.ndarray:
    """Give points that fill a normal distribution evenly, (count, dimensions): a Kronecker sequence, by Box and Muller.

    The steps are powers of the generalised golden ratio, the root of x^(d+1) = x + 1 (Roberts 2018).
    """
    import numpy as np

    uniforms = 2 * ((dimensions + 1) // 2)
    ratio = 2.0
    for _ in range(64):
        ratio = (1 + ratio) ** (1 / (uniforms + 1))
    steps = ratio ** -np.arange(1.0, uniforms + 1)
    points = (0.5 + np.arange(1, count + 1)[:, None] * steps) % 1.0
    radius, angle = np.sqrt(-2 * np.log(1 - points[:, ::2])), 2 * np.pi * points[:, 1::2]
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=2).reshape(count, -1)[:, :dimensions]
