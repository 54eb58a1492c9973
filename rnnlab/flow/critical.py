"""Critical scales: where the leading exponent of a net is zero, as a function of the scale of its weights.

    λ(s*) = 0,    λ(s) with all matrices of the recurrent net multiplied by s

Below s* gradients vanish on their way back, above they explode. Of a linear net s* = 1 / rho, rho the spectral radius
of W_hh; a nonlinearity moves it (Sompolinsky, Crisanti and Sommers 1988). The same sequences are used at every scale,
so that λ(s) is one function and has roots; of a chaotic net it is rugged within the standard error of λ.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import exp, inf, isfinite, log

import numpy as np
import torch
from torch import Tensor

from rnnlab.flow.exponents import largest_exponent, mean_over_sequences
from rnnlab.flow.steps import linear_steps
from rnnlab.nets import Architecture

Exponents = Callable[[Sequence[int], np.ndarray], np.ndarray]
"""Gives the leading exponents (n,) of nets, told by their indices (n,), at a scale (n,) for each."""


@dataclass(frozen=True)
class Crossing:
    """Where the exponent changes its sign.

    Attributes:
        scale: where.
        rises: whether it goes from vanishing to exploding as the scale grows.
        steepness: dλ/d ln s, over the interval of the scan in which it lies; infinite where λ is.
        jumps: whether λ is infinite on one side: what dies below it, or what leaves the range of float64 above.
    """

    scale: float
    rises: bool
    steepness: float
    jumps: bool


def find_crossings(
    exponents: Exponents, scales_PN: np.ndarray, tolerance: float
) -> tuple[np.ndarray, list[list[Crossing]]]:
    """Find every change of sign that a scan shows, and bisect it on ln s, all nets and crossings at a time.

    Args:
        exponents: called with many nets at once, since stacks of them are fast.
        scales_PN: the scales of the scan, rising along its first dimension, for each net.
        tolerance: how small the interval becomes, as a share of the scale.

    Returns:
        The exponents of the scan, (P, N), and for each net its crossings, from the lowest on. A state that overflows
        counts as one that explodes.
    """
    points, nets = scales_PN.shape
    found_PN = _known(exponents(list(range(nets)) * points, scales_PN.ravel())).reshape(points, nets)
    change_PN = np.diff((found_PN > 0).astype(int), axis=0)
    places = [(point, net) for net in range(nets) for point in range(points - 1) if change_PN[point, net]]
    brackets = [
        _Bracket(net, *np.log(scales_PN[point : point + 2, net]).tolist(), *found_PN[point : point + 2, net].tolist())
        for point, net in places
    ]
    crossings: list[list[Crossing]] = [[] for _ in range(nets)]
    for wide, narrow in zip(brackets, _bisect(exponents, brackets, log(1.0 + tolerance)), strict=True):
        crossings[wide.net].append(
            Crossing(
                scale=exp(0.5 * (narrow.low + narrow.high)),
                rises=wide.value_low <= 0,
                steepness=(wide.value_high - wide.value_low) / (wide.high - wide.low),
                jumps=not (isfinite(narrow.value_low) and isfinite(narrow.value_high)),
            )
        )
    return found_PN, crossings


@dataclass(frozen=True)
class _Bracket:
    """An interval of ln s at whose ends the exponent of a net is on different sides of zero."""

    net: int
    low: float
    high: float
    value_low: float
    value_high: float

    def halved(self, value: float) -> _Bracket:
        """Keep the half in which the sign changes, given the value in the middle."""
        middle = 0.5 * (self.low + self.high)
        if (value > 0) == (self.value_low > 0):
            return replace(self, low=middle, value_low=value)
        return replace(self, high=middle, value_high=value)


def _bisect(exponents: Exponents, brackets: Sequence[_Bracket], width: float) -> list[_Bracket]:
    """Halve all intervals together until each is so narrow."""
    narrow = list(brackets)
    while narrow and max(each.high - each.low for each in narrow) > width:
        middles = np.exp([0.5 * (each.low + each.high) for each in narrow])
        values = _known(exponents([each.net for each in narrow], middles))
        narrow = [each.halved(float(value)) for each, value in zip(narrow, values, strict=True)]
    return narrow


def _known(exponents: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(exponents), inf, exponents)


def leading_exponents(
    architecture: Architecture, weights: dict[str, Tensor], inputs_SBTI: Tensor, washout: int
) -> tuple[Tensor, Tensor]:
    """Give the leading exponent of each net of a stack, (S,), and its standard error over the sequences, (S,).

    That of a deep net is the largest of those of its layers: the Jacobian of all of them together is block triangular.

    Args:
        architecture: the shape of the nets.
        weights: by name, each (S, *shape), float64.
        inputs_SBTI: the sequences of each net.
        washout: timesteps that are not counted.
    """
    steps = linear_steps(architecture, weights, inputs_SBTI)
    by_layer_SLB = torch.stack([largest_exponent(each, washout) for each in steps], dim=1)
    mean_SL, error_SL = mean_over_sequences(by_layer_SLB, dim=-1)
    layer_S1 = mean_SL.nan_to_num(nan=inf).argmax(dim=1, keepdim=True)
    return mean_SL.gather(1, layer_S1)[:, 0], error_SL.gather(1, layer_S1)[:, 0]
