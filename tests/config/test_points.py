"""The points of axes: closed forms, exact decimals, and every way to get them wrong."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnlab.config.points import MOST_POINTS, points_of
from rnnlab.config.scalars import Plain


@pytest.mark.parametrize(
    ("values", "points"),
    [
        ([3, "x", None], [3, "x", None]),
        ({"linspace": [0, 1, 5]}, [0.0, 0.25, 0.5, 0.75, 1.0]),
        ({"linspace": [0.25, 2.5, 10]}, [0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.25, 2.5]),
        ({"linspace": [0, 1, 4]}, [0.0, 0.333333333333, 0.666666666667, 1.0]),
        ({"linspace": [-0.1, 0.3, 5]}, [-0.1, 0.0, 0.1, 0.2, 0.3]),
        ({"linspace": [-1e308, 1e308, 3]}, [-1e308, 0.0, 1e308]),
        ({"linspace": [2, 1, 3]}, [2.0, 1.5, 1.0]),
        ({"linspace": [7, 9, 1]}, [7.0]),
        ({"logspace": [-2, 2, 5]}, [0.01, 0.1, 1.0, 10.0, 100.0]),
        ({"logspace": [0, 1, 3]}, [1.0, 3.16227766017, 10.0]),
        ({"range": [0, 10, 3]}, [0, 3, 6, 9]),
        ({"range": [0, 9, 3]}, [0, 3, 6]),
        ({"range": [5, 0, -2]}, [5, 3, 1]),
        ({"range": [0, 1, 0.1]}, [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]),
        ({"range": [1, 0.4, -0.2]}, [1.0, 0.8, 0.6]),
        ({"range": [10**60, 10**60 + 1, 1]}, [10**60]),
    ],
)
def test_points(values: Plain, points: list[Plain]) -> None:
    made = points_of(values)
    assert made == points
    assert [type(point) for point in made] == [type(point) for point in points]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (3, "got 3; valid: a list of values, linspace, geomspace, logspace or range"),
        ({"linspce": [0, 1, 2]},
         "got the keys 'linspce'; valid: a list of values, linspace, geomspace, logspace or range"),
        ({}, "got a mapping; valid: a list of values, linspace, geomspace, logspace or range"),
        ([], "the axis is empty; give it at least one value"),
        ({"linspace": [0, 1]}, "linspace takes [first, last, number of values], for example [0.25, 2.5, 10]"),
        ({"linspace": [0, 1, True]}, "linspace takes [first, last, number of values], for example [0.25, 2.5, 10]"),
        ({"linspace": [0, float("nan"), 1]},
         "linspace takes [first, last, number of values], for example [0.25, 2.5, 10]"),
        ({"linspace": [0, 1, 0]}, "the number of values must be a whole number of at least 1; got 0"),
        ({"linspace": [0, 1, 2.0]}, "the number of values must be a whole number of at least 1; got 2.0"),
        ({"linspace": [0, 1, 10**9]}, "the axis has 1000000000 values; 100000 are the most"),
        ({"logspace": [0, 400, 2]},
         "logspace takes exponents, and 10**400 is too large for a number; for values from 0 to 400 "
         "write geomspace or linspace"),
        ({"range": [0, 1, 0]}, "the step of a range cannot be 0"),
        ({"range": [0, 1, -1]}, "the range is empty; from start, the step must lead towards stop"),
        ({"range": [1, 1, 1]}, "the range is empty; from start, the step must lead towards stop"),
        ({"range": [0, 1e308, 1e-308]}, "the axis has very many values; 100000 are the most"),
        ({"range": [0, 10**99, 1]}, "the axis has very many values; 100000 are the most"),
    ],
)  # fmt: skip
def test_wrong_axes(values: Plain, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        points_of(values)
    assert str(caught.value) == message


finite = st.floats(-1e300, 1e300) | st.integers(-(10**9), 10**9)


def test_an_axis_holds_at_most_so_many_points() -> None:
    most: list[Plain] = [list(range(MOST_POINTS)), {"linspace": [0, 1, MOST_POINTS]}, {"range": [0, MOST_POINTS, 1]}]
    for values in most:
        assert len(points_of(values)) == MOST_POINTS
    more: list[Plain] = [
        list(range(MOST_POINTS + 1)), {"linspace": [0, 1, MOST_POINTS + 1]}, {"range": [0, MOST_POINTS + 1, 1]}
    ]  # fmt: skip
    for values in more:
        with pytest.raises(ValueError, match="the axis has 100001 values; 100000 are the most"):
            points_of(values)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(finite, finite, st.integers(2, 30))
def test_a_linspace_begins_and_ends_where_it_says_and_never_turns_back(a: float, b: float, count: int) -> None:
    points = points_of({"linspace": [a, b, count]})
    assert len(points) == count
    assert points[0] == pytest.approx(a, rel=1e-11)
    assert points[-1] == pytest.approx(b, rel=1e-11)
    assert points in (sorted(points), sorted(points, reverse=True))  # type: ignore[type-var]
    assert points_of(points) == points


@pytest.mark.parametrize(
    ("values", "points"),
    [
        ([1e-4, 1e-2, 3], [1e-4, 1e-3, 1e-2]),
        ([1, 1000, 4], [1.0, 10.0, 100.0, 1000.0]),
        ([100, 1, 3], [100.0, 10.0, 1.0]),
        ([-1, -4, 3], [-1.0, -2.0, -4.0]),
        ([0.3, 7, 1], [0.3]),
        ([1, 2, 3], [1.0, 1.41421356237, 2.0]),
    ],
)
def test_a_geomspace_goes_from_value_to_value(values: list[Plain], points: list[Plain]) -> None:
    assert points_of({"geomspace": values}) == points


def test_a_geomspace_is_the_logspace_of_its_exponents() -> None:
    assert points_of({"geomspace": [1e-4, 10, 11]}) == points_of({"logspace": [-4, 1, 11]})


@pytest.mark.parametrize("values", [[0, 1, 3], [-1, 1, 3], [1, 0, 1]])
def test_a_geomspace_has_no_zero(values: list[Plain]) -> None:
    with pytest.raises(ValueError, match="both above 0, or both below"):
        points_of({"geomspace": values})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1e-4, 1e-2, 3],
         "logspace takes exponents, and 10**0.0001 is 1.00023; for values from 0.0001 to 0.01 write geomspace with "
         "[0.0001, 0.01, 3]"),
        ([-4, 1e-3, 3],
         "logspace takes exponents, and 10**0.001 is 1.00231; for values from -4 to 0.001 write geomspace or linspace"),
        ([1, 100, 3],
         "logspace takes exponents, and 10**100 is 1e+100; for values from 1 to 100 write geomspace with [1, 100, 3]"),
    ],
)  # fmt: skip
def test_ends_of_a_logspace_that_can_only_be_meant_as_values_are_refused(values: list[Plain], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        points_of({"logspace": values})
    assert str(caught.value) == message
