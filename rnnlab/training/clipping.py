"""Clipping of gradients by their norm over all parameters of a net (Pascanu et al. 2013)."""

from __future__ import annotations

import torch
from torch import Tensor

from rnnlab.nets.norms import norm


def clip(gradient_SP: Tensor, limits_S1: Tensor) -> Tensor:
    """Scale each net's gradient down to its limit where its norm is larger."""
    norms_S1 = norm(gradient_SP).unsqueeze(-1)  # not of squares: over 1e19 these are infinite in float32
    return torch.where(norms_S1 > limits_S1, gradient_SP * (limits_S1 / norms_S1), gradient_SP)
