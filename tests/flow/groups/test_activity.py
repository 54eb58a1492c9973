"""Saturation and gates: against the cells written a second time, closed forms, and the formula net."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from rnnlab.flow.groups.activity import Activity
from tests.flow.groups.second_way import SIGMAS, jacobians, unroll
from tests.flow.groups.settings import ALL_CELLS, LAYERS, formula_problem, make_problem, plain_weights, random_problem
from tests.nets.settings import make_architecture

LOGS = {"f": "forget_log_mean", "z": "keep_log_mean"}


@LAYERS
@ALL_CELLS
def test_means_are_those_of_the_cells_written_again(cell: str, nonlinearity: str | None, layers: int) -> None:
    problem, weights = random_problem(cell, nonlinearity, layers, False)
    arrays = Activity().compute(problem)
    for net, one in enumerate(weights):
        run = unroll(problem.architecture, one, problem.inputs_BTI)
        for layer in range(layers):
            for t, gates in enumerate(run.activations[layer]):
                expected = {}
                for name, values in gates.items():
                    if name == "a":
                        a = values.detach().requires_grad_()
                        (slopes,) = torch.autograd.grad(SIGMAS[nonlinearity or ""](a).sum(), a)
                        expected["derivative_mean"] = slopes.abs().mean().item()
                        expected["saturated_share"] = (slopes.abs() < 0.1).double().mean().item()
                    else:
                        expected[f"gate_{name}_mean"] = values.mean().item()
                        if name in LOGS:
                            expected[LOGS[name]] = values.log().mean().item()
                assert set(arrays) - {"highway_share"} == set(expected)
                for name, value in expected.items():
                    assert_allclose(arrays[name][net, layer, t], value, rtol=1e-12, atol=1e-15, err_msg=name)


@LAYERS
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_the_highway_is_held_against_products_of_dense_jacobians(cell: str, layers: int) -> None:
    problem, weights = random_problem(cell, None, layers, False)
    found = Activity().compute(problem)["highway_share"]
    gate = {"lstm": "f", "gru": "z"}[cell]
    run = unroll(problem.architecture, weights[1], problem.inputs_BTI)
    for layer in range(layers):
        expected = np.zeros((3, 5))
        for p in range(3):
            steps = jacobians(run, layer, p)
            kept, product = np.ones(3), np.eye(len(steps[0]))
            for t in range(4, -1, -1):
                expected[p, t] = math.log(kept.max() / np.linalg.norm(product, 2))
                kept = kept * run.activations[layer][t][gate][p].detach().numpy()
                product = product @ steps[t]
        assert_allclose(found[1, layer], expected.mean(axis=0), rtol=1e-10, atol=1e-13)


def test_slopes_of_the_formula_net() -> None:
    slopes = [
        0.8316254614, 0.6431007583, 0.6230818373, 0.7162926092, 0.8320885545, 0.8743801266, 0.8527751279, 0.8453511989,
        0.887738055, 0.8403057809, 0.7477883015, 0.6726834959,
    ]  # fmt: skip
    assert_allclose(Activity().compute(formula_problem("elman", "tanh"))["derivative_mean"][0, 0], slopes, rtol=1e-9)


def test_gates_of_the_formula_net() -> None:
    problem = formula_problem("lstm")
    arrays = Activity().compute(problem)
    means = [arrays[f"gate_{gate}_mean"].mean() for gate in ("i", "f", "o")]
    assert_allclose(means, [0.4989592923, 0.4976637951, 0.482178897], rtol=1e-9)
    by_unit = -1 / np.array([1.239504608, 1.310770476, 1.466923029, 1.342636202, 1.386006606])
    assert_allclose(arrays["forget_log_mean"].mean(), by_unit.mean(), rtol=1e-9)
    first = Activity().compute(replace(problem, inputs_BTI=problem.inputs_BTI[:1], targets=problem.targets[:1]))
    product = np.exp(first["highway_share"][0, 0])
    assert_allclose(product[-1], 1.0)
    kept = [0.7288038831, 0.5221547457, 0.3070327467, 0.1252259829, 0.03463600317]
    norms = [0.8820322717, 0.5651603713, 0.3054527355, 0.1592824361, 0.1052380786]
    assert_allclose(product[-2:-7:-1], np.divide(kept, norms), rtol=1e-8)


@pytest.mark.parametrize(("bias", "memory"), [(0.0, 1 / math.log(2)), (math.log(99), -1 / math.log(0.99))])
def test_the_memory_of_an_lstm_of_zero_weights_is_that_of_its_forget_bias(bias: float, memory: float) -> None:
    architecture = make_architecture("lstm", None, 1, inputs=1, hidden=3, outputs=1)
    weights = plain_weights(architecture, bias_l0=np.repeat([0.0, bias, 0.0, 0.0], 3))
    sequences = (np.zeros((2, 6, 1)), np.zeros((2, 6, 1)))
    arrays = Activity().compute(make_problem(architecture, [weights], sequences))
    assert [summary.take(arrays, {}) for summary in Activity.summaries] == pytest.approx([memory, memory], rel=1e-12)
    # ∂(h, c)/∂c of a step is (½ f, f) with h = ½ tanh c at c = 0
    expected = [-0.5 * math.log(1.25)] * 5 + [0.0]
    assert_allclose(arrays["highway_share"][0, 0], expected, rtol=1e-12)


def test_saturated_units_are_counted() -> None:
    """tanh' = 1 - tanh² is below .1 beyond atanh(√.9) = 1.818."""
    architecture = make_architecture("elman", "tanh", 1, inputs=1, hidden=4, outputs=1)
    weights = plain_weights(architecture, bias_l0=[0.0, 1.8, 1.83, -5.0])
    arrays = Activity().compute(make_problem(architecture, [weights], (np.zeros((1, 2, 1)), np.zeros((1, 2, 1)))))
    assert_allclose(arrays["saturated_share"][0, 0], 0.5)
    slopes = [1 / math.cosh(a) ** 2 for a in (0.0, 1.8, 1.83, 5.0)]
    assert_allclose(arrays["derivative_mean"][0, 0], np.mean(slopes), rtol=1e-12)


@ALL_CELLS
def test_what_a_cell_lacks_is_declared(cell: str, nonlinearity: str | None) -> None:
    problem, _ = random_problem(cell, nonlinearity, 1, False)
    arrays = Activity().compute(problem)
    net = problem.architecture.cell
    assert {one.name for one in Activity.quantities if one.why_absent(net) is None} == set(arrays)
    memory = {} if cell == "elman" else {"initial_memory_time", "final_memory_time"}
    assert set(Activity().summarise(arrays, {})) == set(memory)


@ALL_CELLS
def test_a_net_that_is_not_finite_spoils_no_other(cell: str, nonlinearity: str | None) -> None:
    problem, weights = random_problem(cell, nonlinearity, 2, False, nets=3)
    whole = Activity().compute(problem)
    weights[1]["weight_hh_l0"][0, 0] = np.nan
    found = Activity().compute(make_problem(problem.architecture, weights, (problem.inputs_BTI, problem.targets)))
    for name, array in found.items():
        assert_allclose(array[[0, 2]], whole[name][[0, 2]], rtol=1e-12, atol=1e-14)
