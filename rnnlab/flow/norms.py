"""Norms of vectors whose length may be 1e-200 or 1e200: the squares alone would underflow or overflow."""

from __future__ import annotations

import torch
from torch import Tensor


def norm(x: Tensor) -> Tensor:
    """Give the 2-norm over the last dimension, |x| = m ‖x / m‖ with m the largest magnitude in x.

    Zero stays zero, a vector with an infinity has norm infinity, one with a NaN has norm NaN.
    """
    largest = x.abs().amax(dim=-1, keepdim=True)
    usable = (largest > 0) & largest.isfinite()
    scale = torch.where(usable, largest, 1.0)
    scaled = torch.linalg.vector_norm(x / scale, dim=-1)
    return torch.where(usable.squeeze(-1), scaled * scale.squeeze(-1), largest.squeeze(-1))


def mean_norm(norms_SLTB: Tensor) -> Tensor:
    """Give the mean over sequences, (S, L, T)."""
    return norms_SLTB.mean(dim=-1)


def log_mean_norm(norms_SLTB: Tensor) -> Tensor:
    """Give the mean over sequences of the natural logarithm, (S, L, T): -inf where a norm is truly zero."""
    return norms_SLTB.log().mean(dim=-1)
