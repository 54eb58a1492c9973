"""AdamW: Adam with weight decay apart from the gradient (Loshchilov and Hutter 2019)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rnnlab.component import key
from rnnlab.training.optimizers.adam import Adam
from rnnlab.training.optimizers.base import OPTIMIZERS

if TYPE_CHECKING:
    from torch import Tensor


@OPTIMIZERS.register
@dataclass(frozen=True)
class AdamW(Adam):
    """p ← (1 - η λ) p, then Adam. All parameters decay, biases too, as with PyTorch's."""

    name: ClassVar[str] = "adamw"
    meaning: ClassVar[str] = "p ← (1 - η λ) p, then adam"
    place: ClassVar[int] = 4

    weight_decay: float = key(0.01, ge=0, description="λ of AdamW, the rate at which parameters decay, times η.")

    @property
    def own_number(self) -> float:
        """λ."""
        return self.weight_decay

    def update(
        self, parameters_SP: Tensor, gradient_SP: Tensor, moments: Mapping[str, Tensor], rates_S1: Tensor, step: int
    ) -> None:
        """Make update number `step`, counted from 1."""
        parameters_SP.mul_(1 - self.weight_decay * rates_S1)
        super().update(parameters_SP, gradient_SP, moments, rates_S1, step)
