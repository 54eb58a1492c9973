"""Losses of single sequences, L_p: the loss of a batch is their mean, and gradients of L_p carry no 1/B.

Written with tensor methods only, so that nothing here imports torch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from rnnlab.registry import Registry

if TYPE_CHECKING:
    from torch import Tensor

SequenceLoss: TypeAlias = "Callable[[Tensor, Tensor], Tensor]"
"""Predictions (..., B, T, O) and targets to the loss of each sequence, (..., B)."""


@dataclass(frozen=True)
class Loss(ABC):
    """The loss of each sequence, over all timesteps or at the last one."""

    name: ClassVar[str]
    """What it is called, with its unit if it has one."""
    last_timestep_only: bool = False

    @property
    def where(self) -> str:
        """At which timesteps it is taken, in words."""
        return "at the last timestep" if self.last_timestep_only else "at every timestep"

    @abstractmethod
    def __call__(self, predictions: Tensor, targets: Tensor) -> Tensor:
        """Give the loss of each sequence, (..., B), from predictions (..., B, T, O) and targets."""


LOSSES: Registry[type[Loss]] = Registry("loss", __name__)
"""Every loss, by name."""


@LOSSES.register
@dataclass(frozen=True)
class MeanSquaredError(Loss):
    """L_p = mean over timesteps and outputs of (prediction - target)², or over the outputs of the last timestep."""

    name: ClassVar[str] = "mean squared error"

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


@LOSSES.register
@dataclass(frozen=True)
class CrossEntropy(Loss):
    """L_p = mean over timesteps of -ln softmax(logits)[target], or that of the last timestep; in nats."""

    name: ClassVar[str] = "cross-entropy (nats)"

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


class _Masked(Loss):
    """A loss where there is a target: which timesteps count, each sequence's targets say themselves."""

    @property
    def where(self) -> str:
        """At which timesteps it is taken, in words."""
        return "where there is a target"


@LOSSES.register
@dataclass(frozen=True)
class MaskedMeanSquaredError(_Masked):
    """L_p = mean over the timesteps of sequence p that have a target, and over outputs, of (prediction - target)².

    A target of NaN is none. Every sequence has one at some timestep.
    """

    name: ClassVar[str] = "masked mean squared error"

    def __call__(self, predictions: Tensor, targets: Tensor) -> Tensor:
        """Give the loss of each sequence.

        Args:
            predictions: shape (..., B, T, O).
            targets: the same shape, NaN in all outputs of a timestep that does not count.

        Returns:
            Shape (..., B).
        """
        counted = ~targets.isnan()
        squares = (predictions - targets).where(counted, 0.0).square()
        return squares.sum(dim=(-2, -1)) / counted.sum(dim=(-2, -1))


NO_CLASS = -1
"""Stands for the class of a timestep that does not count."""


@LOSSES.register
@dataclass(frozen=True)
class MaskedCrossEntropy(_Masked):
    """L_p = mean over the timesteps of sequence p that have a target of -ln softmax(logits)[target]; in nats.

    A target of NO_CLASS is none. Every sequence has one at some timestep.
    """

    name: ClassVar[str] = "masked cross-entropy (nats)"

    def __call__(self, predictions: Tensor, targets: Tensor) -> Tensor:
        """Give the loss of each sequence.

        Args:
            predictions: logits, shape (..., B, T, C).
            targets: the right class at each timestep, int64, shape (..., B, T), NO_CLASS where none counts.

        Returns:
            Shape (..., B).
        """
        counted = targets != NO_CLASS
        log_probabilities = predictions.log_softmax(dim=-1)
        chosen = log_probabilities.gather(-1, targets.clamp(min=0).unsqueeze(-1)).squeeze(-1)
        return -chosen.where(counted, 0.0).sum(dim=-1) / counted.sum(dim=-1)
