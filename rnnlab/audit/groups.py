"""Every group of quantities, as runs record it, against the second way to it: which quantity is wrong, if one is.

Dense Jacobians take time and memory, so a group is held on a few timesteps, the last, of few sequences.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from rnnlab.audit.case import AuditCase, NotKnownError
from rnnlab.audit.dense import DenseNet, differentiate, perturb
from rnnlab.audit.second_ways import SECOND_WAYS, Expected
from rnnlab.flow.group import GROUPS
from rnnlab.flow.problem import Problem

TIMESTEPS, SEQUENCES = 12, 2
"""At most: enough for a washout of three steps, and for a standard error."""

MOST_NUMBERS = 512
"""Of a layer's full state: the dense Jacobians of larger ones would take minutes."""

_PARTLY = "base"
"""The group of which only some arrays are held here: the other tables of a check are about the rest."""

_PERTURBED = 2
"""Nets that are perturbed: with one, a change could be small by chance."""

_MARGIN, _NO_DIGITS = 1e11, 1e-3
"""Rounding of 1e-11 stands a hundredfold below the tolerance of 1e-9; beyond, the tolerance grows with it."""


@dataclass(frozen=True)
class GroupFinding:
    """What is found of one group: the largest difference of each of its quantities, in parts of their size."""

    name: str
    differences: dict[str, float]
    tolerance: float

    @property
    def wrong(self) -> tuple[str, ...]:
        """The quantities that differ by more than rounding."""
        return tuple(name for name, difference in self.differences.items() if not difference <= self.tolerance)

    @property
    def agrees(self) -> bool:
        """Whether both ways agree on all of them."""
        return not self.wrong

    @property
    def worst(self) -> str:
        """The quantity that differs most."""
        return max(self.differences, key=lambda name: self.differences[name])


def check_groups(case: AuditCase, tolerance: float) -> tuple[list[GroupFinding], dict[str, str]]:
    """Measure every group of the net of a case, and hold it against its second way.

    Gives also, by group, why one is not held against anything.
    """
    few = _shortened(case)
    groups = {name: group for name, group in GROUPS.items() if not group.of_training}  # that, engines are checked for
    names = [name for name, group in groups.items() if name in SECOND_WAYS or not group.by_default]
    unable = {name: "there is no second way to this group" for name in names if name not in SECOND_WAYS}
    with np.errstate(all="ignore"):  # the logarithm of a zero is compared, not warned about
        try:
            nets = _dense_nets(few)
        except NotKnownError as error:
            return [], unable | {name: str(error) for name in names if name in SECOND_WAYS}
        findings, problem = [], _problem_of(few)
        for name in (name for name in names if name in SECOND_WAYS):
            measured = {key: array[0] for key, array in GROUPS[name].compute(problem).items()}
            if name == _PARTLY:
                measured = {key: measured[key] for key in SECOND_WAYS[name](nets[0], measured)}
            if measured:
                findings.append(GroupFinding(name, _differences(measured, _expected(name, nets, measured)), tolerance))
            else:
                unable[name] = str(GROUPS[name].quantities[0].why_absent(few.architecture.cell))
    return findings, unable


def _dense_nets(case: AuditCase) -> list[DenseNet]:
    """Differentiate the net, and perturb it a few times."""
    _check_size(case)
    net = differentiate(case)
    return [net, *(perturb(net, seed) for seed in range(_PERTURBED))]


def _problem_of(case: AuditCase) -> Problem:
    """Give what the groups measure: a stack of one net. Nothing is drawn, so exponents take the same sequences."""
    weights = {name: weight[None] for name, weight in case.weights.items()}
    return Problem(case.architecture, weights, case.inputs_BTI, case.targets, case.loss)


def _shortened(case: AuditCase) -> AuditCase:
    few = slice(0, SEQUENCES), slice(-TIMESTEPS, None)  # the end, where the loss of many tasks is
    return replace(case, inputs_BTI=case.inputs_BTI[few], targets=case.targets[few])


def _check_size(case: AuditCase) -> None:
    numbers = len(case.architecture.cell.states) * case.architecture.hidden_size
    if numbers > MOST_NUMBERS:
        raise NotKnownError("dense Jacobian", f"of a state of {numbers} numbers, {MOST_NUMBERS} at most")


def _expected(name: str, nets: Sequence[DenseNet], measured: Mapping[str, np.ndarray]) -> dict[str, Expected]:
    """Ask the second way of a net, and of its perturbed ones how much of each number is rounding."""
    expected, *others = (SECOND_WAYS[name](net, measured) for net in nets)
    for other in others:
        expected = {key: _doubted(each, other[key].values) for key, each in expected.items()}
    return expected


def _doubted(expected: Expected, perturbed: np.ndarray) -> Expected:
    """Let a difference count less where rounding alone makes one, and not at all where it leaves no three digits."""
    same = expected.values == perturbed  # infinities too
    rounding = np.where(same, 0.0, np.abs(expected.values - perturbed) / expected.size)
    factor = np.where(rounding < _NO_DIGITS, np.maximum(1.0, rounding * _MARGIN), np.inf)
    return Expected(expected.values, expected.size * factor)


def _differences(measured: Mapping[str, np.ndarray], expected: Mapping[str, Expected]) -> dict[str, float]:
    """Give the largest difference of each quantity; infinite where only one way has it."""
    return {
        name: _difference(measured[name], expected[name]) if name in measured and name in expected else np.inf
        for name in dict.fromkeys([*measured, *expected])
    }


def _difference(measured: np.ndarray, expected: Expected) -> float:
    values, size = expected.values, np.broadcast_to(expected.size, expected.values.shape)
    if measured.shape != values.shape:
        return float("inf")
    unusual = ~(np.isfinite(measured) & np.isfinite(values)) & np.isfinite(size)
    if not np.array_equal(measured[unusual], values[unusual], equal_nan=True):
        return float("inf")
    compared = ~unusual & np.isfinite(size)
    return float((np.abs(measured[compared] - values[compared]) / size[compared]).max(initial=0.0))
