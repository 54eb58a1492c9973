"""Ticks and limits of the explorer, over the whole range of float64."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rnnlab.explore.limits import linear_limits, logarithmic_limits, needs_logarithm, radial_limit
from rnnlab.figures.scales import log_ticks, plain_label

_NORMS = st.lists(st.floats(min_value=0) | st.just(float("nan")), min_size=1, max_size=20)


@given(_NORMS)
def test_a_logarithmic_axis_shows_everything_that_it_can(norms: list[float]) -> None:
    values = np.array([norms])
    low, high = logarithmic_limits(values)
    shown = values[np.isfinite(values) & (values > 0)]
    assert 0 < low < high < np.inf
    assert (low <= shown).all()
    assert (shown <= high).all()
    ticks = log_ticks(low, high)
    assert 1 <= len(ticks) <= 8
    assert all(low <= tick <= high for tick in ticks)
    assert len({plain_label(tick) for tick in ticks}) == len(ticks)


@given(_NORMS)
def test_a_linear_axis_begins_at_zero_and_shows_everything_finite(norms: list[float]) -> None:
    values = np.array([norms])
    if needs_logarithm(values):
        return
    low, high = linear_limits(values)
    finite = values[np.isfinite(values)]
    assert low == 0
    assert high > 0
    assert (finite <= high).all()


def test_each_curve_with_marks_has_room_for_a_row_of_its_own() -> None:
    norms_NT = np.array([[1.0, 1.0], [1.0, 1.0], [0.0, 1.0], [1.0, np.inf]])
    low, high = np.log10(logarithmic_limits(norms_NT))
    row_of_zeros, row_of_infinities = 0.03 + 0.028 * 2, 0.03 + 0.028 * 3
    assert (0 - low) / (high - low) > row_of_zeros
    assert (high - 1) / (high - low) > row_of_infinities


def test_a_linear_axis_is_left_only_where_it_would_hide_values() -> None:
    assert not needs_logarithm(np.array([0.0, 0.4, 1.2]))
    assert not needs_logarithm(np.array([0.0, 0.0]))
    assert needs_logarithm(np.array([0.0, 1e-4, 1.2]))
    assert needs_logarithm(np.array([1e5]))


def test_the_plane_holds_the_unit_circle_and_every_finite_eigenvalue() -> None:
    assert radial_limit(np.array([0.1 + 0.2j])) == 1.3
    assert radial_limit(np.array([3 + 4j])) >= 5
    assert radial_limit(np.array([complex(np.nan, 0)])) == 1.3
