"""The optimizers, on the flat parameters of a stack, (S, P): each net has its own learning rate.

Both change `parameters_SP` in place. They work net by net and number by number, so one net never touches another.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from rnnlab.flow import norm


class Optimizer(Protocol):
    """One update of a whole stack."""

    moments: dict[str, Tensor]

    def update(self, parameters_SP: Tensor, gradient_SP: Tensor, step: int) -> None:
        """Make update number `step`, counted from 1."""


class SGD:
    """p ← p - η g."""

    def __init__(self, rates_S1: Tensor) -> None:
        self.rates_S1 = rates_S1
        self.moments: dict[str, Tensor] = {}

    def update(self, parameters_SP: Tensor, gradient_SP: Tensor, step: int) -> None:  # noqa: ARG002 (the same for all)
        """Make one update."""
        parameters_SP.addcmul_(gradient_SP, self.rates_S1, value=-1)


class Adam:
    """Adam (Kingma and Ba 2015), with PyTorch's defaults: β₁ = 0.9, β₂ = 0.999, ε = 1e-8.

    m ← β₁ m + (1 - β₁) g,    v ← β₂ v + (1 - β₂) g²,
    p ← p - η (m / (1 - β₁ᵗ)) / (√(v / (1 - β₂ᵗ)) + ε)
    """

    beta1, beta2, epsilon = 0.9, 0.999, 1e-8

    def __init__(self, rates_S1: Tensor, parameters_SP: Tensor) -> None:
        self.rates_S1 = rates_S1
        self.moments = {"first": torch.zeros_like(parameters_SP), "second": torch.zeros_like(parameters_SP)}

    def update(self, parameters_SP: Tensor, gradient_SP: Tensor, step: int) -> None:
        """Make update number `step`, counted from 1: the corrections depend on it."""
        m_SP = self.moments["first"].lerp_(gradient_SP, 1 - self.beta1)
        v_SP = self.moments["second"].mul_(self.beta2).addcmul_(gradient_SP, gradient_SP, value=1 - self.beta2)
        denominator_SP = v_SP.sqrt().div_((1 - self.beta2**step) ** 0.5).add_(self.epsilon)
        rates_S1 = self.rates_S1 / (1 - self.beta1**step)
        parameters_SP.sub_((m_SP * rates_S1).div_(denominator_SP))


def make_optimizer(name: str, rates_S1: Tensor, parameters_SP: Tensor) -> Optimizer:
    """Give `adam` or `sgd`, at its beginning."""
    return Adam(rates_S1, parameters_SP) if name == "adam" else SGD(rates_S1)


def clip(gradient_SP: Tensor, limits_S1: Tensor) -> Tensor:
    """Scale each net's gradient down to its limit where its norm is larger (Pascanu et al. 2013)."""
    norms_S1 = norm(gradient_SP).unsqueeze(-1)  # not of squares: over 1e19 these are infinite in float32
    return torch.where(norms_S1 > limits_S1, gradient_SP * (limits_S1 / norms_S1), gradient_SP)
