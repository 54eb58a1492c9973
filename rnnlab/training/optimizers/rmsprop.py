"""RMSprop (Tieleman and Hinton 2012, lecture 6.5 of their course)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rnnlab.component import key
from rnnlab.training.optimizers.base import OPTIMIZERS, Optimizer

if TYPE_CHECKING:
    from torch import Tensor


@OPTIMIZERS.register
@dataclass(frozen=True)
class RMSprop(Optimizer):
    """v ← α v + (1 - α) g²,  p ← p - η g / (√v + ε), with PyTorch's ε = 1e-8."""

    name: ClassVar[str] = "rmsprop"
    meaning: ClassVar[str] = "p ← p - η g / (√v + ε), v a running mean of g²"
    place: ClassVar[int] = 3
    moments: ClassVar[tuple[str, ...]] = ("square",)
    epsilon: ClassVar[float] = 1e-8

    smoothing: float = key(0.99, ge=0, lt=1, description="α of RMSprop, how much of the mean of g² is kept.")

    @property
    def own_number(self) -> float:
        """α."""
        return self.smoothing

    def update(
        self,
        parameters_SP: Tensor,
        gradient_SP: Tensor,
        moments: Mapping[str, Tensor],
        rates_S1: Tensor,
        step: int,  # noqa: ARG002 (all are alike)
    ) -> None:
        """Make one update."""
        square_SP = moments["square"].mul_(self.smoothing)
        square_SP.addcmul_(gradient_SP, gradient_SP, value=1 - self.smoothing)
        parameters_SP.sub_((gradient_SP * rates_S1).div_(square_SP.sqrt().add_(self.epsilon)))
