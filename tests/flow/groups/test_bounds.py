"""Powers of the recurrent matrix: closed forms, inequalities, and numpy's matrix powers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from rnnlab.flow.groups.bounds import Bounds
from rnnlab.flow.spectra import eigenvalues, singular_values
from tests.flow.groups.settings import formula_problem, make_problem, plain_weights, random_problem
from tests.nets.settings import make_architecture


def bounds_of(matrix: np.ndarray, timesteps: int) -> dict[str, np.ndarray]:
    architecture = make_architecture("elman", "tanh", 1, inputs=1, hidden=len(matrix), outputs=1)
    sequences = (np.zeros((1, timesteps, 1)), np.zeros((1, timesteps, 1)))
    arrays = Bounds().compute(make_problem(architecture, [plain_weights(architecture, weight_hh_l0=matrix)], sequences))
    return {name: array[0, 0] for name, array in arrays.items()}


def test_a_shear_grows_before_it_vanishes() -> None:
    found = bounds_of(np.array([[0.9, 10.0], [0.0, 0.9]]), 200)
    assert_allclose(found["power_log_norm"][1], math.log(10.0803543184), rtol=1e-9)
    assert_allclose(found["departure"], 10.0, rtol=1e-9)
    assert_allclose(found["transient_peak"], 38.7459227175, rtol=1e-9)
    assert found["transient_at"] == 9
    assert found["power_log_norm"][-1] < 0


def test_powers_and_departure_of_the_formula_net() -> None:
    found = Bounds().compute(formula_problem("elman", "tanh"))
    powers = [1.405882751, 1.845140723, 2.400385537, 3.016159529, 3.820982943, 4.832295492, 6.160266328, 7.809371311]
    assert_allclose(np.exp(found["power_log_norm"][0, 0, 1:9]), powers, rtol=1e-9)
    assert_allclose(found["departure"][0, 0], 1.26537896232, rtol=1e-9)


@pytest.mark.parametrize("layers", [1, 3])
def test_powers_are_those_of_numpy_and_lie_between_their_bounds(layers: int) -> None:
    problem, weights = random_problem("elman", "tanh", layers, False, timesteps=12)
    found = Bounds().compute(problem)["power_log_norm"]
    for net, one in enumerate(weights):
        for layer in range(layers):
            matrix = one[f"weight_hh_l{layer}"]
            radius, spectral_norm = np.abs(eigenvalues(matrix)[0]), singular_values(matrix)[0]
            for k in range(12):
                expected = math.log(np.linalg.norm(np.linalg.matrix_power(matrix, k), 2))
                assert_allclose(found[net, layer, k], expected, rtol=1e-11, atol=1e-12)
                assert k * math.log(radius) - 1e-12 <= found[net, layer, k] <= k * math.log(spectral_norm) + 1e-12


def test_an_orthogonal_matrix_is_normal_and_has_no_transient() -> None:
    matrix, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((8, 8)))
    found = bounds_of(0.5 * matrix, 30)
    assert_allclose(found["power_log_norm"], -np.arange(30) * math.log(2), rtol=1e-13, atol=1e-13)
    assert found["departure"] < 1e-7
    assert found["transient_peak"] == 1.0
    assert found["transient_at"] == 0


def test_powers_outside_of_float64_keep_their_logarithm() -> None:
    found = bounds_of(1e-20 * np.eye(3), 101)
    assert_allclose(found["power_log_norm"], -20 * math.log(10) * np.arange(101), rtol=1e-14)
    nilpotent = bounds_of(np.array([[0.0, 2.0], [0.0, 0.0]]), 4)
    assert_allclose(nilpotent["power_log_norm"], [0.0, math.log(2), -math.inf, -math.inf])


def test_powers_of_a_gaussian_matrix_follow_fuss_and_catalan() -> None:
    """With g = 1 and N without bound: sqrt((k+1)^(k+1) / k^k) = 2, 2.598, 3.079."""
    matrix = np.random.default_rng(0).standard_normal((300, 300)) / math.sqrt(300)
    found = np.exp(bounds_of(matrix, 7)["power_log_norm"][1:])
    assert_allclose(found, [2.0, 2.598, 3.079, 3.494, 3.864, 4.201], rtol=0.06)


def test_a_cell_without_a_matrix_has_no_bounds() -> None:
    for cell in ("lstm", "gru"):
        problem, _ = random_problem(cell, None, 1, False)
        assert Bounds().compute(problem) == {}
        assert all(one.why_absent(problem.architecture.cell) for one in Bounds.quantities)
        assert Bounds().summarise({}, {}) == {}


def test_a_matrix_that_is_not_finite_spoils_no_other() -> None:
    problem, weights = random_problem("elman", "relu", 2, False, nets=3)
    whole = Bounds().compute(problem)
    weights[1]["weight_hh_l0"][0, 0] = np.inf
    found = Bounds().compute(make_problem(problem.architecture, weights, (problem.inputs_BTI, problem.targets)))
    for name, array in found.items():
        assert_array_equal(array[[0, 2]], whole[name][[0, 2]])
    assert np.isnan(found["departure"][1, 0])
    assert np.isnan(found["power_log_norm"][1, 0, 1:]).all()
