"""The gradient by lag: against a copy of the weight for each use, closed forms, and the whole gradient."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from rnnlab.flow.groups.lags import Lags, lag_parts, spread
from tests.flow.groups.second_way import losses, unroll
from tests.flow.groups.settings import (
    ALL_CELLS,
    LAYERS,
    LOSSES,
    formula_problem,
    make_problem,
    plain_weights,
    random_problem,
)
from tests.nets.settings import make_architecture


@LOSSES
@LAYERS
@ALL_CELLS
def test_parts_are_those_of_a_copy_of_the_weight_for_each_use(
    cell: str, nonlinearity: str | None, layers: int, last_timestep_only: bool
) -> None:
    problem, weights = random_problem(cell, nonlinearity, layers, last_timestep_only)
    found = list(lag_parts(problem))
    for net, one in enumerate(weights):
        run = unroll(problem.architecture, one, problem.inputs_BTI)
        terms = losses(run, problem.targets, last_timestep_only)
        for layer in range(layers):
            expected = np.zeros((5, *run.copies[layer][0].shape))
            for t, term in enumerate(terms):
                used = run.copies[layer][: t + 1]
                for u, gradient in enumerate(torch.autograd.grad(term.mean(), used, retain_graph=True)):
                    expected[t - u] += gradient.numpy()
            for k in range(5):
                assert_allclose(found[k][layer][net].numpy(), expected[k].ravel(), rtol=1e-11, atol=1e-15)


@LOSSES
@LAYERS
@ALL_CELLS
def test_parts_add_up_to_the_gradient(
    cell: str, nonlinearity: str | None, layers: int, last_timestep_only: bool
) -> None:
    problem, _ = random_problem(cell, nonlinearity, layers, last_timestep_only, timesteps=9)
    parts = list(lag_parts(problem))
    for layer in range(layers):
        whole = problem.flow.parameter_gradients[f"weight_hh_l{layer}"].flatten(1)
        error = (torch.stack([part[layer] for part in parts]).sum(dim=0) - whole).norm(dim=1)
        assert (error <= 1e-12 * whole.norm(dim=1)).all()
    arrays = Lags().compute(problem)
    has_gradient = arrays["lag_norm"].max(axis=-1) > 0  # all units of a relu layer may be dead
    assert has_gradient[:, 0].any()
    assert_allclose(arrays["lag_share"].sum(axis=-1), has_gradient, rtol=1e-12)
    assert_allclose(arrays["lag_truncated_cosine"][..., -1], has_gradient, rtol=1e-12)
    assert {array.shape for array in arrays.values()} == {(2, layers, 9)}


SCALAR_LAST = [
    4.26978865111, 3.18921905111, 2.32476337111, 1.63319882711, 1.07994719191, 0.63734588375, 0.283264837222, 0.0,
]  # fmt: skip
SCALAR_ALL = [
    1.77199585531, 1.24978065531, 0.822008495309, 0.497390767309, 0.268160584909, 0.119633398989, 0.0354081046528, 0.0,
]  # fmt: skip


@pytest.mark.parametrize(("last_timestep_only", "expected"), [(True, SCALAR_LAST), (False, SCALAR_ALL)])
def test_a_scalar_linear_net_has_a_closed_form(last_timestep_only: bool, expected: list[float]) -> None:
    """C_k = Σ_t 2 e_t v w^k h_{t-k-1}, over T where every timestep has a loss."""
    architecture = make_architecture("elman", "identity", 1, inputs=1, hidden=1, outputs=1)
    weights = plain_weights(architecture, weight_ih_l0=1.0, weight_hh_l0=0.8, readout_weight=0.5)
    sequences = (np.ones((1, 8, 1)), np.ones((1, 8, 1)))
    arrays = Lags().compute(make_problem(architecture, [weights], sequences, last_timestep_only))
    assert_allclose(arrays["lag_norm"][0, 0], expected, rtol=1e-9)
    assert_allclose(arrays["lag_share"][0, 0], np.array(expected) / sum(expected), rtol=1e-9)


FORMULA = {
    ("elman", "tanh", 1, True): [
        1.730077172, 0.4702613992, 0.6226626287, 0.6553409473, 0.4465766657, 0.4733651258, 0.855361584, 1.284315761,
        1.265087622, 0.9605352754, 0.5164138081,
    ],
    ("elman", "tanh", 1, False): [
        1.114070562, 0.3263379377, 0.4449001489, 0.377614893, 0.1749239041, 0.1944952724, 0.2317688027, 0.3235635047,
        0.2477188344, 0.1347527123, 0.04303448401,
    ],
    ("elman", "tanh", 2, True): [
        0.9211255455, 1.169335038, 0.4914560149, 0.4890774921, 0.7501834435, 0.6408098638, 0.4697353698, 0.7808688451,
        1.065420893, 1.139736892, 0.821025132,
    ],
    ("lstm", None, 1, True): [
        0.04454444087, 0.01713063094, 0.007832545626, 0.01075762871, 0.009417311779, 0.005665338416, 0.00225430791,
        0.001871645493, 0.002312391177, 0.001708993454, 0.0006564924408,
    ],
    ("gru", None, 1, False): [
        0.1316496254, 0.02305870269, 0.003520072357, 0.003711899838, 0.002152747245, 0.001075169548, 0.0008832267368,
        0.001323519228, 0.0007519308929, 0.0002016291252, 3.011093828e-05,
    ],
}  # fmt: skip


@pytest.mark.parametrize("setting", FORMULA)
def test_norms_of_the_formula_net(setting: tuple[str, str | None, int, bool]) -> None:
    cell, nonlinearity, layers, last_timestep_only = setting
    problem = formula_problem(cell, nonlinearity, layers=layers, last_timestep_only=last_timestep_only)
    arrays = Lags().compute(problem)
    assert_allclose(arrays["lag_norm"][0, 0, :11], FORMULA[setting], rtol=1e-9)
    assert arrays["lag_norm"][0, 0, 11] == 0


def test_shares_cosines_and_horizons_of_the_formula_net() -> None:
    last = Lags().compute(formula_problem("elman", "tanh", last_timestep_only=True))
    assert_allclose(last["lag_share"][0, 0, [0, 3]], [0.9448865413, -0.1269244865], rtol=1e-9)
    assert_allclose(last["lag_truncated_cosine"][0, 0, [0, 4]], [0.8926677021, 0.939544617], rtol=1e-9)
    every = Lags().compute(formula_problem("elman", "tanh"))
    assert_allclose(every["lag_truncated_cosine"][0, 0, 2], 0.9811592242, rtol=1e-9)
    lstm = Lags().compute(formula_problem("lstm", last_timestep_only=True))
    summaries = {summary.name: summary for summary in Lags.summaries}
    for arrays, h50, h95 in ((last, 6, 10), (every, 2, 8), (lstm, 1, 7)):
        for prefix in ("initial", "final"):
            assert summaries[f"{prefix}_h50"].take(arrays, {}) == h50
            assert summaries[f"{prefix}_h95"].take(arrays, {}) == h95


@LOSSES
def test_a_net_of_one_timestep_has_no_gradient_and_no_nan(last_timestep_only: bool) -> None:
    problem, _ = random_problem("lstm", None, 2, last_timestep_only, timesteps=1)
    arrays = Lags().compute(problem)
    assert all((array == 0).all() for array in arrays.values())
    assert set(Lags().summarise(arrays, {}).values()) == {None}


def test_a_net_that_is_not_finite_spoils_no_other() -> None:
    problem, _ = random_problem("gru", None, 2, False, nets=3)
    whole = Lags().compute(problem)
    problem, weights = random_problem("gru", None, 2, False, nets=3)
    weights[1]["weight_hh_l0"][0, 0] = np.nan
    sequences = (problem.inputs_BTI, problem.targets)
    found = Lags().compute(make_problem(problem.architecture, weights, sequences))
    for name, array in found.items():
        assert_allclose(array[[0, 2]], whole[name][[0, 2]], rtol=1e-12)
        assert np.isnan(array[1, 0]).any(), name


def test_long_sequences_are_measured_at_fewer_records() -> None:
    def chosen(timesteps: int) -> list[int]:
        return list(Lags().records(51, timesteps))

    assert chosen(64) == list(range(51))
    assert len(chosen(100)) == 20
    assert chosen(1000) == [0, 50]
    assert spread(1, 2) == [0]
    assert spread(11, 3) == [0, 5, 10]
