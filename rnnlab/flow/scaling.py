"""Numbers with a power of two of their own, so that no product of Jacobians leaves the range of float64.

A tensor x is kept as (x / 2^e, e). Powers of two are exact: nothing is rounded, and ln ‖x‖ = ln ‖x / 2^e‖ + e ln 2.
"""

from __future__ import annotations

from math import log

import torch
from torch import Tensor

LN_2 = log(2.0)

NOTHING = -(2**30)
"""The exponent of a zero: below every other, so that it decides nothing."""


def normalised(x: Tensor, dims: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Take the largest power of two out of x over some dimensions.

    Gives x / 2^e and e, int64, with a 1 for each of those dimensions.
    A zero has the exponent NOTHING; with an infinity or NaN, x stays as it is.
    """
    largest = x.abs().amax(dim=dims, keepdim=True)
    exponent = torch.frexp(largest)[1].long().where(largest.isfinite(), 0)
    return scaled(x, -exponent), exponent.where(largest != 0, NOTHING)


def normalised_again(x: Tensor, exponent: Tensor, dims: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Take the largest power of two out of what has an exponent already."""
    values, taken = normalised(x, dims)
    return values, exponent + taken


def scaled(x: Tensor, exponent: Tensor) -> Tensor:
    """Give x 2^exponent, also where that power of two alone is outside of float64: in two halves."""
    within = exponent.clamp(-2000, 2000)
    half = within // 2
    return torch.ldexp(torch.ldexp(x, half), within - half)


def added(x: tuple[Tensor, Tensor], y: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Add two scaled tensors, under the larger exponent."""
    exponent = torch.maximum(x[1], y[1])
    return scaled(x[0], x[1] - exponent) + scaled(y[0], y[1] - exponent), exponent


def log_of(norm: Tensor, exponent: Tensor) -> Tensor:
    """Give ln(norm 2^exponent); -inf for zero."""
    return norm.log() + exponent.to(norm.dtype) * LN_2
