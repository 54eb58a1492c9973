"""Norms of states and of their gradients, at each layer and timestep, and their means over sequences."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from rnnlab.nets.norms import norm

_TINY = torch.finfo(torch.float64).tiny
"""The smallest normal float64, 2.2e-308: below it digits are lost, and soon all of them."""

LEAST_EXACT = 1e-290
"""From this norm on the components that count are normal numbers too, so that it has all its digits."""


def node_norms(nodes: Sequence[Sequence[Tensor]]) -> Tensor:
    """Give the norms of (S, B, H) at each layer and timestep, (S, L, T, B)."""
    flat = torch.stack([norm(node) for layer in nodes for node in layer], dim=1)
    return flat.reshape(len(flat), len(nodes), -1, flat.shape[-1])


def mean_norm(norms_SLTB: Tensor) -> Tensor:
    """Give the mean over sequences, (S, L, T)."""
    return norms_SLTB.mean(dim=-1)


def zero_share(logs_SLTB: Tensor) -> Tensor:
    """Give the share of sequences whose logarithm is -inf, (S, L, T): whose norm is zero."""
    return logs_SLTB.isneginf().to(logs_SLTB.dtype).mean(dim=-1)


def living_mean(logs_SLTB: Tensor) -> Tensor:
    """Give the mean over the sequences whose logarithm is not -inf, (S, L, T); -inf where there is none."""
    dead = logs_SLTB.isneginf()
    mean = torch.where(dead, 0.0, logs_SLTB).sum(dim=-1) / (~dead).sum(dim=-1)
    return torch.where(dead.all(dim=-1), -torch.inf, torch.where(dead.any(dim=-1), mean, logs_SLTB.mean(dim=-1)))


def quantile(logs_SLTB: Tensor, share: float) -> Tensor:
    """Give a quantile over sequences, (S, L, T), linear between neighbours; -inf where the lower neighbour is."""
    rising_SLTB = logs_SLTB.sort(dim=-1).values
    place = share * (logs_SLTB.shape[-1] - 1)
    lower, upper = rising_SLTB[..., int(place)], rising_SLTB[..., -int(-place // 1)]
    # -inf + (x - -inf) would be NaN
    return torch.where(lower.isneginf(), lower, lower + (place - int(place)) * (upper - lower))


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
