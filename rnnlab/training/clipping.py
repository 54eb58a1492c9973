"""Clipping of gradients by their norm over all parameters of a net (Pascanu et al. 2013)."""

from __future__ import annotations

import torch
from torch import Tensor

from rnnlab.nets.norms import norm


def clip(gradient_SP: Tensor, limits_S1: Tensor, norms_S1: Tensor | None = None) -> Tensor:
    """Scale each net's gradient down to its limit where its norm, which may be given, is larger."""
    norms_S1 = gradient_norms(gradient_SP) if norms_S1 is None else norms_S1
    return torch.where(norms_S1 > limits_S1, gradient_SP * (limits_S1 / norms_S1), gradient_SP)


def gradient_norms(gradient_SP: Tensor) -> Tensor:
    """Give the 2-norm of each net's gradient, (S, 1)."""
    return norm(gradient_SP).unsqueeze(-1)  # not of squares: over 1e19 these are infinite in float32
