"""Losses of single sequences, L_p: the loss of a batch is their mean, and gradients of L_p carry no 1/B.

Written with tensor methods only, so that nothing here imports torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class MeanSquaredError:
    """L_p = mean over timesteps and outputs of (prediction - target)², or over the outputs of the last timestep."""

    name: ClassVar[str] = "mean squared error"
    last_timestep_only: bool = False

    def __call__(self, predictions: Tensor, targets: Tensor) -> Tensor:
        """Give the loss of each sequence.

        Args:
            predictions: shape (..., B, T, O).
            targets: the same shape.

        Returns:
            Shape (..., B).
        """
        if self.last_timestep_only:
            predictions, targets = predictions[..., -1:, :], targets[..., -1:, :]
        return (predictions - targets).square().mean(dim=(-2, -1))


@dataclass(frozen=True)
class CrossEntropy:
    """L_p = mean over timesteps of -ln softmax(logits)[target], or that of the last timestep; in nats."""

    name: ClassVar[str] = "cross-entropy (nats)"
    last_timestep_only: bool = False

    def __call__(self, predictions: Tensor, targets: Tensor) -> Tensor:
        """Give the loss of each sequence.

        Args:
            predictions: logits, shape (..., B, T, C).
            targets: the right class at each timestep, int64, shape (..., B, T).

        Returns:
            Shape (..., B).
        """
        if self.last_timestep_only:
            predictions, targets = predictions[..., -1:, :], targets[..., -1:]
        log_probabilities = predictions.log_softmax(dim=-1)
        return -log_probabilities.gather(-1, targets.unsqueeze(-1)).squeeze(-1).mean(dim=-1)


Loss = MeanSquaredError | CrossEntropy
