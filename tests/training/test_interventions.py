"""What only PyTorch's engine trains with: truncated backpropagation, and Pascanu's regulariser."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from rnnlab.audit import run_check
from rnnlab.config import ConfigError, config_from_mapping
from rnnlab.experiment import needs_of
from rnnlab.flow.problem import Problem
from rnnlab.nets import run_net, unpack
from rnnlab.studies.run import run_one
from rnnlab.training import EngineError, NetState, Recipe, available_engines, choose_engine, make_engine
from rnnlab.training.regularisers import make_regulariser, omega
from tests.flow.groups.settings import formula_problem, random_problem
from tests.nets.settings import tensors
from tests.training.setting import batches_of, begin, make_architecture, make_recipe


def matrix_gradient(problem: Problem, truncate: int | None) -> np.ndarray:
    """Give dL/dW_hh of the mean loss of the first net by autograd."""
    weights = {name: torch.from_numpy(one[0].copy()).requires_grad_() for name, one in problem.weights.items()}
    net, x_BTI = problem.architecture, torch.from_numpy(problem.inputs_BTI)
    run = run_net(net.cell, net.layers, weights, x_BTI, truncate)
    loss = problem.sequence_loss(run.predictions_BTO, torch.from_numpy(problem.targets)).mean()
    (gradient,) = torch.autograd.grad(loss, weights["weight_hh_l0"])
    return np.asarray(gradient.numpy())


@pytest.mark.parametrize(
    ("length", "norm", "cosine"),
    [(3, 1.083542355, 0.9450699009), (4, 1.094172292, 0.9778945413), (6, 1.02084642, 0.9953169324)],
)
def test_truncated_gradients_of_the_formula_net(length: int, norm: float, cosine: float) -> None:
    problem = formula_problem("elman", "tanh")
    whole, cut = matrix_gradient(problem, None), matrix_gradient(problem, length)
    assert np.linalg.norm(cut) == pytest.approx(norm, rel=1e-8)
    between = (whole * cut).sum() / np.linalg.norm(whole) / np.linalg.norm(cut)
    assert between == pytest.approx(cosine, rel=1e-8)
    assert_array_equal(matrix_gradient(problem, 12), whole)


def trained(recipe: Recipe) -> NetState:
    session = make_engine("torch").open(recipe, [begin(recipe, 0, learning_rate=0.1)])
    session.advance(recipe.batches)
    (state,) = session.states()
    return state


def test_an_update_is_made_with_the_truncated_gradient() -> None:
    recipe = replace(make_recipe(make_architecture("gru", None, 2), batches=1, optimizer="sgd"), truncate=2)
    ((inputs, targets),) = batches_of(recipe, 0, 1)
    start_P = begin(recipe, 0).parameters_P
    flat_P = torch.from_numpy(start_P.astype(np.float64)).requires_grad_()
    x_BTI, weights = torch.from_numpy(inputs).double(), unpack(flat_P, recipe.architecture)
    run = run_net(recipe.architecture.cell, 2, weights, x_BTI, 2)
    loss = recipe.sequence_loss(run.predictions_BTO, torch.from_numpy(targets).double()).mean()
    (gradient_P,) = torch.autograd.grad(loss, flat_P)
    assert_allclose(trained(recipe).parameters_P, start_P - 0.1 * gradient_P.numpy(), rtol=1e-5, atol=1e-7)
    assert not np.allclose(trained(replace(recipe, truncate=None)).parameters_P, trained(recipe).parameters_P)


# Pascanu's regulariser


def full_gradients(problem: Problem) -> list[torch.Tensor]:
    """Give dL_p/ds of each layer, (S, T, B, A, H)."""
    parts = [problem.flow.dL_dh_SLTBH, *([] if problem.flow.dL_dc is None else [problem.flow.dL_dc_SLTBH])]
    stacked = torch.stack([part for part in parts if part is not None], dim=-2)
    return list(stacked.unbind(dim=1))


@pytest.mark.parametrize(
    ("last", "name", "value"),
    [
        (True, "pascanu", 0.677828653184),
        (True, "pascanu-code", 1.76851729643),
        (False, "pascanu", 1.83067959178),
        (False, "pascanu-code", 3.97754978768),
    ],
)
def test_omega_of_the_formula_net_in_both_forms(last: bool, name: str, value: float) -> None:
    problem = formula_problem("elman", "tanh", last_timestep_only=last)
    total_S, _ = omega(make_regulariser(name), problem.architecture.cell, problem.steps, full_gradients(problem))
    assert total_S.item() == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize("name", ["pascanu", "pascanu-code"])
@pytest.mark.parametrize("cell", ["elman", "lstm", "gru", "leaky", "antisymmetric"])
def test_its_derivative_is_that_of_omega_with_all_else_held_fixed(cell: str, name: str) -> None:
    """By a small change of W_hh in the linearised steps alone, along a random direction."""
    problem, _ = random_problem(cell, "tanh" if cell in ("elman", "leaky") else None, 2, False)
    regulariser, net, gradients = make_regulariser(name), problem.architecture.cell, full_gradients(problem)
    _, slopes = omega(regulariser, net, problem.steps, gradients)
    for layer in range(2):
        direction = torch.randn(slopes[layer].shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
        its, values = {"weight_hh": direction}, []
        change = net.recurrent_matrix(its)
        if cell == "antisymmetric":  # affine: what it takes off the diagonal is no part of a change
            change = direction - direction.mT
        for sign in (1, -1):
            steps = list(problem.steps)
            moved = steps[layer].weight_hh_SGH + sign * 1e-6 * change
            steps[layer] = replace(steps[layer], weight_hh_SGH=moved)
            values.append(omega(regulariser, net, steps, gradients)[0])
        expected = (values[0] - values[1]) / 2e-6
        assert_allclose((slopes[layer] * direction).sum(dim=(1, 2)), expected, rtol=1e-6, atol=1e-8)


def test_an_update_is_made_with_the_penalty_s_gradient_too() -> None:
    recipe = make_recipe(make_architecture("lstm", None, 2), batches=1, optimizer="sgd")
    penalised = replace(recipe, regulariser=make_regulariser("pascanu", {"omega_weight": 0.5}))
    plain_P, moved_P = trained(recipe).parameters_P, trained(penalised).parameters_P
    ((inputs, targets),) = batches_of(recipe, 0, 1)
    weights = unpack(begin(recipe, 0).parameters_P.astype(np.float64)[None], recipe.architecture)
    problem = Problem(recipe.architecture, weights, inputs, targets, recipe.sequence_loss)
    _, slopes = omega(penalised.regulariser, recipe.architecture.cell, problem.steps, full_gradients(problem))
    changes = unpack((moved_P - plain_P)[None].astype(np.float64), recipe.architecture)
    for name, change in changes.items():
        is_matrix = name.startswith("weight_hh")
        expected = -0.1 * 0.5 * slopes[int(name[-1])].numpy() if is_matrix else np.zeros(change.shape)
        assert_allclose(change, expected, atol=3e-7, err_msg=name)


def test_training_with_it_lets_gradients_keep_their_length(tmp_path: Path) -> None:
    ratios = {}
    for regulariser in ("none", "pascanu"):
        training = {"batches": 150, "regulariser": regulariser, "optimizer": "sgd", "learning_rate": 0.05}
        config = config_from_mapping(
            {"name": regulariser, "task": {"seq_len": 12, "last_timestep_only": True}, "training": training}
        )
        run = run_one(config, runs=tmp_path).run
        ratios[regulariser] = run["grad_log_norm"][-1, 0, 0] - run["grad_log_norm"][-1, 0, -1]
    assert ratios["none"] < 2 * ratios["pascanu"] < 0


# what is said


def config_with(**training: object) -> dict[str, object]:
    return {"name": "x", "training": training}


def test_auto_gives_both_to_torch_and_native_says_why_not() -> None:
    for training, sentence in (
        ({"truncate": 3}, r"does not truncate backpropagation \(training.truncate\); use --engine torch"),
        ({"regulariser": "pascanu"}, "does not know the regulariser 'pascanu'; use --engine torch"),
    ):
        needs = needs_of(config_from_mapping(config_with(**training)))
        assert choose_engine("auto", needs=needs) == "torch"
        if "native" in available_engines():
            with pytest.raises(EngineError, match=sentence):
                choose_engine("native", needs=needs)


def test_a_cell_without_a_recurrent_matrix_is_refused() -> None:
    said = "training.regulariser: the regulariser 'pascanu' acts on .*, and a minimal GRU lacks one of these; choose"
    with pytest.raises(ConfigError, match=said):
        config_from_mapping({**config_with(regulariser="pascanu"), "model": {"cell": "mingru"}})


def test_check_says_that_it_holds_no_engine_against_a_truncated_gradient() -> None:
    report = run_check(config_from_mapping({**config_with(truncate=2), "task": {"seq_len": 4}}))
    assert report.agrees
    assert report.steps == []
    assert "does not know truncated backpropagation" in report.unknown["torch engine"]


def test_truncating_changes_no_forward_pass() -> None:
    problem, weights = random_problem("elman", "tanh", 1, False)
    alone = run_net(problem.architecture.cell, 1, tensors(weights[0]), torch.from_numpy(problem.inputs_BTI), 2)
    whole = run_net(problem.architecture.cell, 1, tensors(weights[0]), torch.from_numpy(problem.inputs_BTI))
    assert torch.equal(alone.predictions_BTO, whole.predictions_BTO)
