"""Mean-field theory of a large gaussian Elman net with tanh units, W_hh ~ N(0, g²/H), driven by gaussian inputs.

    q = g² E tanh²(√q z) + v,   λ = ½ ln(g² E sech⁴(√q z)),   z ~ N(0, 1)

q is the variance of the pre-activations, v the part of it that the inputs (and biases) contribute. λ is the rate of
growth of a perturbation at each timestep, and so the largest Lyapunov exponent as H grows (Sompolinsky, Crisanti and
Sommers 1988; Molgedey, Schuchhardt and Schuster 1992 with inputs).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log, sqrt

import numpy as np

_REACH = 12.0
"""Standard deviations: beyond, a gaussian weighs less than 1e-31."""

_NODES = 6_001
"""Evenly spaced from 0: sech⁴(√q z) is a peak of width 1/√q, far narrower than the gaps of Gauss-Hermite nodes, while
the trapezoidal rule errs by less than 1e-12 up to g = 100."""


@dataclass(frozen=True)
class MeanField:
    """What the theory gives."""

    variance: float  # q, of the pre-activations
    exponent: float  # λ


def mean_field(gain: float, input_variance: float = 0.0) -> MeanField:
    """Solve for the fixed point of the variance, and take the exponent there.

    Args:
        gain: g, the standard deviation of W_hh times √H.
        input_variance: v.

    Raises:
        ValueError: the gain is not positive, or the variance is negative.
    """
    if not gain > 0 or not input_variance >= 0:
        raise ValueError(f"gain must be positive and input_variance not negative; got {gain} and {input_variance}")
    variance = _fixed_point(gain, input_variance)
    return MeanField(variance, 0.5 * log(gain**2 * _expect_slope(variance)))


_Z = np.linspace(0.0, _REACH, _NODES)
_DENSITY = np.exp(-0.5 * _Z**2) * np.where(_Z == 0, 0.5, 1.0)  # half of an even function: its middle belongs to both
_WEIGHTS = _DENSITY / _DENSITY.sum()


def _expect_square(variance: float) -> float:
    """Give E tanh²(√q z)."""
    return float(_WEIGHTS @ np.tanh(sqrt(variance) * _Z) ** 2)


def _expect_slope(variance: float) -> float:
    """Give E sech⁴(√q z)."""
    return float(_WEIGHTS @ (1.0 - np.tanh(sqrt(variance) * _Z) ** 2) ** 2)


def _fixed_point(gain: float, input_variance: float) -> float:
    """Find q by bisection: g² E tanh² + v - q is concave in q, and its upper zero is the stable one."""
    low, high = 0.0, gain**2 + input_variance
    if input_variance == 0 and gain <= 1:
        return 0.0
    while high - low > 1e-14 * high:
        middle = 0.5 * (low + high)
        is_below = gain**2 * _expect_square(middle) + input_variance > middle
        low, high = (middle, high) if is_below else (low, middle)
    return 0.5 * (low + high)
