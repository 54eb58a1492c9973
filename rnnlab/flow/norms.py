"""Norms of states and of their gradients, at each layer and timestep, and their means over sequences."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from rnnlab.nets.norms import norm

_TINY = torch.finfo(torch.float64).tiny
"""The smallest normal float64, 2.2e-308: below it digits are lost, and soon all of them."""


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
