"""Norms of vectors whose length may be 1e-200 or 1e200, where the squares would underflow or overflow."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

_SAFE = (1e-140, 1e140)
"""Between these the squares of all components that count are normal float64."""

_TINY = torch.finfo(torch.float64).tiny
"""The smallest normal float64, 2.2e-308: below it digits are lost, and soon all of them."""


def norm(x: Tensor) -> Tensor:
    """Give the 2-norm over the last dimension of float64, also where the squares leave the range.

    Zero stays zero, a vector with an infinity has norm infinity, one with a NaN has norm NaN.
    """
    plain: Tensor = torch.linalg.vector_norm(x, dim=-1)
    unsafe = ~((plain > _SAFE[0]) & (plain < _SAFE[1]))
    if unsafe.any():
        plain[unsafe] = _scaled_norm(x[unsafe])
    return plain


def _scaled_norm(x: Tensor) -> Tensor:
    """Give |x| = m ‖x / m‖ with m the largest magnitude in x."""
    largest = x.abs().amax(dim=-1, keepdim=True)
    usable = (largest > 0) & largest.isfinite()
    scale = torch.where(usable, largest, 1.0)
    scaled = torch.linalg.vector_norm(x / scale, dim=-1)
    return torch.where(usable.squeeze(-1), scaled * scale.squeeze(-1), largest.squeeze(-1))


def node_norms(nodes: Sequence[Sequence[Tensor]]) -> Tensor:
    """Give the norms of (S, B, H) at each layer and timestep, (S, L, T, B)."""
    flat = torch.stack([norm(node) for layer in nodes for node in layer], dim=1)
    return flat.reshape(len(flat), len(nodes), -1, flat.shape[-1])


def mean_norm(norms_SLTB: Tensor) -> Tensor:
    """Give the mean over sequences, (S, L, T)."""
    return norms_SLTB.mean(dim=-1)


def log_mean_norm(norms_SLTB: Tensor) -> Tensor:
    """Give the mean over sequences of the natural logarithm, (S, L, T): -inf where a norm is truly zero."""
    return norms_SLTB.log().mean(dim=-1)


def underflow(norms_SLTB: Tensor) -> bool:
    """Tell whether a gradient fell below the range of float64.

    A zero alone is no underflow: a dead unit passes truly nothing back. A number below the smallest normal one is,
    and so is a zero right before a timestep, or right below a layer, whose gradient is all but there (1e-200).
    """
    subnormal = (norms_SLTB > 0) & (norms_SLTB < _TINY)
    return bool(subnormal.any()) or _drops(norms_SLTB, dim=2) or _drops(norms_SLTB, dim=1)


def _drops(norms_SLTB: Tensor, dim: int) -> bool:
    """Look for a zero that comes, backwards along one dimension, after a gradient under 1e-200."""
    size = norms_SLTB.shape[dim] - 1
    after, source = norms_SLTB.narrow(dim, 0, size), norms_SLTB.narrow(dim, 1, size)
    return bool(((after == 0) & (source > 0) & (source < 1e-200)).any())
