"""The two parts of each gradient: against autograd that lets each through alone, and against their sum."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.testing import assert_allclose, assert_array_equal

from rnnlab.flow.groups.split import SplitGradients
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
def test_parts_add_up_to_the_gradient(
    cell: str, nonlinearity: str | None, layers: int, last_timestep_only: bool
) -> None:
    problem, _ = random_problem(cell, nonlinearity, layers, last_timestep_only)
    for layer, split in enumerate(problem.splits):
        whole_STBH = problem.flow.dL_dh_SLTBH[:, layer]
        assert_allclose((split.direct_STBH + split.back_STBH).numpy(), whole_STBH.numpy(), rtol=1e-12, atol=1e-15)


@LOSSES
@LAYERS
@ALL_CELLS
def test_the_part_through_time_is_what_autograd_gives_without_the_rest(
    cell: str, nonlinearity: str | None, layers: int, last_timestep_only: bool
) -> None:
    """dL/ds_{t+1}, which autograd gives, through the Jacobian ∂s_{t+1}/∂h_t, which autograd gives as well."""
    problem, weights = random_problem(cell, nonlinearity, layers, last_timestep_only)
    arrays = SplitGradients().compute(problem)
    hidden = problem.architecture.hidden_size
    for net, one in enumerate(weights):
        run = unroll(problem.architecture, one, problem.inputs_BTI)
        loss = torch.stack(losses(run, problem.targets, last_timestep_only)).sum()
        for layer in range(layers):
            states = run.states[layer]
            gradients = torch.autograd.grad(loss, states, retain_graph=True)
            for t in range(5):
                total = gradients[t][:, :hidden]
                back = torch.zeros_like(total)
                if t < 4:
                    (through,) = torch.autograd.grad(states[t + 1], states[t], gradients[t + 1], retain_graph=True)
                    back = through[:, :hidden]
                direct = total - back
                cosine = torch.nan_to_num((direct * back).sum(dim=1) / (direct.norm(dim=1) * back.norm(dim=1)))
                expected = direct.norm(dim=1).mean(), back.norm(dim=1).mean()
                found = [arrays[name][net, layer, t] for name in ("direct_norm", "backflow_norm", "split_cosine")]
                assert_allclose(found[:2], expected, rtol=1e-10, atol=1e-14)
                if direct.norm(dim=1).min() > 1e-12:  # else the difference is rounding alone
                    assert_allclose(found[2], cosine.mean(), rtol=1e-8, atol=1e-9)


def test_parts_of_the_formula_net() -> None:
    arrays = SplitGradients().compute(formula_problem("elman", "tanh", layers=2))
    direct = [
        0.2592253461, 0.2643670602, 0.3217417613, 0.2222242653, 0.1778097426, 0.08789219105, 0.119942756, 0.123027811,
        0.1361645226, 0.1238222189, 0.08664823334, 0.09625975433,
    ]  # fmt: skip
    back = [
        0.2724269348, 0.3267236384, 0.2831315328, 0.2213702586, 0.1735987692, 0.1376284714, 0.1508378626, 0.1774153777,
        0.1408914368, 0.1037089329, 0.0658624066, 0.0,
    ]  # fmt: skip
    assert_allclose(arrays["direct_norm"][0, 0], direct, rtol=1e-9)
    assert_allclose(arrays["backflow_norm"][0, 0], back, rtol=1e-9)
    assert_allclose(arrays["direct_norm"][0, 1, [0, -1]], [0.2072466064, 0.07109917814], rtol=1e-9)
    assert_allclose(arrays["backflow_norm"][0, 1, [0, -1]], [0.1354253019, 0.0], rtol=1e-9)


def test_with_the_loss_at_the_last_timestep_only_that_one_has_a_direct_part() -> None:
    arrays = SplitGradients().compute(formula_problem("gru", last_timestep_only=True))
    assert_array_equal(arrays["direct_norm"][0, 0, :-1], 0.0)
    assert_array_equal(arrays["backflow_norm"][0, 0, -1], 0.0)
    assert_array_equal(arrays["split_cosine"], 0.0)
    assert arrays["direct_norm"][0, 0, -1] > 0


def test_on_its_way_back_no_gradient_is_lost() -> None:
    """ln ‖dL/dh_1‖ = ln 2 - 799 ln 10 / 2, far below float64."""
    architecture = make_architecture("elman", "identity", 2, inputs=1, hidden=1, outputs=1)
    weights = plain_weights(architecture, weight_hh_l0=0.1**0.5, weight_hh_l1=0.0, weight_ih_l1=1.0, readout_weight=1.0)
    sequences = (np.zeros((1, 800, 1)), np.ones((1, 800, 1)))
    lower, upper = make_problem(architecture, [weights], sequences, last_timestep_only=True).splits
    assert_allclose(lower.log_total_STB[0, 0, 0].item(), math.log(2) - 799 * math.log(10) / 2, rtol=1e-13)
    assert_array_equal(upper.log_total_STB[0, :-1, 0].numpy(), -math.inf)
    assert_array_equal(lower.back_STBH[0, 0].numpy(), 0.0)


def test_a_net_that_is_not_finite_spoils_no_other() -> None:
    problem, weights = random_problem("lstm", None, 2, False, nets=3)
    whole = SplitGradients().compute(problem)
    weights[1]["weight_hh_l0"][0, 0] = np.nan
    found = SplitGradients().compute(make_problem(problem.architecture, weights, (problem.inputs_BTI, problem.targets)))
    for name, array in found.items():
        assert_allclose(array[[0, 2]], whole[name][[0, 2]], rtol=1e-12)
        assert np.isnan(array[1, 0]).any(), name
