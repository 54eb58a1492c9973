"""The rules of judgement, one by one, at their thresholds."""

from __future__ import annotations

from math import inf, log, nan

import pytest

from rnnlab.explain.rules import Cause, Direction, agreement, cause, direction, finite_size


@pytest.mark.parametrize(
    ("rate", "stderr", "timesteps", "expected"),
    [
        (-0.58, 0.001, 10, Direction.VANISH),
        (0.4055, 0.0, 50, Direction.EXPLODE),
        (0.0, 0.0, 400, Direction.LEVEL),
        (-0.05, 0.001, 10, Direction.LEVEL),  # e^-.45 over nine steps: less than a factor of 2
        (-0.05, 0.001, 30, Direction.VANISH),
        (0.02, 0.03, 100, Direction.UNKNOWN),  # large over a sequence, if it is not chance
        (-inf, 0.0, 10, Direction.DEAD),
        (nan, nan, 10, Direction.UNKNOWN),
        (-0.58, 0.001, 1, Direction.LEVEL),  # no step to vanish over
    ],
)
def test_direction(rate: float, stderr: float, timesteps: int, expected: Direction) -> None:
    assert direction(rate, stderr, timesteps) is expected


def test_two_rates_agree_within_two_standard_errors_and_three_over_t() -> None:
    assert agreement(-0.5, -0.49, 0.0, 400).holds is False
    assert agreement(-0.5, -0.493, 0.0, 400).holds is True
    assert agreement(-0.5, -0.49, 0.002, 400).holds is True
    found = agreement(0.1, -0.2, 0.01, 20)
    assert [found.difference, found.allowed] == pytest.approx([0.3, 0.02 + 0.15])


def test_ways_through_depth_are_allowed_for() -> None:
    assert agreement(0.0, 0.0, 0.0, 100, layers=3).allowed == pytest.approx((3 + 2 * log(100)) / 100)


@pytest.mark.parametrize(
    ("matrix", "nonlinearity", "expected"),
    [
        (-0.58, -0.04, Cause.MATRIX),
        (0.4055, 0.0, Cause.MATRIX),
        (0.15, -0.9, Cause.NONLINEARITY),
        (-0.01, -0.9, Cause.NONLINEARITY),
        (-0.4, -0.4, Cause.BOTH),
        (0.68, -0.54, Cause.HELD_BACK),
        (0.5, -0.5, Cause.CANCEL),
        (0.0, 0.0, Cause.NEITHER),
    ],
)
def test_cause(matrix: float, nonlinearity: float, expected: Cause) -> None:
    assert cause(matrix, nonlinearity, 50) is expected


@pytest.mark.parametrize(
    ("units", "gain", "exponent", "theory"),
    [
        (1000, 0.5, -0.67916, -0.693478),
        (200, 0.9, -0.0954, -0.1094),
        (200, 3.0, 0.2941, 0.3098),
        (32, 1.2, -0.0858, 0.0155),
    ],
)
def test_nets_of_finite_size_lie_as_near_to_the_theory_as_the_rule_allows(
    units: int, gain: float, exponent: float, theory: float
) -> None:
    del gain  # it is what the exponents are of
    assert 0.1 * finite_size(units) < abs(exponent - theory) < finite_size(units)
