"""Norms of vectors whose length may be 1e-200 or 1e200, where the squares would underflow or overflow."""

from __future__ import annotations

import torch
from torch import Tensor

_SAFE = (1e-140, 1e140)
"""Between these the squares of all components that count are normal float64."""


def norm(x: Tensor) -> Tensor:
    """Give the 2-norm over the last dimension of float64, also where the squares leave the range.

    Zero stays zero, as does a vector without components; one with an infinity has norm infinity, one with a NaN has
    norm NaN.
    """
    plain: Tensor = torch.linalg.vector_norm(x, dim=-1)
    unsafe = ~((plain > _SAFE[0]) & (plain < _SAFE[1]))
    if x.shape[-1] and unsafe.any():
        plain[unsafe] = _scaled_norm(x[unsafe])
    return plain


def _scaled_norm(x: Tensor) -> Tensor:
    """Give |x| = m ‖x / m‖ with m the largest magnitude in x."""
    largest = x.abs().amax(dim=-1, keepdim=True)
    usable = (largest > 0) & largest.isfinite()
    scale = torch.where(usable, largest, 1.0)
    scaled = torch.linalg.vector_norm(x / scale, dim=-1)
    return torch.where(usable.squeeze(-1), scaled * scale.squeeze(-1), largest.squeeze(-1))
