"""Every group of quantities is held against a second way, and a fault that is planted into it is found and named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

import rnnlab.flow.exponents
import rnnlab.flow.groups.activity
import rnnlab.flow.groups.jacobians
import rnnlab.flow.groups.lags
import rnnlab.flow.groups.split
import rnnlab.flow.norms
import rnnlab.flow.products
import rnnlab.nets
from rnnlab.audit import check_groups, make_case, run_check
from rnnlab.audit.dense import differentiate, perturb, pull_back
from rnnlab.audit.groups import MOST_NUMBERS
from rnnlab.audit.second_ways import SECOND_WAYS
from rnnlab.config import Config
from rnnlab.flow.group import GROUPS
from rnnlab.flow.steps import LayerSteps, Pulled
from rnnlab.nets import GRU, LSTM, Cell, Elman
from rnnlab.nets.partials import Partials, StepPoint
from tests.audit.test_check import CELLS, net

Fault = Callable[[pytest.MonkeyPatch], None]


def wrong_quantities(config: Config) -> dict[str, tuple[str, ...]]:
    """Give the quantities that a check of the groups finds wrong, by group."""
    findings, _ = check_groups(make_case(config), 1e-9)
    return {finding.name: finding.wrong for finding in findings if not finding.agrees}


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize(
    ("cell", "nonlinearity"),
    [
        *CELLS,
        ("leaky", "tanh"),
        *((name, None) for name in rnnlab.nets.CELLS if name not in dict(CELLS) | {"leaky": ""}),
    ],
)
def test_every_group_of_every_cell_is_right(cell: str, nonlinearity: str | None, last: bool, layers: int) -> None:
    config = net(
        task__last_timestep_only=last, model__cell=cell, model__nonlinearity=nonlinearity, model__layers=layers
    )
    findings, unable = check_groups(make_case(config), 1e-9)
    assert [finding.name for finding in findings if not finding.agrees] == []
    assert max(finding.differences[finding.worst] for finding in findings) < 1e-11
    assert {*unable, *(finding.name for finding in findings)} == set(SECOND_WAYS)
    cell_made = config.model.make_cell()
    assert unable.keys() == {
        name for name in SECOND_WAYS if all(each.why_absent(cell_made) for each in GROUPS[name].quantities)
    }


@pytest.mark.parametrize("keys", [{"init": "identity", "weight_scale": 30.0}, {"weight_scale": 0.0}, {"cell": "gru"}])
@pytest.mark.parametrize("kind", ["cumulative-average", "bigram"])
def test_what_rounding_leaves_no_digits_of_is_not_called_wrong(kind: str, keys: dict[str, Any]) -> None:
    """Saturated units, whose σ' = 1 - tanh² is rounding alone; exact zeros; steps that explode."""
    scaled = {"weight_scale": 30.0} | keys
    config = net(task__kind=kind, task__seq_len=12, **{f"model__{key}": value for key, value in scaled.items()})
    assert wrong_quantities(config) == {}


def test_every_group_that_is_measured_on_demand_has_a_second_way() -> None:
    of_weights = {name for name, group in GROUPS.items() if not (group.by_default or group.of_training)}
    assert of_weights <= SECOND_WAYS.keys()


def partial_is_wrong(cell: type[Cell], change: Callable[[Partials], Partials]) -> Fault:
    """Plant a fault into the derivatives of a cell that are written down."""

    def plant(monkeypatch: pytest.MonkeyPatch) -> None:
        right = cell.linearise

        def wrong(self: Cell, point: StepPoint) -> Partials:
            return change(right(self, point))

        monkeypatch.setattr(cell, "linearise", wrong)

    return plant


def result_is_wrong(module: Any, name: str, factor: float = 1 + 1e-6) -> Fault:
    """Plant a factor into what a function gives."""

    def plant(monkeypatch: pytest.MonkeyPatch) -> None:
        right = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *args: right(*args) * factor)

    return plant


def _input_gate_forgotten(its: Partials) -> Partials:
    """Leave out of c' = f c + i g what the input gate does."""
    by_product = its.by_product.clone()
    by_product[..., 1, 0, :] = 0
    return replace(its, by_product=by_product)


def _drive_of_n_as_its_product(its: Partials) -> Partials:
    """Forget that the reset gate stands between n and its product, and not between n and its drive."""
    return replace(its, by_drive=its.by_product)


def _slope_too_large(its: Partials) -> Partials:
    slope = its.by_product * (1 + 1e-6)
    return replace(its, by_product=slope, by_drive=slope)


PARTIALS: dict[str, tuple[str, Fault, set[str]]] = {
    "elman": (
        "elman",
        partial_is_wrong(Elman, _slope_too_large),
        {"exponent", "lags", "jacobians", "lyapunov", "split", "activity"},
    ),
    "lstm": (
        "lstm",
        partial_is_wrong(LSTM, _input_gate_forgotten),
        {"exponent", "lags", "jacobians", "lyapunov", "split", "activity"},
    ),
    "gru of two layers": ("gru", partial_is_wrong(GRU, _drive_of_n_as_its_product), {"lags", "split"}),
}


@pytest.mark.parametrize("name", PARTIALS)
def test_a_wrong_derivative_of_a_cell_is_found_in_all_that_is_made_of_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell, plant, groups = PARTIALS[name]
    plant(monkeypatch)
    assert wrong_quantities(net(model__cell=cell, model__layers=2, task__seq_len=6)).keys() == groups


FAULTS: dict[str, tuple[Fault, str, tuple[str, ...]]] = {
    "quantiles": (
        result_is_wrong(rnnlab.flow.norms, "quantile"),
        "base",
        ("grad_log_low", "grad_log_median", "grad_log_high"),
    ),
    "share": (result_is_wrong(rnnlab.flow.groups.lags, "_share"), "lags", ("lag_share",)),
    "cosine": (result_is_wrong(rnnlab.flow.groups.lags, "_cosine"), "lags", ("lag_truncated_cosine",)),
    "mean of gains": (
        result_is_wrong(rnnlab.flow.groups.jacobians, "_mean"),
        "jacobians",
        ("gain_nonlinearity", "gain_matrix"),
    ),
    "dimension": (
        lambda patch: patch.setattr(rnnlab.flow.exponents, "attractor_dimension", lambda x: x.sum(dim=-1)),
        "lyapunov",
        ("attractor_dimension",),
    ),
    "push": (
        lambda patch: patch.setattr(LayerSteps, "push", _twice(LayerSteps.push)),
        "lyapunov",
        ("exponents",),
    ),
    "eigenvalues": (
        lambda patch: patch.setattr("rnnlab.flow.spectra.eigenvalues", _shrunk("rnnlab.flow.spectra", "eigenvalues")),
        "bounds",
        ("departure",),
    ),
    "powers": (
        lambda patch: patch.setattr(
            "rnnlab.flow.products.log_power_norms", _shrunk("rnnlab.flow.products", "log_power_norms")
        ),
        "bounds",
        ("power_log_norm",),
    ),
    "threshold": (
        lambda patch: patch.setattr(rnnlab.flow.groups.activity, "SATURATED", 0.99),
        "activity",
        ("saturated_share",),
    ),
}


def _twice(right: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    def push(self: LayerSteps, tangents: torch.Tensor, t: int) -> torch.Tensor:
        return right(self, tangents, t) * (2 if t == self.timesteps - 1 else 1)

    return push


def _shrunk(module: str, name: str) -> Callable[..., Any]:
    right = getattr(__import__(module, fromlist=[name]), name)
    return lambda *args: right(*args) * 0.999


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_one_group_is_found_and_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plant, group, quantities = FAULTS[name]
    plant(monkeypatch)
    found = wrong_quantities(net(task__seq_len=6))
    assert set(quantities) <= set(found.pop(group))
    assert found.keys() == ({"exponent", "jacobians"} if name == "push" else set()), "all are pushed"


def test_a_gradient_handed_down_wrongly_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    right = LayerSteps.to_input
    monkeypatch.setattr(LayerSteps, "to_input", lambda self, drive: right(self, drive) * (1 + 1e-6))
    assert wrong_quantities(net(model__layers=2)).keys() == {"lags", "split"}


def test_a_gradient_pulled_back_wrongly_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    right = LayerSteps.pull

    def wrong(self: LayerSteps, gradient: torch.Tensor, times: slice) -> Pulled:
        pulled = right(self, gradient, times)
        return replace(pulled, state=pulled.state * (1 + 1e-6))

    monkeypatch.setattr(LayerSteps, "pull", wrong)
    assert wrong_quantities(net(model__cell="gru")).keys() == {"lags", "split"}


def test_a_check_convicts_the_group(monkeypatch: pytest.MonkeyPatch) -> None:
    result_is_wrong(rnnlab.flow.groups.lags, "_share")(monkeypatch)
    report = run_check(net())
    assert not report.agrees
    assert report.convicted == ["lags"]
    assert [finding.name for finding in report.findings if not finding.agrees] == []


def test_a_quantity_that_is_missing_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    right = GROUPS["split"].compute
    monkeypatch.setattr(type(GROUPS["split"]), "compute", lambda _self, problem: dict(list(right(problem).items())[:2]))
    assert wrong_quantities(net()) == {"split": ("split_cosine",)}


def test_a_net_too_large_for_dense_jacobians_is_not_checked() -> None:
    findings, unable = check_groups(make_case(net(model__cell="lstm", model__hidden_size=MOST_NUMBERS)), 1e-9)
    assert findings == []
    assert unable["lags"] == "this way does not know the dense Jacobian 'of a state of 1024 numbers, 512 at most'"


@pytest.mark.parametrize("cell", ["elman", "lstm", "gru"])
def test_dense_jacobians_are_those_of_finite_differences(cell: str) -> None:
    """One more way: the loss of a net whose W_hh is changed a little, by what all of its uses add up to."""
    case = make_case(net(model__cell=cell, model__layers=2))
    dense = differentiate(case)
    direction = np.random.default_rng(0).standard_normal(case.weights["weight_hh_l0"].shape)
    total_TBN = pull_back(dense, dense.exits_TBH).total_LTBN[0]
    product_TBG = np.einsum("tbn,tbng->tbg", total_TBN, dense.layers[0].by_product_TBNG)
    derivative = np.einsum("tbg,gh,tbh->", product_TBG, direction, dense.layers[0].h_before_TBH)
    losses = [_loss(case, 1e-5 * sign * direction) for sign in (1, -1)]
    assert derivative == pytest.approx((losses[0] - losses[1]) / 2e-5, rel=1e-6)


def _loss(case: Any, change: np.ndarray) -> float:
    from rnnlab.audit.case import loss_of
    from rnnlab.audit.complex_step import _forward

    weights = case.weights | {"weight_hh_l0": case.weights["weight_hh_l0"] + change}
    return float(loss_of(case, _forward(case, weights, None).real).sum())


def test_perturbing_moves_no_zero_and_nothing_by_more_than_rounding() -> None:
    dense = differentiate(make_case(net(model__nonlinearity="relu", task__last_timestep_only=True)))
    other = perturb(dense, 0)
    for ours, theirs in zip(dense.layers, other.layers, strict=True):
        assert np.array_equal(ours.by_product_TBNG == 0, theirs.by_product_TBNG == 0)
        assert 0 < np.abs(ours.by_state_TBNN - theirs.by_state_TBNN).max() < 1e-15
    assert np.array_equal(dense.exits_TBH[:-1], other.exits_TBH[:-1])
