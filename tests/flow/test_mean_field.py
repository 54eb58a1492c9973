"""Mean-field theory: values that were published or integrated elsewhere."""

from __future__ import annotations

import math

import pytest
from numpy.testing import assert_allclose

from rnnlab.flow.mean_field import mean_field

FIXED_POINTS = [
    (1.25, 0.326464077, 1.048194647),
    (1.5, 0.793354043, 1.139323225),
    (2.0, 2.121473568, 1.362673338),
    (3.0, 6.305391479, 1.859855191),
    (5.0, 20.699366844, 2.900420955),
    (10.0, 91.705131195, 5.544854488),
]


@pytest.mark.parametrize(("gain", "variance", "chi"), FIXED_POINTS)
def test_fixed_points_without_input(gain: float, variance: float, chi: float) -> None:
    """χ = g² E sech⁴ is 5.545 at g = 10, where 201 Gauss-Hermite nodes say 8.89."""
    found = mean_field(gain)
    assert_allclose(found.variance, variance, rtol=2e-9)
    assert_allclose(math.exp(2 * found.exponent), chi, rtol=1e-9)


@pytest.mark.parametrize(("gain", "exponent"), [(2.0, 0.15472), (3.0, 0.31025)])
def test_exponents_without_input(gain: float, exponent: float) -> None:
    assert_allclose(mean_field(gain).exponent, exponent, atol=5e-6)


@pytest.mark.parametrize("gain", [0.1, 0.5, 1.0])
def test_below_the_transition_the_exponent_is_the_log_of_the_gain(gain: float) -> None:
    assert_allclose(mean_field(gain).exponent, math.log(gain), atol=1e-12)


@pytest.mark.parametrize(
    ("gain", "units", "exponent"),
    [(0.5, 1000, -0.693478), (2.0, 1000, 0.154115), (10.0, 1000, 0.856153), (2.0, 200, 0.15176)],
)
def test_exponents_with_the_input_of_the_cumulative_average(gain: float, units: int, exponent: float) -> None:
    """Inputs of variance 1 through W_ih ~ N(0, g²/H). The values average over the inputs' own fluctuations as well."""
    assert_allclose(mean_field(gain, gain**2 / units).exponent, exponent, atol=1e-4)


def test_input_takes_chaos_away() -> None:
    exponents = [mean_field(1.5, variance).exponent for variance in (0.0, 0.1, 0.5, 2.0)]
    assert exponents == sorted(exponents, reverse=True)
    assert exponents[0] > 0 > exponents[-1]


@pytest.mark.parametrize(("gain", "variance"), [(0.0, 0.0), (-1.0, 0.0), (1.0, -0.1), (math.nan, 0.0)])
def test_senseless_numbers_are_refused(gain: float, variance: float) -> None:
    with pytest.raises(ValueError, match="gain must be positive and input_variance not negative; got"):
        mean_field(gain, variance)
