"""A run in a few numbers: final losses, gradient ratios and slopes, spectral radii, and where they do not exist."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnlab.flow import GROUPS
from rnnlab.flow.base_numbers import slope

FLOORS = {"predict zero": 0.4, "best linear filter": 0.1}


def metrics(**changed: np.ndarray) -> dict[str, np.ndarray]:
    """Two records, two layers, four timesteps, and 300 batches."""
    norms_RLT = np.array([[[1.0, 2, 4, 8], [9, 9, 9, 9]], [[6.0, 5, 4, 3], [9, 9, 9, 9]]])
    arrays = {
        "loss": np.arange(300, dtype=np.float32),
        "probe_loss": np.array([0.5, 0.25]),
        "grad_norm": norms_RLT,
        "grad_log_norm": np.log(norms_RLT),
        "grad_log_living": np.log(norms_RLT),
        "grad_zero_share": np.full((2, 2, 4), 0.25),
        "eigenvalues": np.array([[[3 + 4j, 1], [9, 9]], [[-2, 1], [9, 9]]], dtype=np.complex128),
    }
    return arrays | changed


def test_the_numbers_of_a_run() -> None:
    late = np.polyfit(np.arange(4), np.log([6.0, 5, 4, 3]), 1)[0]
    assert GROUPS["base"].summarise(metrics(), FLOORS) == {
        "final_loss": pytest.approx(292.0),  # mean of 285..299
        "loss_over_floor": pytest.approx(2920.0),  # over the lowest floor
        "initial_gradient_ratio": pytest.approx(1 / 8),
        "initial_gradient_slope": pytest.approx(math.log(2)),
        "initial_gradient_zero_share": 0.25,
        "initial_spectral_radius": pytest.approx(5.0),
        "final_gradient_ratio": pytest.approx(2.0),
        "final_gradient_slope": pytest.approx(late),
        "final_gradient_zero_share": 0.25,
        "final_spectral_radius": pytest.approx(2.0),
    }


@pytest.mark.parametrize(
    ("batches", "expected"),
    [(1, 0.0), (39, 38.0), (40, 38.5), (200, 194.5), (4000, 3899.5), (4020, 3919.5), (5000, 4899.5)],
)
def test_the_final_loss_is_the_mean_of_the_last_twentieth_at_most_200(batches: int, expected: float) -> None:
    summary = GROUPS["base"].summarise(metrics(loss=np.arange(batches, dtype=np.float32)), FLOORS)
    assert summary["final_loss"] == pytest.approx(expected)


def test_the_final_loss_is_summed_in_float64() -> None:
    """Ten losses of 2e38 overflow a float32 sum."""
    summary = GROUPS["base"].summarise(metrics(loss=np.full(200, 2e38, dtype=np.float32)), FLOORS)
    assert summary["final_loss"] == pytest.approx(2e38)


def test_without_batches_the_final_loss_is_the_last_probe_loss() -> None:
    summary = GROUPS["base"].summarise(metrics(loss=np.zeros(0, dtype=np.float32)), FLOORS)
    assert summary["final_loss"] == 0.25
    assert summary["loss_over_floor"] == pytest.approx(2.5)


@given(st.complex_numbers(max_magnitude=1e6))
def test_the_spectral_radius_is_the_magnitude_as_numpy_gives_it(eigenvalue: complex) -> None:
    """To the last bit, so that a run that is made again has the numbers that it had."""
    arrays = metrics(eigenvalues=np.full((2, 1, 2), eigenvalue))
    assert GROUPS["base"].summarise(arrays, FLOORS)["final_spectral_radius"] == np.abs(np.complex128(eigenvalue))


def test_without_floors_there_is_nothing_to_hold_the_loss_against() -> None:
    assert GROUPS["base"].summarise(metrics(), {})["loss_over_floor"] is None


def test_a_cell_without_eigenvalues_has_no_spectral_radius() -> None:
    arrays = metrics()
    del arrays["eigenvalues"]
    assert not any("radius" in name for name in GROUPS["base"].summarise(arrays, FLOORS))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_diverged_run_has_no_final_numbers_but_its_initial_ones(bad: float) -> None:
    arrays = metrics()
    arrays["loss"][290:] = bad
    for name in ("grad_norm", "grad_log_norm", "grad_log_living", "grad_zero_share", "eigenvalues"):
        arrays[name][-1] = np.nan
    summary = GROUPS["base"].summarise(arrays, FLOORS)
    whole = GROUPS["base"].summarise(metrics(), FLOORS)
    for name, value in summary.items():
        assert value == (whole[name] if name.startswith("initial") else None), name


def test_the_slope_is_that_of_the_living_where_some_gradients_are_zero() -> None:
    arrays = metrics()
    arrays["grad_norm"][0, 0, 0], arrays["grad_log_norm"][0, 0, 0] = 0.0, -np.inf
    summary = GROUPS["base"].summarise(arrays, FLOORS)
    assert summary["initial_gradient_ratio"] == 0.0
    assert summary["initial_gradient_slope"] == pytest.approx(math.log(2))
    arrays["grad_log_living"][0, 0, 0] = -np.inf  # there is none at the first timestep
    assert GROUPS["base"].summarise(arrays, FLOORS)["initial_gradient_slope"] == pytest.approx(math.log(2))


def test_a_run_of_an_older_version_has_the_slope_of_its_mean_logarithms() -> None:
    arrays = metrics()
    del arrays["grad_log_living"], arrays["grad_zero_share"]
    summary = GROUPS["base"].summarise(arrays, FLOORS)
    assert summary["initial_gradient_slope"] == pytest.approx(math.log(2))
    assert "initial_gradient_zero_share" not in summary


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (1.0, 0.0),
        (0.0, 0.0),
        (np.inf, 1.0),
        (1e300, 1e-300),
        (np.inf, np.inf),
    ],
)
def test_a_ratio_that_is_no_number_is_none_and_no_warning(first: float, last: float) -> None:
    arrays = metrics()
    arrays["grad_norm"][0, 0, 0], arrays["grad_norm"][0, 0, -1] = first, last
    assert GROUPS["base"].summarise(arrays, FLOORS)["initial_gradient_ratio"] is None


def test_one_timestep_has_a_ratio_of_one_and_no_slope() -> None:
    arrays = metrics()
    for name in ("grad_norm", "grad_log_norm", "grad_log_living"):
        arrays[name] = arrays[name][:, :, :1]
    summary = GROUPS["base"].summarise(arrays, FLOORS)
    assert summary["initial_gradient_ratio"] == 1.0
    assert summary["initial_gradient_slope"] is None


def test_all_numbers_are_plain_and_can_be_written_as_strict_json() -> None:
    arrays = metrics()
    arrays["loss"][-1] = np.nan
    summary = GROUPS["base"].summarise(arrays, FLOORS)
    assert {type(value) for value in summary.values()} <= {float, type(None)}
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=20))
def test_the_slope_is_the_least_squares_slope(values: list[float]) -> None:
    expected = np.polynomial.Polynomial.fit(np.arange(len(values)), values, 1).convert(domain=None)
    coefficients = np.append(expected.coef, 0.0)
    assert slope(np.array(values)) == pytest.approx(coefficients[1], rel=1e-8, abs=1e-6)


def test_the_slope_leaves_out_minus_infinities_and_keeps_places() -> None:
    assert slope(np.array([-np.inf, 1.0, -np.inf, 5.0, -np.inf])) == pytest.approx(2.0)


@pytest.mark.parametrize("values", [[], [1.0], [1.0, np.nan], [-np.inf, 1.0], [np.inf, 1.0]])
def test_without_a_line_there_is_no_slope(values: list[float]) -> None:
    assert slope(np.array(values)) is None
