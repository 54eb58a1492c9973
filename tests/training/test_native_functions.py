"""tanh, sigmoid and exp of the native engine: how far they are from the right float32 number, over the whole range.

An ulp is the distance to the next float32; what is measured here is what vectors.h and the docs state.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from rnnlab.training import native_library

WORST = {"tanh": 6.5, "sigmoid": 3.5, "exp": 1.1}
"""Stated maximum errors, in ulp."""

EXACT: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "tanh": np.tanh,
    "sigmoid": lambda x: np.where(x < 0, np.exp(x) / (1 + np.exp(x)), 1 / (1 + np.exp(-np.abs(x)))),
    "exp": np.exp,
}

EVERY = 1009
"""Every so manyth float32 is tried: a prime, so that all ends of mantissas come."""

pytestmark = pytest.mark.skipif(native_library.missing() is not None, reason="the native engine is not built here")


def instruction_sets() -> tuple[str, ...]:
    return () if native_library.missing() else native_library.load().available


@pytest.fixture(params=instruction_sets())
def library(request: pytest.FixtureRequest) -> native_library.Library:
    return native_library.load(request.param)


def floats(first: float, last: float) -> np.ndarray:
    """Give float32 numbers between two of one sign, evenly in their bits, with both ends."""
    start, stop = sorted(int(np.float32(end).view(np.uint32)) for end in (first, last))
    return np.append(np.arange(start, stop, EVERY, dtype=np.uint32), np.uint32(stop)).view(np.float32)


def ulps(y: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """Give the distances from the exact values, in units of float32's last place there."""
    nearest = np.abs(exact).astype(np.float32)
    unit = np.spacing(np.minimum(nearest, np.finfo(np.float32).max)).astype(np.float64)
    distances: np.ndarray = np.abs(y.astype(np.float64) - exact) / unit
    return distances


@pytest.mark.parametrize(("name", "lowest"), [("tanh", -np.inf), ("sigmoid", -103.0), ("exp", -103.0)])
def test_errors_are_as_stated(library: native_library.Library, name: str, lowest: float) -> None:
    """Over all of float32 where the result is not rounded away, subnormal numbers included."""
    highest = 88.72 if name == "exp" else np.inf
    for x in (floats(0.0, highest), -floats(0.0, -lowest)):
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            exact = EXACT[name](x.astype(np.float64))
        assert ulps(library.apply(name, x), exact).max() <= WORST[name]


def test_tanh_is_odd_and_stays_within_one(library: native_library.Library) -> None:
    x = floats(0.0, np.inf)
    y = library.apply("tanh", x)
    np.testing.assert_array_equal(library.apply("tanh", -x), -y)
    assert y.max() == 1.0
    assert np.all(np.signbit(library.apply("tanh", np.array([-0.0, -1e-45], dtype=np.float32))))


def test_tanh_saturates_no_earlier_than_its_error_allows(library: native_library.Library) -> None:
    """1 is right from 9.011 on; earlier only where what is missing is within the error."""
    x = floats(5.0, 12.0)
    first_one = x[library.apply("tanh", x) == 1.0][0]
    assert 1.0 - np.tanh(np.float64(first_one)) <= WORST["tanh"] * 2.0**-24


@pytest.mark.parametrize(("name", "limits"), [("tanh", (-1.0, 1.0)), ("sigmoid", (0.0, 1.0)), ("exp", (0.0, np.inf))])
def test_what_is_not_finite(library: native_library.Library, name: str, limits: tuple[float, float]) -> None:
    ends = np.array([-np.inf, -3e38, 3e38, np.inf], dtype=np.float32)
    np.testing.assert_array_equal(library.apply(name, ends), np.repeat(np.array(limits, dtype=np.float32), 2))
    assert np.isnan(library.apply(name, np.array([np.nan, -np.nan], dtype=np.float32))).all()


@pytest.mark.parametrize("count", [0, 1, 3, 15, 16, 17, 33])
def test_any_count_of_numbers(library: native_library.Library, count: int) -> None:
    x = np.linspace(-3, 3, count, dtype=np.float32)
    np.testing.assert_allclose(library.apply("tanh", x), np.tanh(x), rtol=1e-6)
