"""Adam (Kingma and Ba 2015)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rnnlab.training.optimizers.base import OPTIMIZERS, Optimizer

if TYPE_CHECKING:
    from torch import Tensor


@OPTIMIZERS.register
@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam with PyTorch's defaults: β₁ = 0.9, β₂ = 0.999, ε = 1e-8.

    m ← β₁ m + (1 - β₁) g,    v ← β₂ v + (1 - β₂) g²,
    p ← p - η (m / (1 - β₁ᵗ)) / (√(v / (1 - β₂ᵗ)) + ε)
    """

    name: ClassVar[str] = "adam"
    meaning: ClassVar[str] = "p ← p - η m / (√v + ε), m and v running means of g and g²"
    place: ClassVar[int] = 1
    moments: ClassVar[tuple[str, ...]] = ("first", "second")
    beta1: ClassVar[float] = 0.9
    beta2: ClassVar[float] = 0.999
    epsilon: ClassVar[float] = 1e-8

    def update(
        self, parameters_SP: Tensor, gradient_SP: Tensor, moments: Mapping[str, Tensor], rates_S1: Tensor, step: int
    ) -> None:
        """Make update number `step`, counted from 1: the corrections depend on it."""
        m_SP = moments["first"].lerp_(gradient_SP, 1 - self.beta1)
        v_SP = moments["second"].mul_(self.beta2).addcmul_(gradient_SP, gradient_SP, value=1 - self.beta2)
        denominator_SP = v_SP.sqrt().div_((1 - self.beta2**step) ** 0.5).add_(self.epsilon)
        corrected_S1 = rates_S1 / (1 - self.beta1**step)
        parameters_SP.sub_((m_SP * corrected_S1).div_(denominator_SP))
