"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rnnlab.training.optimizers.base import OPTIMIZERS, Optimizer

if TYPE_CHECKING:
    from torch import Tensor


@OPTIMIZERS.register
@dataclass(frozen=True)
class SGD(Optimizer):
    """p ← p - η g."""

    name: ClassVar[str] = "sgd"
    meaning: ClassVar[str] = "p ← p - η g"
    place: ClassVar[int] = 2

    def update(
        self,
        parameters_SP: Tensor,
        gradient_SP: Tensor,
        moments: Mapping[str, Tensor],  # noqa: ARG002 (it has none)
        rates_S1: Tensor,
        step: int,  # noqa: ARG002 (all are alike)
    ) -> None:
        """Make one update."""
        parameters_SP.addcmul_(gradient_SP, rates_S1, value=-1)
