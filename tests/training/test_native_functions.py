"""tanh, sigmoid and exp of the native engine: how far they are from the right number, over the whole range.

An ulp is the distance to the next number of the precision; what is measured here is what the docs state.
"""

from __future__ import annotations

import platform

import numpy as np
import pytest

from rnnlab.training import native_library
from tests.training import fit_functions
from tests.training.fit_functions import EXACT, ulps
from tests.training.native_setting import INSTRUCTIONS, needs_kernel

WORST = {
    "float32": {"tanh": 7.2, "sigmoid": 3.5, "exp": 1.1},
    "float64": {"tanh": 3.0, "sigmoid": 3.0, "exp": 1.1},
}
"""Stated maximum errors, in ulp."""

HARDEST = {
    "tanh": [5.386553764343262, 8.664462089538574, 6.994695663452148, 8.655672073364258, 6.988272666931152],
    "sigmoid": [-1.1103955507278442, -1.9565770626068115, -1.9542444944381714, -2.7091917991638184],
    "exp": [-5.877884387969971, -59.921878814697266, -38.45042419433594, 70.4030990600586],
}
"""Where float32 is furthest off, of all its numbers (tests/training/fit_functions.py): first without, then with FMA."""

EVERY = 1009
"""Every so manyth float32 is tried: a prime, so that all ends of mantissas come."""

NAMES = pytest.mark.parametrize("name", list(EXACT))

pytestmark = needs_kernel


@pytest.fixture(params=INSTRUCTIONS)
def library(request: pytest.FixtureRequest) -> native_library.Library:
    return native_library.load(request.param)


@pytest.fixture(params=INSTRUCTIONS)
def library64(request: pytest.FixtureRequest) -> native_library.Library:
    return native_library.load(request.param, "float64")


def floats(first: float, last: float) -> np.ndarray:
    """Give float32 numbers between two of one sign, evenly in their bits, with both ends."""
    start, stop = sorted(int(np.float32(end).view(np.uint32)) for end in (first, last))
    return np.append(np.arange(start, stop, EVERY, dtype=np.uint32), np.uint32(stop)).view(np.float32)


@pytest.mark.parametrize(("name", "lowest"), [("tanh", -np.inf), ("sigmoid", -103.0), ("exp", -103.0)])
def test_errors_are_as_stated(library: native_library.Library, name: str, lowest: float) -> None:
    """Over all of float32 where the result is not rounded away, subnormal numbers included."""
    highest = 88.72 if name == "exp" else np.inf
    for x in (floats(0.0, highest), -floats(0.0, -lowest), np.array(HARDEST[name], np.float32)):
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            exact = EXACT[name](x.astype(np.float64))
        assert ulps(library.apply(name, x), exact).max() <= WORST["float32"][name]


@NAMES
def test_what_is_stated_is_not_more_than_is_needed(name: str) -> None:
    """Of all instruction sets, the worst number of one comes within a fifth of it, with FMA or without."""
    x = np.array(HARDEST[name], np.float32)
    exact = EXACT[name](x.astype(np.float64))
    largest = max(ulps(native_library.load(each).apply(name, x), exact).max() for each in INSTRUCTIONS)
    assert largest >= 0.8 * WORST["float32"][name]


def test_tanh_is_odd_and_stays_within_one(library: native_library.Library) -> None:
    x = floats(0.0, np.inf)
    y = library.apply("tanh", x)
    np.testing.assert_array_equal(library.apply("tanh", -x), -y)
    assert y.max() == 1.0
    assert np.all(np.signbit(library.apply("tanh", np.array([-0.0, -1e-45], dtype=np.float32))))


def test_tanh_saturates_no_earlier_than_its_error_allows(library: native_library.Library) -> None:
    """Where tanh is below 1 by more than 7 ulp, it is not 1: a saturated unit has a slope of exactly 0."""
    x = floats(1.0, 7.0)
    assert library.apply("tanh", x).max() < 1.0


@pytest.mark.parametrize(("name", "limits"), [("tanh", (-1, 1)), ("sigmoid", (0, 1)), ("exp", (0, np.inf))])
@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("instructions", INSTRUCTIONS)
def test_what_is_not_finite(instructions: str, precision: str, name: str, limits: tuple[float, float]) -> None:
    library = native_library.load(instructions, precision)
    ends = np.array([-np.inf, -3e38, 3e38, np.inf], dtype=precision)
    np.testing.assert_array_equal(library.apply(name, ends), np.repeat(np.array(limits, dtype=precision), 2))
    assert np.isnan(library.apply(name, np.array([np.nan, -np.nan], dtype=precision))).all()


@pytest.mark.parametrize("count", [0, 1, 3, 15, 16, 17, 33])
def test_any_count_of_numbers(library: native_library.Library, count: int) -> None:
    x = np.linspace(-3, 3, count, dtype=np.float32)
    np.testing.assert_allclose(library.apply("tanh", x), np.tanh(x), rtol=1e-6)


@pytest.mark.parametrize("instructions", INSTRUCTIONS)
def test_reciprocals_are_rounded_right_where_products_are_fused(instructions: str) -> None:
    """With FMA by all but a hundredth of an ulp, which the last term of the last step gives."""
    fused = instructions != "baseline" or platform.machine() in ("aarch64", "arm64")
    d = np.append(floats(2.0**-100, 2.0**100), np.arange(1 << 16, dtype=np.float32) / (1 << 16) + 1)
    worst = ulps(native_library.load(instructions).apply("reciprocal", d), 1 / d.astype(np.float64)).max()
    assert worst <= (0.51 if fused else 1.4)


# float64


def doubles(first: float, last: float, count: int = 20_000) -> np.ndarray:
    """Give random float64 numbers between two of one sign, evenly in their bits, with both ends."""
    start, stop = sorted(int(np.float64(end).view(np.int64)) for end in (first, last))
    drawn = np.random.default_rng(0).integers(start, stop, count).view(np.float64)
    return np.append(drawn, [first, last])


@pytest.mark.skipif(bool(np.finfo(np.longdouble).eps > 1e-18), reason="there is no longer float here to compare with")
@NAMES
def test_errors_in_float64_are_as_stated(library64: native_library.Library, name: str) -> None:
    """Over all of float64, and densely where the functions bend."""
    highest, lowest = (709.78 if name == "exp" else 1e300), (-1e300 if name == "tanh" else -745.0)
    for x in (doubles(0.0, highest), doubles(1e-4, 40.0), doubles(-0.0, lowest), doubles(-1e-4, -40.0)):
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            exact = EXACT[name](x.astype(np.longdouble))
        assert ulps(library64.apply(name, x), exact).max() <= WORST["float64"][name]


def test_tanh_in_float64_is_odd_and_stays_within_one(library64: native_library.Library) -> None:
    x = np.append(doubles(0.0, 30.0), 5e-324)
    y = library64.apply("tanh", x)
    np.testing.assert_array_equal(library64.apply("tanh", -x), -y)
    assert y.max() == 1.0
    assert np.all(np.signbit(library64.apply("tanh", np.array([-0.0, -5e-324]))))


# the constants


def test_the_coefficients_of_tanh_are_the_best_but_for_their_rounding() -> None:
    header, fitted = fit_functions.tanh_of_the_header(), fit_functions.fit_tanh(points=1001)
    for ours, best in zip(header, fitted, strict=True):
        np.testing.assert_allclose(ours, best, rtol=1e-4)
    assert fit_functions.tanh_error(*fitted) == pytest.approx(2.2e-8, rel=0.02)
    assert fit_functions.tanh_error(*header) == pytest.approx(2.4e-8, rel=0.02)


def test_the_first_estimate_of_a_reciprocal_is_the_best_there_is() -> None:
    magic = fit_functions.magic_of_the_header()
    assert fit_functions.first_error(magic) == pytest.approx(0.0505, abs=1e-4)
    assert abs(fit_functions.fit_magic() - magic) < 16
