"""Products of step Jacobians and the gain of each step: against dense Jacobians by autograd, and closed forms."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from rnnlab.flow.groups.jacobians import Jacobians
from rnnlab.flow.problem import PRODUCT_SEQUENCES, Problem
from tests.flow.groups.second_way import jacobians, losses, unroll
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


@LAYERS
@ALL_CELLS
def test_every_step_is_linearised_as_autograd_does(cell: str, nonlinearity: str | None, layers: int) -> None:
    problem, weights = random_problem(cell, nonlinearity, layers, False)
    for net, one in enumerate(weights):
        run = unroll(problem.architecture, one, problem.inputs_BTI)
        for layer, steps in enumerate(problem.steps):
            for p in range(3):
                for t, expected in enumerate(jacobians(run, layer, p)):
                    assert_allclose(steps.jacobian(t)[net, p].numpy(), expected, rtol=1e-12, atol=1e-15)


@LAYERS
@ALL_CELLS
def test_products_are_those_of_dense_jacobians(cell: str, nonlinearity: str | None, layers: int) -> None:
    problem, weights = random_problem(cell, nonlinearity, layers, False)
    arrays = Jacobians().compute(problem)
    for net, one in enumerate(weights):
        run = unroll(problem.architecture, one, problem.inputs_BTI)
        for layer in range(layers):
            norms, frobenius, single = np.zeros((3, 3, 5))
            for p in range(3):
                steps = jacobians(run, layer, p)
                product = np.eye(len(steps[0]))
                for t in range(4, -1, -1):
                    norms[p, t] = np.linalg.norm(product, 2)
                    frobenius[p, t] = np.linalg.norm(product) / math.sqrt(len(product))
                    single[p, t] = np.linalg.norm(steps[t], 2)
                    product = product @ steps[t]
            with np.errstate(divide="ignore"):
                expected = {"product_log_norm": norms, "product_log_rms": frobenius, "step_log_norm": single}
                for name, values in expected.items():
                    assert_allclose(arrays[name][net, layer], np.log(values).mean(axis=0), rtol=1e-10, atol=1e-12)


@LOSSES
@LAYERS
@pytest.mark.parametrize("nonlinearity", ["tanh", "relu", "identity"])
def test_gains_are_those_of_the_gradients_that_autograd_gives(
    nonlinearity: str, layers: int, last_timestep_only: bool
) -> None:
    problem, weights = random_problem("elman", nonlinearity, layers, last_timestep_only)
    arrays = Jacobians().compute(problem)
    for net, one in enumerate(weights):
        run = unroll(problem.architecture, one, problem.inputs_BTI)
        loss = torch.stack(losses(run, problem.targets, last_timestep_only)).sum()
        for layer in range(layers):
            pre_activations = [each["a"] for each in run.activations[layer]]
            nodes = torch.autograd.grad(loss, [*run.states[layer], *pre_activations], retain_graph=True)
            for t in range(4):
                v, dv = nodes[t + 1].numpy(), nodes[5 + t + 1].numpy()
                back = np.linalg.norm(dv @ one[f"weight_hh_l{layer}"], axis=1)
                passes = back > 0
                if not passes.any():
                    assert arrays["gain_nonlinearity"][net, layer, t] == -math.inf
                    assert arrays["gain_matrix"][net, layer, t] == 0
                    continue
                v_norm, dv_norm = np.linalg.norm(v, axis=1)[passes], np.linalg.norm(dv, axis=1)[passes]
                expected = np.log(dv_norm / v_norm).mean(), np.log(back[passes] / dv_norm).mean()
                found = arrays["gain_nonlinearity"][net, layer, t], arrays["gain_matrix"][net, layer, t]
                assert_allclose(found, expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("nonlinearity", ["tanh", "identity"])
def test_gains_add_up_to_the_step_of_the_gradient(nonlinearity: str) -> None:
    problem, _ = random_problem("elman", nonlinearity, 1, True, nets=4, timesteps=30)
    arrays = Jacobians().compute(problem)
    log_norm = problem.grad_logs_SLTB.mean(dim=-1).numpy()
    found = arrays["gain_nonlinearity"] + arrays["gain_matrix"]
    assert_allclose(found, log_norm[..., :-1] - log_norm[..., 1:], rtol=0, atol=2e-14)


def first_sequence(problem: Problem) -> Problem:
    return replace(problem, inputs_BTI=problem.inputs_BTI[:1], targets=problem.targets[:1])


PRODUCTS = {
    ("elman", "tanh"): [
        1.187885568, 1.313363477, 1.520225781, 1.716840047, 1.859639508, 2.233136661, 2.68752316, 2.951645714,
        2.749491705, 2.0509863, 1.825982791,
    ],
    ("elman", "relu"): [
        1.312089426, 0.9738531901, 0.7464642883, 0.3384171156, 0.4184419883, 0.509552369, 0.4519681709, 0.4396665554,
        0.3301235769, 0.1846788321, 0.1182828636,
    ],
    ("lstm", None): [
        0.8820322717, 0.5651603713, 0.3054527355, 0.1592824361, 0.1052380786, 0.08997956516, 0.08491792866,
        0.07653998268, 0.04912546308, 0.02327865906, 0.01135687816,
    ],
    ("gru", None): [
        0.7849502872, 0.5926937744, 0.4029449696, 0.2728987525, 0.1836724319, 0.134206961, 0.1122405392, 0.08649675363,
        0.0507308328, 0.02492794306, 0.013074333,
    ],
}  # fmt: skip


@pytest.mark.parametrize("cell", PRODUCTS)
def test_products_of_the_formula_net(cell: tuple[str, str | None]) -> None:
    arrays = Jacobians().compute(first_sequence(formula_problem(*cell)))
    assert_allclose(np.exp(arrays["product_log_norm"][0, 0, ::-1]), [1.0, *PRODUCTS[cell]], rtol=1e-9)


def test_the_product_of_a_linear_net_is_a_power_of_its_matrix() -> None:
    arrays = Jacobians().compute(first_sequence(formula_problem("elman", "identity")))
    assert_allclose(np.exp(arrays["product_log_norm"][0, 0, -2]), 1.405882751, rtol=1e-9)
    assert_allclose(arrays["step_log_norm"][0, 0], math.log(1.405882751), rtol=1e-9)


def test_gains_of_the_formula_net() -> None:
    problem = first_sequence(formula_problem("elman", "tanh", last_timestep_only=True))
    arrays = Jacobians().compute(problem)
    nonlinearity = [
        -0.4105066848, -0.5452316661, -0.375519535, -0.1182873979, -0.05959606523, -0.06244057755, -0.2773715903,
        -0.04356510716, -0.01914158255, -0.1534546366, -0.4709642846,
    ]  # fmt: skip
    matrix = [
        0.2900145793, 0.2714289201, 0.2574843116, 0.2151614093, 0.2771526179, 0.1940991796, 0.2621244862, 0.108115825,
        -0.07442364024, 0.1651236446, -0.4257217924,
    ]  # fmt: skip
    assert_allclose(arrays["gain_nonlinearity"][0, 0], nonlinearity, rtol=1e-9)
    assert_allclose(arrays["gain_matrix"][0, 0], matrix, rtol=1e-9)


@pytest.mark.parametrize("factor", [1e-20, 1e20])
def test_nothing_is_lost_outside_of_the_range_of_float64(factor: float) -> None:
    """A product of 1e±1980 with two units: each step's own size, at every step."""
    architecture = make_architecture("elman", "identity", 1, inputs=1, hidden=2, outputs=1)
    weights = plain_weights(architecture, weight_hh_l0=factor * np.eye(2), readout_weight=1.0)
    sequences = (np.zeros((2, 100, 1)), np.ones((2, 100, 1)))
    arrays = Jacobians().compute(make_problem(architecture, [weights], sequences, last_timestep_only=True))
    expected = np.arange(99, -1, -1) * math.log(factor)
    assert_allclose(arrays["product_log_norm"][0, 0], expected, rtol=1e-14)
    assert_allclose(arrays["product_log_rms"][0, 0], expected, rtol=1e-14, atol=1e-15)
    assert_allclose(arrays["gain_matrix"][0, 0], math.log(factor), rtol=1e-13)
    assert_allclose(arrays["gain_nonlinearity"][0, 0], 0.0, atol=1e-13)


def test_a_cell_without_a_matrix_has_no_gains() -> None:
    for cell in ("lstm", "gru"):
        problem, _ = random_problem(cell, None, 1, False)
        names = set(Jacobians().compute(problem))
        assert names == {"product_log_norm", "product_log_rms", "step_log_norm"}
        present = {one.name for one in Jacobians.quantities if one.why_absent(problem.architecture.cell) is None}
        assert names == present


def test_the_first_sequences_stand_for_all() -> None:
    problem = formula_problem("elman", "tanh")
    many = replace(
        problem,
        inputs_BTI=np.repeat(problem.inputs_BTI, PRODUCT_SEQUENCES, axis=0),
        targets=np.repeat(problem.targets, PRODUCT_SEQUENCES, axis=0),
    )
    found, expected = Jacobians().compute(many), Jacobians().compute(first_sequence(problem))
    assert_allclose(found["product_log_norm"], expected["product_log_norm"], rtol=1e-12, atol=1e-13)


def test_a_net_that_is_not_finite_spoils_no_other() -> None:
    problem, weights = random_problem("elman", "tanh", 2, False, nets=3)
    whole = Jacobians().compute(problem)
    weights[1]["weight_hh_l0"][0, 0] = np.nan
    found = Jacobians().compute(make_problem(problem.architecture, weights, (problem.inputs_BTI, problem.targets)))
    for name, array in found.items():
        assert_allclose(array[[0, 2]], whole[name][[0, 2]], rtol=1e-12, atol=1e-14)
        assert np.isnan(array[1, 0]).any(), name
