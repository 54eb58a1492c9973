"""Stochastic gradient descent, with momentum (Polyak 1964) or without."""

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
class SGD(Optimizer):
    """p ← p - η g;  with momentum u ← μ u + g, p ← p - η u, as in PyTorch."""

    name: ClassVar[str] = "sgd"
    meaning: ClassVar[str] = "p ← p - η g; with momentum p ← p - η u, u ← μ u + g"
    place: ClassVar[int] = 2
    moments: ClassVar[tuple[str, ...]] = ("velocity",)

    momentum: float = key(
        0.0, ge=0, lt=1, added_later=True, description="μ of SGD: how much of the last step goes on in the next."
    )

    @property
    def remembered(self) -> tuple[str, ...]:
        """The last step, where some of it goes on."""
        return self.moments if self.momentum else ()

    @property
    def own_number(self) -> float:
        """μ."""
        return self.momentum

    def update(
        self,
        parameters_SP: Tensor,
        gradient_SP: Tensor,
        moments: Mapping[str, Tensor],
        rates_S1: Tensor,
        step: int,  # noqa: ARG002 (all are alike)
    ) -> None:
        """Make one update."""
        step_SP = moments["velocity"].mul_(self.momentum).add_(gradient_SP) if self.momentum else gradient_SP
        parameters_SP.addcmul_(step_SP, rates_S1, value=-1)
