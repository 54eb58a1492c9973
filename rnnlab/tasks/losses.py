"""Losses of single sequences, L_p: the loss of a batch is their mean, and gradients of L_p carry no 1/B.

Written with tensor methods only, so that nothing here imports torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class MeanSquaredError:
    """L_p = mean over timesteps and outputs of (prediction - target)², or over the outputs of the last timestep."""

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
