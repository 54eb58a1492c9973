"""Norms of vectors of any length, and their means."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from rnnlab.flow.norms import living_mean, mean_norm, quantile, zero_share
from rnnlab.nets.norms import norm

INF, NAN = math.inf, math.nan


@pytest.mark.parametrize(
    ("vector", "expected"),
    [
        ([3.0, -4.0], 5.0),
        ([0.0, 0.0], 0.0),
        ([-0.0], 0.0),
        ([3e-200, 4e-200], 5e-200),
        ([3e-157, 4e-157], 5e-157),  # whose squares are subnormal: digits would be lost
        ([3e200, -4e200], 5e200),
        ([3e-320, 4e-320], 5e-320),
        ([5e-324, 0.0], 5e-324),
        ([1e308, 1e308, 1e308, 1e308], INF),  # truly larger than the largest float64
        ([1e300, 1e-300], 1e300),
        ([INF, 1.0], INF),
        ([1.0, -INF], INF),
        ([NAN, 1.0], NAN),
        ([NAN, INF], NAN),
        ([INF, NAN], NAN),
    ],
)
def test_norm_of_special_vectors(vector: list[float], expected: float) -> None:
    value = norm(torch.tensor(vector, dtype=torch.float64)).item()
    assert value == pytest.approx(expected, rel=1e-3 if expected < 1e-300 else 1e-15, abs=0, nan_ok=True)


@given(st.lists(st.floats(-1, 1, allow_subnormal=False), min_size=1, max_size=6), st.integers(-250, 250))
def test_norm_scales(vector: list[float], exponent: int) -> None:
    scale = 10.0**exponent
    plain = math.sqrt(math.fsum((x * 1e-3) ** 2 for x in vector)) * 1e3
    found = norm(torch.tensor(vector, dtype=torch.float64) * scale).item()
    if plain > 1e-50:
        assert found == pytest.approx(plain * scale, rel=1e-12, abs=0)


def test_norms_of_different_lengths_stand_side_by_side() -> None:
    vectors = torch.tensor([[1e-200, 0.0], [0.0, 0.0], [INF, 1.0], [NAN, 1.0], [1.0, 0.0]], dtype=torch.float64)
    assert_allclose(norm(vectors).numpy(), [1e-200, 0.0, INF, NAN, 1.0], rtol=1e-15)


def test_zeros_are_counted_and_the_rest_has_a_mean() -> None:
    logs = torch.tensor([[-INF, 1.0, 3.0], [1.0, 2.0, 3.0], [-INF, -INF, -INF], [INF, 1.0, 1.0], [NAN, 1.0, -INF]])
    assert_allclose(zero_share(logs).numpy(), [1 / 3, 0, 1, 0, 1 / 3], rtol=1e-6)
    assert_allclose(living_mean(logs).numpy(), [2.0, 2.0, -INF, INF, NAN])


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("count", [1, 2, 7])
def test_quantiles_are_linear_between_neighbours(share: float, count: int) -> None:
    logs = torch.from_numpy(np.random.default_rng(count).standard_normal((3, count)))
    assert_allclose(quantile(logs, share).numpy(), np.quantile(logs.numpy(), share, axis=-1), rtol=1e-14)


def test_a_quantile_below_which_all_are_zero_is_minus_infinity_and_no_nan() -> None:
    logs = torch.tensor([[-INF, -INF, 1.0]])
    assert [quantile(logs, share).item() for share in (0.1, 0.5, 0.9, 1.0)] == [-INF, -INF, -INF, 1.0]


def test_means_of_norms_are_means() -> None:
    norms = torch.tensor([[0.0, 1.0], [1.0, math.e**2], [INF, 1.0], [0.0, INF]], dtype=torch.float64)
    assert_allclose(mean_norm(norms).numpy(), [0.5, (1 + np.e**2) / 2, INF, INF])
