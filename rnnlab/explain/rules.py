"""The rules of judgement: every threshold that a reading rests on, with its reason, and the functions that use them.

A sentence that the numbers do not support is worse than none: each of these also says when nothing can be said. How far
a slope and an exponent may differ is decided in `rnnlab/flow/agreement.py`, for all who compare them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from math import inf, isnan, log, sqrt

from rnnlab.flow.agreement import STANDARD_ERRORS, TRANSIENT

NOTICEABLE = log(2.0)
"""A gradient that changes by less than a factor of 2 over all of a sequence is called level: initial weights of another
seed change it by as much."""

ALONE = 0.9
"""One of two causes that bears nine tenths of an effect bears it alone, in a sentence that rounds."""

SHORT = 30
"""Below so many timesteps 3/T is above a tenth of a unit of ln, the rate of a factor 1.1 a step: the slope is a
transient, whatever it looks like."""

SAME_DIRECTION = 0.99
"""A cosine from which on two gradients are called the same: 8 degrees apart."""

FLOAT32_ROUNDING = 2.0**-24
"""What one addition in float32 rounds away, as a share of the sum."""

SEES_LITTLE = 0.5
"""Learning that takes 95 % of its gradient from less than this share of the lags leaves most of a sequence unseen."""


class Direction(Enum):
    """What gradients do on their way back."""

    VANISH = auto()
    EXPLODE = auto()
    LEVEL = auto()
    DEAD = auto()  # some step passes nothing back
    UNKNOWN = auto()


def direction(rate: float, stderr: float, timesteps: int) -> Direction:
    """Judge a rate of growth for each step back, in ln, over the steps of a sequence."""
    if isnan(rate):
        return Direction.UNKNOWN
    if rate == -inf:
        return Direction.DEAD
    if (abs(rate) + STANDARD_ERRORS * stderr) * (timesteps - 1) < NOTICEABLE:
        return Direction.LEVEL
    if abs(rate) <= STANDARD_ERRORS * stderr:
        return Direction.UNKNOWN
    if abs(rate) * (timesteps - 1) < NOTICEABLE:
        return Direction.LEVEL
    return Direction.VANISH if rate < 0 else Direction.EXPLODE


@dataclass(frozen=True)
class Agreement:
    """Two measures of one rate held against each other: how far apart they are, and how far they may be."""

    difference: float
    allowed: float

    @property
    def holds(self) -> bool:
        """Whether they agree."""
        return self.difference <= self.allowed


def agreement(growth: float, exponent: float, stderr: float, timesteps: int, layers: int = 1) -> Agreement:
    """Compare the growth of ln ‖dL/dh_t‖ for each step back with an exponent.

    2 s.e. + (3 + (L - 1) ln T) / T: a gradient that comes down from L layers may do so at any of T^(L-1) choices of
    timesteps, and so many ways add their logarithm.
    """
    allowed = STANDARD_ERRORS * stderr + (TRANSIENT + (layers - 1) * log(timesteps)) / timesteps
    return Agreement(abs(growth - exponent), allowed)


class Cause(Enum):
    """What makes a gradient change from step to step."""

    MATRIX = auto()
    NONLINEARITY = auto()
    BOTH = auto()
    HELD_BACK = auto()  # the matrix makes it grow, the nonlinearity takes some of it back
    CANCEL = auto()
    NEITHER = auto()


def cause(matrix: float, nonlinearity: float, timesteps: int) -> Cause:
    """Judge the two parts of the growth for each step back, in ln, that of the nonlinearity mostly negative."""
    total, least = matrix + nonlinearity, NOTICEABLE / max(1, timesteps - 1)
    if abs(total) < least:
        return Cause.NEITHER if abs(matrix) < least else Cause.CANCEL
    if total > 0:
        return Cause.MATRIX if abs(nonlinearity) <= (1 - ALONE) * abs(matrix) else Cause.HELD_BACK
    if nonlinearity / total >= ALONE:
        return Cause.NONLINEARITY
    return Cause.MATRIX if matrix / total >= ALONE else Cause.BOTH


def finite_size(hidden_size: int) -> float:
    """Give how far an exponent of H units may lie from the theory of infinitely many.

    1/√H: the radius of a gaussian matrix and the mean square of H states fluctuate and converge by powers of H^-1/2; in
    the check values (H = 32, 200 and 1000) differences stay below 0.6 of it.
    """
    return 1 / sqrt(hidden_size)
