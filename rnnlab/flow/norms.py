"""Norms of states and of their gradients, at each layer and timestep, and their means over sequences."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from rnnlab.nets.norms import norm


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
