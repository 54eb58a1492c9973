"""The audit clears right gradients of every kind of net, and convicts a wrong one by name, whoever it belongs to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnlab.audit.check as check_module
from rnnlab.audit import AuditCase, judge, make_case, run_check
from rnnlab.audit.automatic import by_flow, by_modules
from rnnlab.audit.by_hand import by_hand
from rnnlab.audit.case import Answer
from rnnlab.audit.check import WAYS
from rnnlab.audit.complex_step import Projected, by_complex_step
from rnnlab.audit.engines import check_engines
from rnnlab.audit.paths import by_paths, path_count
from rnnlab.config import Config, config_from_mapping, load_config
from rnnlab.training import available_engines
from rnnlab.training.native_library import Library
from rnnlab.training.torch_engine import TorchSession

CONFIGS = sorted((Path(__file__).parents[2] / "configs").rglob("*.yaml"))
ENGINES = [f"{name} engine" for name in available_engines()]
ENGINES += [f"{name}, float64" for name in ENGINES if name.startswith("native")]
CELLS = [("elman", "tanh"), ("elman", "relu"), ("elman", "identity"), ("lstm", None), ("gru", None)]


def net(**keys: Any) -> Config:
    """Give a small config; `model__layers=2` sets model.layers."""
    data: dict[str, Any] = {
        "name": "audit",
        "task": {"seq_len": 5},
        "model": {"hidden_size": 4},
        "training": {"batch_size": 3},
        "record": {"sequences": 3},
    }
    for key, value in keys.items():
        section, _, name = key.partition("__")
        data[section][name] = value
    return config_from_mapping(data)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_shipped_config_passes(path: Path) -> None:
    report = run_check(load_config(path))
    assert report.agrees, report
    assert report.tolerance == 1e-9


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("kind", ["cumulative-average", "bigram"])
@pytest.mark.parametrize(("cell", "nonlinearity"), CELLS)
def test_every_net_and_loss_passes(cell: str, nonlinearity: str | None, kind: str, last: bool, layers: int) -> None:
    config = net(
        task__kind=kind,
        task__last_timestep_only=last,
        model__cell=cell,
        model__nonlinearity=nonlinearity,
        model__layers=layers,
    )
    report = run_check(config)
    assert report.agrees, report
    ways = {"flow", "modules", "complex step"} | ({"by hand", "paths"} if cell == "elman" else set())
    assert set(report.findings[0].differences) == ways
    states = 2 if cell == "lstm" else 1
    assert [f.name for f in report.findings if f.name.startswith("dL/d")] == [
        f"dL/d{kind} layer {layer}" for layer in range(layers) for kind in "hc"[:states]
    ]


def spoil(way: Callable[[AuditCase], Any], quantity: tuple[str, int | None]) -> Callable[[AuditCase], Any]:
    """Make a way wrong in its smallest number of one quantity, by a thousandth."""

    def wrong(case: AuditCase) -> Any:
        answer = way(case)
        values = answer.values if isinstance(answer, Projected) else answer
        spoiled = np.array(values[quantity])
        spoiled[0] *= 1.001
        values[quantity] = spoiled
        return answer

    return wrong


@pytest.mark.parametrize("name", list(WAYS))
@pytest.mark.parametrize("layer", [0, 1])
def test_a_wrong_gradient_is_found_and_named(name: str, layer: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(check_module.WAYS, name, spoil(WAYS[name], ("dL/dh", layer)))
    report = run_check(net(model__layers=2))
    assert not report.agrees
    assert report.convicted == [name]
    wrong = [finding for finding in report.findings if not finding.agrees]
    assert [(finding.name, finding.convicted) for finding in wrong] == [(f"dL/dh layer {layer}", (name,))]
    assert wrong[0].differences[name] > 1e-4


def test_a_wrong_parameter_gradient_of_an_lstm_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(check_module.WAYS, "flow", spoil(by_flow, ("bias_l0", None)))
    assert run_check(net(model__cell="lstm")).convicted == ["flow"]


def test_a_wrong_gradient_hides_behind_no_larger_one() -> None:
    """At t = 1 the gradient is 1e-10 of that at the last step; wrong by a thousandth, it is found all the same."""
    case = make_case(net(task__seq_len=20, task__last_timestep_only=True, model__weight_scale=0.2))
    right, wrong = by_modules(case), spoil(by_hand, ("dL/dh", 0))(case)
    sizes = np.linalg.norm(right["dL/dh", 0], axis=(1, 2))
    assert sizes[0] < 1e-9 * sizes[-1]
    (finding,) = [f for f in judge({"a": right, "b": by_flow(case), "c": wrong}, 1e-9) if not f.agrees]
    assert (finding.name, finding.convicted) == ("dL/dh layer 0", ("c",))


def test_two_ways_that_disagree_convict_neither() -> None:
    case = make_case(net())
    findings = judge({"flow": by_flow(case), "other": spoil(by_modules, ("dL/dh", 0))(case)}, 1e-9)
    (wrong,) = [finding for finding in findings if not finding.agrees]
    assert wrong.undecided
    assert wrong.convicted == ()


@pytest.mark.parametrize("what", ["gradient", "optimizer"])
def test_a_wrong_engine_is_found(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    original = TorchSession._update

    def wrong(self: TorchSession, x: Any, y: Any) -> None:
        if what == "gradient":
            y = y * 1.01
        original(self, x, y)
        if what == "optimizer":
            self._parameters_SP.sub_(1e-5)

    monkeypatch.setattr(TorchSession, "_update", wrong)
    report = run_check(net())
    assert report.convicted == ["torch engine"]
    assert all(finding.agrees for finding in report.findings)


@pytest.mark.parametrize(
    "keys", [{"training__optimizer": "sgd", "training__learning_rate": 0.5}, {"training__clip_norm": 0.01}]
)
def test_the_update_of_every_optimizer_is_checked(keys: dict[str, Any]) -> None:
    steps, unable = check_engines(net(**keys))
    assert unable == {}
    assert [step.name for step in steps] == ENGINES
    for step in steps:
        assert step.agrees, step


@pytest.mark.skipif("native" not in available_engines(), reason="the native engine is not built here")
@pytest.mark.parametrize("what", ["gradient", "update"])
def test_a_native_engine_that_is_wrong_beyond_float32_is_found(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a hundredth of what float32 can show."""
    right_gradient, right_train = Library.gradient, Library.train

    def gradient(self: Library, *args: Any) -> tuple[float, np.ndarray]:
        loss, gradient_P = right_gradient(self, *args)
        return loss, gradient_P * (1 + 1e-10)

    def train(self: Library, recipe: Any, net: Any, *args: Any) -> np.ndarray:
        if self.precision == "float64":
            net.rate *= 1 + 1e-4  # of an update a ten thousandth as large as the weights
        return right_train(self, recipe, net, *args)

    monkeypatch.setattr(Library, *(("gradient", gradient) if what == "gradient" else ("train", train)))
    report = run_check(net())
    assert report.convicted == ["native engine, float64"]
    assert all(finding.agrees for finding in report.findings)


def test_the_number_of_paths_is_counted() -> None:
    assert path_count(4, 1, last_only=True) == 4
    assert path_count(4, 1, last_only=False) == 10  # N (N + 1) / 2
    assert path_count(2, 2, last_only=False) == 3 + (1 + 2 + 1)
    assert by_paths(make_case(net(task__seq_len=300))) is None, "45,150 paths are too many"


def test_paths_are_each_walked(monkeypatch: pytest.MonkeyPatch) -> None:
    """With every Jacobian and exit 1, the gradient of a state is its number of paths."""
    config = net(
        task__seq_len=4, model__nonlinearity="identity", model__hidden_size=1, model__layers=2, record__sequences=1
    )
    case = make_case(config)
    ones = {name: np.ones_like(weight) for name, weight in case.weights.items()}
    monkeypatch.setattr("rnnlab.audit.paths.loss_gradient", lambda case, y: np.ones_like(y))
    answer = by_paths(AuditCase(case.architecture, ones, case.inputs_BTI, case.targets, case.loss))
    assert answer is not None
    assert answer["dL/dh", 1].ravel().tolist() == [4, 3, 2, 1]
    assert answer["dL/dh", 0].ravel().tolist() == [10, 6, 3, 1]


def test_the_complex_step_keeps_every_digit_of_a_tiny_gradient() -> None:
    case = make_case(
        net(
            task__seq_len=40,
            task__last_timestep_only=True,
            model__weight_scale=0.001,
            model__init="orthogonal",
            model__nonlinearity="identity",
        )
    )
    projected, right = by_complex_step(case), by_modules(case)
    values = projected.values["dL/dh", 0][0]
    assert 0 < np.abs(values).max() < 1e-100
    assert np.allclose(values, projected.project(("dL/dh", 0), right["dL/dh", 0])[0], rtol=1e-12, atol=0)


def test_ways_agree_with_the_lab_s_own_cell() -> None:
    """The byhand lab, written from its own equations for its own interface, sees the same dL/dh_t."""
    from rnnlab.labs.byhand import RNNCell

    case = make_case(net(model__hidden_size=3))
    weights, answer = case.weights, by_flow(case)
    cell = RNNCell(1, 3)
    cell.init_weights(weights["weight_ih_l0"], weights["weight_hh_l0"], weights["bias_l0"], np.zeros(3))
    states = [np.zeros((case.sequences, 3))]
    for t in range(case.timesteps):
        states.append(cell.forward(case.inputs_BTI[:, t], states[-1]))
    cell.zero_grad()
    exits = _exits(case, np.stack(states[1:]))
    later = np.zeros_like(states[0])
    for t in reversed(range(case.timesteps)):
        delta = exits[t] + later
        assert np.allclose(delta, answer["dL/dh", 0][t], rtol=1e-12, atol=1e-15)
        _, later = cell.backward(delta, states[t + 1], case.inputs_BTI[:, t], states[t])
    # The lab divides by the batch size too: both are gradients of the mean loss.
    assert np.allclose(cell.dW_hh, answer["weight_hh_l0", None], rtol=1e-12)


def _exits(case: AuditCase, h_TBH: np.ndarray) -> np.ndarray:
    predictions = h_TBH @ case.weights["readout_weight"].T + case.weights["readout_bias"]
    errors = predictions - case.targets.swapaxes(0, 1)
    return np.asarray(2 * errors / case.timesteps @ case.weights["readout_weight"])


def test_infinities_are_compared_as_they_are() -> None:
    quantity = ("dL/dh", 0)
    same: Answer = {quantity: np.array([[[np.inf, 1.0]], [[np.nan, 0.0]]])}
    other: Answer = {quantity: np.array([[[1e300, 1.0]], [[np.nan, 0.0]]])}
    assert judge({"a": same, "b": same}, 1e-9)[0].agrees
    assert judge({"a": same, "b": same, "c": other}, 1e-9)[0].convicted == ("c",)
