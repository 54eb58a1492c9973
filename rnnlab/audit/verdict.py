"""The verdict: which ways agree, and which one is wrong.

Two ways agree on a quantity when they differ by no more than the tolerance, relative to the larger, at every timestep
by itself: a wrong gradient of 1e-20 must not hide behind a right one of 1. Of ways that disagree, the largest group of
such as all agree is believed, and the others are convicted; where no group is larger than every other, all that can be
said is that something is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from rnnlab.audit.case import Answer, Quantity
from rnnlab.audit.complex_step import Projected


@dataclass(frozen=True)
class Finding:
    """What is found of one quantity: each way's largest difference from a way that is believed, and who is wrong."""

    quantity: Quantity
    differences: dict[str, float]  # by way, only those that compute it
    convicted: tuple[str, ...]
    undecided: bool = False

    @property
    def agrees(self) -> bool:
        """Whether all ways agree."""
        return not self.convicted and not self.undecided

    @property
    def name(self) -> str:
        """`dL/dh layer 0`, or the parameter."""
        name, layer = self.quantity
        return name if layer is None else f"{name} layer {layer}"


def judge(answers: Mapping[str, Answer | Projected], tolerance: float) -> list[Finding]:
    """Compare all ways on every quantity that at least two of them give."""
    quantities = dict.fromkeys(q for answer in answers.values() for q in _quantities(answer))
    return [_judge_one(quantity, _who_gives(answers, quantity), tolerance) for quantity in quantities]


def _quantities(answer: Answer | Projected) -> list[Quantity]:
    return list(answer.values if isinstance(answer, Projected) else answer)


def _who_gives(answers: Mapping[str, Answer | Projected], quantity: Quantity) -> dict[str, Answer | Projected]:
    return {way: answer for way, answer in answers.items() if quantity in _quantities(answer)}


def _judge_one(quantity: Quantity, answers: dict[str, Answer | Projected], tolerance: float) -> Finding:
    distance = {
        frozenset(pair): difference(answers[pair[0]], answers[pair[1]], quantity) for pair in combinations(answers, 2)
    }
    groups = _largest_groups(list(answers), distance, tolerance)
    believed = groups[0]
    differences = {
        way: max((distance[frozenset((way, other))] for other in believed if other != way), default=0.0)
        for way in answers
    }
    if len(groups) > 1:
        return Finding(quantity, {way: max(distance.values()) for way in answers}, (), undecided=True)
    return Finding(quantity, differences, tuple(way for way in answers if way not in believed))


def _largest_groups(ways: list[str], distance: dict[frozenset[str], float], tolerance: float) -> list[tuple[str, ...]]:
    """Give the largest groups of ways that all agree with each other; there are five ways at most."""
    for size in range(len(ways), 0, -1):
        groups = [
            group
            for group in combinations(ways, size)
            if all(distance[frozenset(pair)] <= tolerance for pair in combinations(group, 2))
        ]
        if groups:
            return groups
    return []


def difference(first: Answer | Projected, second: Answer | Projected, quantity: Quantity) -> float:
    """Give the largest relative difference over timesteps (for a parameter, of the whole)."""
    if isinstance(first, Projected):
        first, second = second, first
    assert not isinstance(first, Projected), "two projections have no directions in common"
    a = first[quantity]
    if isinstance(second, Projected):
        a, b = second.project(quantity, a), second.values[quantity]
    else:
        b = second[quantity]
    rows = 1 if quantity[1] is None else len(a)
    return relative_difference(np.reshape(a, (rows, -1)), np.reshape(b, (rows, -1)))


def relative_difference(a: np.ndarray, b: np.ndarray) -> float:
    """Give the largest ‖a - b‖ / max(‖a‖, ‖b‖) over rows; infinite where only one has a NaN or an infinity."""
    unusual = ~(np.isfinite(a) & np.isfinite(b))
    if not np.array_equal(a[unusual], b[unusual], equal_nan=True):
        return float("inf")
    a, b = np.where(unusual, 0.0, a), np.where(unusual, 0.0, b)
    scale = np.maximum(np.abs(a).max(axis=1, initial=0.0), np.abs(b).max(axis=1, initial=0.0))
    scale = np.where(scale > 0, scale, 1.0)[:, None]  # before squaring, so that 1e-200 is compared like 1
    norms = np.maximum(np.linalg.norm(a / scale, axis=1), np.linalg.norm(b / scale, axis=1))
    return float((np.linalg.norm(a / scale - b / scale, axis=1) / np.where(norms > 0, norms, 1.0)).max(initial=0.0))
