"""Cells and nonlinearities that PyTorch's recurrent modules lack: against the papers' equations and check values."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch.func import jacrev

from rnnlab.audit import run_check
from rnnlab.config import ConfigError, config_from_mapping
from rnnlab.flow.exponents import lyapunov_exponents
from rnnlab.flow.group import GROUPS
from rnnlab.flow.groups.lags import lag_parts
from rnnlab.flow.problem import Problem
from rnnlab.nets import NONLINEARITIES, Architecture, Cell, make_cell, run_net
from rnnlab.nets.parameters import layer_weights
from rnnlab.training import WEIGHTS, make_stream
from tests.flow.groups.settings import formula_problem, plain_weights, random_problem
from tests.nets.settings import OWN_CELLS, make_architecture, random_sequences, random_weights, tensors

EACH = pytest.mark.parametrize(("cell", "nonlinearity"), OWN_CELLS)


def with_cell(problem: Problem, **keys: Any) -> Problem:
    """Give the same problem, its cell with other keys."""
    return replace(problem, architecture=replace(problem.architecture, cell=replace(problem.architecture.cell, **keys)))


def states(cell: str, weights: dict[str, np.ndarray], inputs_BTI: np.ndarray, **keys: Any) -> np.ndarray:
    """Run one layer, (T, B, H)."""
    run = run_net(make_cell(cell, keys), 1, tensors(weights), torch.from_numpy(inputs_BTI))
    return np.stack([state[0].numpy() for state in run.states[0]])


def drawn(cell: str) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], np.ndarray]:
    architecture = make_architecture(cell, None, 1)
    weights = random_weights(architecture, 5)
    return weights, layer_weights(weights, 0), random_sequences(architecture, 3, 7)[0]


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("sigmoid", torch.nn.Sigmoid()),
        ("leaky-relu", torch.nn.LeakyReLU()),
        ("softplus", torch.nn.Softplus(threshold=200)),
        ("hard-tanh", torch.nn.Hardtanh()),
    ],
)
def test_nonlinearities_are_pytorchs_in_both_forms(name: str, theirs: torch.nn.Module) -> None:
    x = torch.cat([torch.linspace(-6, 6, 101), torch.tensor([-800.0, 800.0])]).double().requires_grad_()
    ours = NONLINEARITIES[name]
    assert_allclose(ours(x).detach(), theirs(x).detach(), rtol=1e-14, atol=1e-300)
    assert ours.numpy_function is not None
    assert_allclose(ours.numpy_function(x.detach().numpy()), theirs(x).detach(), rtol=1e-14, atol=1e-16)
    slope, expected = (torch.autograd.grad(function(x).sum(), x)[0] for function in (ours, theirs))
    assert_allclose(slope, expected, rtol=1e-12, atol=1e-300)


def test_a_leaky_net_goes_a_part_of_the_way_at_each_step() -> None:
    weights, its, x_BTI = drawn("leaky")
    h_BH = np.zeros((3, 3))
    for t, found in enumerate(states("leaky", weights, x_BTI, leak=0.3)):
        new_BH = np.tanh(x_BTI[:, t] @ its["weight_ih"].T + h_BH @ its["weight_hh"].T + its["bias"])
        h_BH = 0.7 * h_BH + 0.3 * new_BH
        assert_allclose(found, h_BH, rtol=1e-12)


def test_a_leak_of_one_is_an_elman_net() -> None:
    weights, _, x_BTI = drawn("leaky")
    assert_array_equal(states("leaky", weights, x_BTI, leak=1.0), states("elman", weights, x_BTI))


def test_an_antisymmetric_net_solves_its_differential_equation() -> None:
    weights, its, x_BTI = drawn("antisymmetric")
    matrix_HH = its["weight_hh"] - its["weight_hh"].T - 0.2 * np.eye(3)
    h_BH = np.zeros((3, 3))
    for t, found in enumerate(states("antisymmetric", weights, x_BTI, step_size=0.05, diffusion=0.2)):
        h_BH = h_BH + 0.05 * np.tanh(x_BTI[:, t] @ its["weight_ih"].T + h_BH @ matrix_HH.T + its["bias"])
        assert_allclose(found, h_BH, rtol=1e-12)


def test_a_minimal_gru_mixes_by_what_the_input_says() -> None:
    weights, its, x_BTI = drawn("mingru")
    h_BH = np.zeros((3, 3))
    for t, found in enumerate(states("mingru", weights, x_BTI)):
        gate, candidate = np.split(x_BTI[:, t] @ its["weight_ih"].T + its["bias"], 2, axis=-1)
        z_BH = 1 / (1 + np.exp(-gate))
        h_BH = (1 - z_BH) * h_BH + z_BH * candidate
        assert_allclose(found, h_BH, rtol=1e-12)


def test_a_linear_recurrent_unit_is_the_sum_of_powers_of_its_eigenvalues() -> None:
    """h_t = Re Σ_k λ^(t-k) γ B x_k, by complex numbers and without a recursion."""
    weights, its, x_BTI = drawn("lru")
    lambda_H = np.exp(-np.exp(its["nu"]) + 1j * np.exp(its["theta"]))
    real, imaginary = np.split(x_BTI @ its["weight_ih"].T + its["bias"], 2, axis=-1)
    driven_BTH = np.sqrt(1 - np.abs(lambda_H) ** 2) * (real + 1j * imaginary)
    for t, found in enumerate(states("lru", weights, x_BTI)):
        expected = sum(lambda_H ** (t - k) * driven_BTH[:, k] for k in range(t + 1))
        assert_allclose(found, np.real(expected), rtol=1e-11)


def test_eigenvalues_of_an_lru_begin_in_the_ring_that_is_asked_for() -> None:
    cell = make_cell("lru", {"least_radius": 0.5, "largest_radius": 0.9, "largest_phase": 0.3})
    stream = make_stream(0, WEIGHTS)
    nu, theta = (cell.draw_parameter(stream, name, 20_000) for name in ("nu", "theta"))
    assert nu is not None
    assert theta is not None
    radius, phase = np.exp(-np.exp(nu)), np.exp(theta)
    assert 0.5 < radius.min() < 0.51
    assert 0.899 < radius.max() < 0.9
    assert np.mean(radius**2) == pytest.approx((0.25 + 0.81) / 2, rel=0.01), "uniform over the area"
    assert 0 < phase.min() < phase.max() < 0.3
    assert phase.mean() == pytest.approx(0.15, rel=0.02)
    assert np.isfinite(make_cell("lru").draw_parameter(stream, "nu", 100_000)).all()  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"least_radius 0\.9 must be below largest_radius 0\.5"):
        config_from_mapping({"name": "x", "model": {"cell": "lru", "least_radius": 0.9, "largest_radius": 0.5}})


def _step_of_first(
    cell: Cell, its: dict[str, torch.Tensor], drive_1G: torch.Tensor, s_AH: torch.Tensor
) -> torch.Tensor:
    """Make one step of one sequence, (A, H) to (A, H)."""
    return torch.cat(cell.step(drive_1G, tuple(s_AH[:, None]), its))


@EACH
def test_every_step_is_linearised_as_autograd_does(cell: str, nonlinearity: str | None) -> None:
    problem, weights = random_problem(cell, nonlinearity, 2, False)
    architecture = problem.architecture
    for net, one in enumerate(weights):
        run = run_net(architecture.cell, 2, tensors(one), torch.from_numpy(problem.inputs_BTI))
        x_BTI = torch.from_numpy(problem.inputs_BTI)
        for layer, steps in enumerate(problem.steps):
            its = layer_weights(tensors(one), layer)
            drives_BTG = architecture.cell.drive(its, x_BTI)
            for t in range(1, 5):
                step = partial(_step_of_first, architecture.cell, its, drives_BTG[:1, t])
                before_AH = torch.stack([part[0] for part in run.states[layer][t - 1]])
                dense = jacrev(step)(before_AH).flatten(0, 1).flatten(1)
                assert_allclose(steps.jacobian(t)[net, 0].numpy(), dense.detach().numpy(), rtol=1e-11, atol=1e-14)
            x_BTI = torch.stack([state[0] for state in run.states[layer]], dim=1)


@EACH
def test_groups_measure_what_they_declare(cell: str, nonlinearity: str | None) -> None:
    problem, _ = random_problem(cell, nonlinearity, 2, False)
    net = problem.architecture.cell
    for group in (group for group in GROUPS.values() if not group.of_training):
        arrays = group.compute(problem)
        declared = {each.name for each in group.quantities if each.why_absent(net) is None} - {"loss", "step"}
        assert set(arrays) - {"step"} == declared - {"param_names"}, group.name
        known = {each.name for each in group.quantities if not each.zero_is_minus_infinity}
        assert all(np.isfinite(array).all() for name, array in arrays.items() if name in known), group.name


@EACH
def test_lags_and_both_parts_of_a_gradient_add_up(cell: str, nonlinearity: str | None) -> None:
    problem, _ = random_problem(cell, nonlinearity, 2, False)
    for split, whole in zip(problem.splits, problem.flow.dL_dh_SLTBH.unbind(dim=1), strict=True):
        assert_allclose((split.direct_STBH + split.back_STBH).numpy(), whole.numpy(), rtol=1e-11, atol=1e-14)
    if problem.architecture.cell.has_recurrent_matrix:
        for layer, parts in enumerate(zip(*lag_parts(problem), strict=True)):
            whole = problem.flow.parameter_gradients[f"weight_hh_l{layer}"].flatten(1)
            assert_allclose(sum(parts).numpy(), whole.numpy(), rtol=1e-11, atol=1e-14)


@EACH
def test_check_audits_it(cell: str, nonlinearity: str | None) -> None:
    model = {"cell": cell, "hidden_size": 4, "layers": 2, "nonlinearity": nonlinearity or "tanh"}
    report = run_check(config_from_mapping({"name": "x", "model": model, "task": {"seq_len": 4}}))
    assert report.agrees
    assert "complex step" not in {*report.missing, *report.unknown}
    assert ("by hand" in report.missing) == (cell != "elman")


def exponents(problem: Problem) -> np.ndarray:
    """Give those of the first sequence from Q_0 = 1, as they come."""
    found: np.ndarray = lyapunov_exponents(problem.steps[0])[0, 0].numpy()
    return found


def test_the_leaky_formula_net() -> None:
    problem = with_cell(formula_problem("leaky", "tanh"), leak=0.3)
    last = [0.599622872, -0.4413227966, 0.04013924756, -0.2977668088, 0.0684479194]
    assert_allclose(problem.flow.h_SLTBH[0, 0, -1, 0].numpy(), last, rtol=1e-8)
    values = [-0.06766920327, -0.2272423608, -0.4136284107, -0.4359715632, -0.9972286611]
    assert_allclose(exponents(problem), values, rtol=1e-9)


def test_a_leaky_net_without_weights_only_leaks() -> None:
    architecture = Architecture(make_cell("leaky", {"leak": 0.3}), 1, 3, 1, 1)
    problem = replace(formula_problem("leaky", "tanh"), architecture=architecture)
    weights = {name: weight[None] for name, weight in plain_weights(architecture).items()}
    assert_allclose(exponents(replace(problem, weights=weights)), np.log(0.7), rtol=1e-13)


def test_the_antisymmetric_formula_net() -> None:
    values = [0.005438270875, 0.002922184542, 0.009864623171, -0.0007017751251, -0.002108552702]
    assert_allclose(exponents(formula_problem("antisymmetric")), values, rtol=1e-8)


def test_the_minimal_gru_with_the_gate_of_the_formula_net() -> None:
    elman, problem = formula_problem("elman", "tanh"), formula_problem("mingru")
    weights = {name: weight.copy() for name, weight in problem.weights.items()}
    for name in ("weight_ih_l0", "bias_l0"):
        weights[name][:, :5] = elman.weights[name]
    values = [-0.8366024844, -0.6400889539, -0.6969762325, -0.6330363791, -0.7288219932]
    assert_allclose(exponents(replace(problem, weights=weights)), values, rtol=1e-9)


def test_exponents_of_an_lru_are_minus_e_to_the_nu_each_twice() -> None:
    nu = np.array([-0.3665129206, -2.250367327, -4.600149227, -6.907255071])
    assert_allclose(np.exp(-np.exp(nu)), [0.5, 0.9, 0.99, 0.999], rtol=1e-9)
    architecture = Architecture(make_cell("lru"), 1, 4, 1, 1)
    weights = plain_weights(architecture, nu_l0=nu, theta_l0=[-1.0, 0.0, 0.5, 1.0])
    problem = replace(formula_problem("lru"), architecture=architecture)
    problem = replace(problem, weights={name: weight[None] for name, weight in weights.items()})
    assert_allclose(np.sort(exponents(problem)), np.sort(np.repeat(-np.exp(nu), 2)), rtol=1e-12)
