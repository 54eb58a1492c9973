"""A cell, a start, an optimizer, a nonlinearity and a task declared here, outside the package, are known everywhere."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import pytest
from pydantic import Field
from torch import Tensor

import rnnlab
from rnnlab.component import key
from rnnlab.config import (
    Config,
    ConfigError,
    canonical_json,
    config_from_mapping,
    describe_keys,
    identity,
    json_schema,
    load_config,
    load_sweep,
    write_config,
)
from rnnlab.config.sections import joined
from rnnlab.nets import CELLS, INITIALISERS, NONLINEARITIES, Elman, Nonlinearity
from rnnlab.nets.cells import LayerWeights, State
from rnnlab.nets.initialisers import Initialiser
from rnnlab.nets.plain import predict
from rnnlab.store import Run
from rnnlab.studies.planning import plan_sweep
from rnnlab.studies.run import run_one
from rnnlab.tasks import TASKS, MeanSquaredError, Task
from rnnlab.training import OPTIMIZERS, EngineError, Optimizer, available_engines

if TYPE_CHECKING:
    Moments = Mapping[str, Tensor]


@dataclass(frozen=True)
class Sluggish(Elman):
    """h_t = (1 - a) h_{t-1} + a σ(W_hh h_{t-1} + W_ih x_t + b)."""

    name: ClassVar[str] = "sluggish"
    place: ClassVar[int] = 100
    noun: ClassVar[str] = "a sluggish net"
    governing_matrix: ClassVar[str | None] = None
    why_no_matrix: ClassVar[str] = "no single matrix governs a sluggish net"

    drag: float = key(0.5, gt=0, le=1, description="How much of the state each step renews.")

    def step(self, drive_BG: Tensor, state: State, weights: LayerWeights) -> State:
        (new_BH,) = super().step(drive_BG, state, weights)
        return ((1 - self.drag) * state[0] + self.drag * new_BH,)


@dataclass(frozen=True)
class Lasting(Initialiser):
    """Biases that remember: ln of a uniform number up to the longest time."""

    name: ClassVar[str] = "lasting"
    meaning: ClassVar[str] = "with biases up to ln of a longest time"
    draws_biases: ClassVar[bool] = True

    longest: int = key(10, ge=2, description="The longest time that a bias is for.")

    def recurrent_matrix(self, generator: np.random.Generator, shape: tuple[int, ...], hidden_size: int) -> np.ndarray:
        return generator.standard_normal(shape) / math.sqrt(hidden_size)

    def bias(self, generator: np.random.Generator, shape: tuple[int, ...], hidden_size: int) -> np.ndarray:
        return np.asarray(np.log(generator.uniform(1, self.longest, shape)))


@dataclass(frozen=True)
class Heavy(Optimizer):
    """v ← μ v + g, p ← p - η v."""

    name: ClassVar[str] = "heavy"
    meaning: ClassVar[str] = "p ← p - η v, v ← μ v + g"
    moments: ClassVar[tuple[str, ...]] = ("velocity",)

    weight: float = key(0.9, ge=0, lt=1, description="μ, how much of the last step goes on.")

    def update(self, parameters_SP: Tensor, gradient_SP: Tensor, moments: Moments, rates_S1: Tensor, step: int) -> None:
        velocity_SP = moments["velocity"].mul_(self.weight).add_(gradient_SP)
        parameters_SP.sub_(rates_S1 * velocity_SP)


SOFTSIGN = Nonlinearity("softsign", "x / (1 + |x|)", lambda x: x / (1 + x.abs()))


class Echo(Task):
    """Give the input back."""

    kind: Literal["echo"] = Field("echo", description="What is learned: to give the input back.")
    seq_len: int = Field(4, ge=1, description="T.")
    input_size: ClassVar[int] = 1
    output_size: ClassVar[int] = 1
    loss: ClassVar[MeanSquaredError] = MeanSquaredError()
    loudness: float = Field(1.0, gt=0, description="The standard deviation of the inputs.")

    def sample(self, generator: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
        x_BT1 = self.loudness * generator.standard_normal((count, self.seq_len, 1), dtype=np.float32)
        return x_BT1, x_BT1.copy()

    def floors(self, *, linear: bool) -> dict[str, float]:
        return {"predict zero": self.loudness**2}


@pytest.fixture
def _declared() -> Iterator[None]:
    with (
        CELLS.extended(Sluggish),
        INITIALISERS.extended(Lasting),
        OPTIMIZERS.extended(Heavy),
        NONLINEARITIES.extended(SOFTSIGN),
        TASKS.extended(Echo),
    ):
        yield


KEYS: dict[str, dict[str, Any]] = {
    "cell": {"model": {"cell": "sluggish", "drag": 0.25}},
    "start": {"model": {"init": "lasting", "longest": 20}},
    "optimizer": {"training": {"optimizer": "heavy", "weight": 0.5, "learning_rate": 0.01}},
    "nonlinearity": {"model": {"nonlinearity": "softsign"}},
    "task": {"task": {"kind": "echo", "loudness": 2.0}},
}


def config(*parts: str, **others: dict[str, Any]) -> Config:
    """Give a small config that uses some of the declared things."""
    data: dict[str, Any] = {"name": "outside", "task": {}, "model": {"hidden_size": 4}, "training": {"batches": 3}}
    for keys in [KEYS[part] for part in parts] + [others]:
        for section, values in keys.items():
            data[section] = {**data.get(section, {}), **values}
    return config_from_mapping(data)


def make(config: Config, folder: Path) -> Run:
    return run_one(config, runs=folder, engine="torch").run


pytestmark = pytest.mark.usefixtures("_declared")


@pytest.mark.parametrize("parts", [[part] for part in KEYS] + [list(KEYS)], ids="+".join)
def test_what_is_declared_outside_trains_and_its_run_opens(parts: list[str], tmp_path: Path) -> None:
    mine = config(*parts)
    run = rnnlab.open_run(make(mine, tmp_path).path)
    assert run.config == mine
    assert np.isfinite(run.metrics["loss"]).all()
    assert np.isfinite(run.metrics["grad_norm"]).all()
    assert ("eigenvalues" in run.metrics) == (mine.model.cell == "elman")
    assert load_config(run.path / "config.yaml") == mine


def test_the_own_key_of_each_changes_what_is_trained(tmp_path: Path) -> None:
    others: dict[str, dict[str, Any]] = {
        "cell": {"model": {"drag": 1.0}},
        "start": {"model": {"longest": 5}},
        "optimizer": {"training": {"weight": 0.0}},
        "task": {"task": {"loudness": 1.0}},
    }
    for part, other in others.items():
        one, another = config(part), config(part, **other)
        assert identity(one) != identity(another)
        assert not np.array_equal(make(one, tmp_path).metrics["loss"], make(another, tmp_path).metrics["loss"]), part


def test_a_drag_of_one_is_an_elman_net_to_the_last_bit(tmp_path: Path) -> None:
    whole = config("cell", model={"drag": 1.0})
    first, second = (make(one, tmp_path).metrics["loss"] for one in (whole, config()))
    np.testing.assert_array_equal(first, second)


def test_momentum_of_zero_is_sgd(tmp_path: Path) -> None:
    plain = config(training={"optimizer": "sgd", "learning_rate": 0.01})
    without = config("optimizer", training={"weight": 0.0})
    first, second = (make(one, tmp_path).metrics["loss"] for one in (without, plain))
    np.testing.assert_allclose(first, second, rtol=1e-6)


def test_the_notebook_s_train_takes_it_too(tmp_path: Path) -> None:
    run = rnnlab.train(config(*KEYS), runs=tmp_path, engine="torch")
    assert run.info["config"]["model"]["drag"] == 0.25


@pytest.mark.parametrize("part", list(KEYS))
def test_auto_takes_the_first_engine_that_knows_it_and_the_run_says_which(part: str, tmp_path: Path) -> None:
    """What a net starts from and what it learns is no engine's business."""
    others = "native" if "native" in available_engines() else "torch"
    expected = others if part in ("start", "task") else "torch"
    assert run_one(config(part), runs=tmp_path).run.info["engine"] == expected


def test_each_run_of_a_sweep_has_the_first_engine_that_knows_it(tmp_path: Path) -> None:
    file = tmp_path / "cells.yaml"
    file.write_text("name: cells\nsweep:\n  axes:\n    model.cell: [elman, sluggish, gru]\n")
    plan = plan_sweep(load_sweep(file, []), tmp_path)
    fastest = available_engines()[-1]
    assert [run.engine for run in plan.runs] == [fastest, "torch", fastest]
    if fastest == "native":
        with pytest.raises(
            EngineError, match=r"the native engine does not know the cell 'sluggish', only .*--engine torch"
        ):
            plan_sweep(load_sweep(file, []), tmp_path, engine="native")


def test_its_keys_are_listed_beside_the_others() -> None:
    rows = {row.key: row for row in describe_keys()}
    keys = list(rows)
    assert rows["model.cell"].type == ", ".join(CELLS)
    assert list(CELLS)[-1] == "sluggish"
    assert rows["model.drag"][1:] == (
        "a number above 0 and of at most 1",
        "0.5",
        f"How much of the state each step renews; always null for {joined(list(CELLS)[:-1], 'and')}.",
    )
    assert keys.index("model.nonlinearity") < keys.index("model.drag") < keys.index("model.hidden_size")
    assert rows["model.nonlinearity"].type == ", ".join(NONLINEARITIES)
    assert "softsign" in NONLINEARITIES
    assert rows["model.longest"].type == "a whole number of at least 2"
    assert keys.index("model.init") < keys.index("model.longest") < keys.index("model.weight_scale")
    assert "; lasting with biases up to ln of a longest time." in rows["model.init"].description
    assert ", lasting) and bias_std make non-zero" in rows["model.bias_scale"].description
    assert rows["training.optimizer"].type == ", ".join(OPTIMIZERS)
    assert rows["training.weight"].type == "a number of at least 0 and below 1"
    assert "echo" in rows["task.kind"].type
    assert rows["task.loudness"].description == "echo: The standard deviation of the inputs."


def test_editors_complete_its_keys() -> None:
    sections = json_schema()["$defs"]
    assert sections["ModelSection"]["properties"]["cell"]["enum"] == list(CELLS)
    assert sections["ModelSection"]["properties"]["drag"]["default"] == 0.5
    assert "weight" in sections["TrainingSection"]["properties"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("model: {cell: sluggish, drag: 2}", "1:31: model.drag: got 2; valid: a number above 0 and of at most 1"),
        ("model: {cell: sluggish, drag: '0.5'}", "1:31: model.drag: got the string '0.5'; valid: a number above 0 and "
         "of at most 1. Did you mean 0.5, without quotes?"),
        ("model: {cell: sluggish, drag: null}", "1:31: model.drag: got null; a sluggish net needs one, such as 0.5"),
        ("model: {cell: sluggish, drog: 1}", "1:25: unknown key 'drog' in model. Did you mean 'drag'?"),
        ("model: {cell: slugish}",
         "1:15: model.cell: got 'slugish'; valid: {cells}. Did you mean 'sluggish'?"),
        ("training: {weight: x, optimizer: heavy}",
         "1:20: training.weight: got the string 'x'; valid: a number of at least 0 and below 1"),
        ("training: {drag: 1}", "1:12: unknown key 'drag' in training. 'drag' belongs in model"),
    ],
)  # fmt: skip
def test_wrong_values_give_the_usual_sentences(text: str, sentence: str, tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    assert str(caught.value) == f"{file}:{sentence}".replace("{cells}", ", ".join(CELLS))


def test_an_axis_over_its_own_key_expands_and_is_null_where_it_does_not_apply(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("sweep: {axes: {model.cell: [sluggish, lstm], model.drag: [0.1, 0.2]}}")
    expansion = load_sweep(file, ["training.optimizer=adam,heavy"]).expand()
    assert [(run.values["model.cell"], run.values["model.drag"]) for run in expansion.runs][::2] == [
        ("sluggish", 0.1),
        ("sluggish", 0.2),
        ("lstm", None),
    ]
    assert expansion.merged == 2


def test_a_run_without_it_is_the_same_run_whether_or_not_it_is_declared() -> None:
    written, content = write_config(config()), canonical_json(config())
    assert "drag" not in written
    assert "drag" not in content
    assert '"weight":' not in content
    assert '"drag":0.25' in canonical_json(config("cell"))
    untrained = config("optimizer", training={"batches": 0})
    assert identity(untrained) == identity(config(training={"batches": 0}))


def test_its_predictions_are_its_own_and_not_those_of_the_cell_that_it_extends() -> None:
    mine = config("cell")
    generator = np.random.default_rng(0)
    shapes = mine.model.architecture(mine.task).parameter_shapes
    weights = {name: generator.standard_normal(shape) for name, shape in shapes.items()}
    x_BTI = generator.standard_normal((2, 3, 1))
    h_BH = np.zeros((2, 4))
    for t in range(3):
        z_BH = x_BTI[:, t] @ weights["weight_ih_l0"].T + weights["bias_l0"] + h_BH @ weights["weight_hh_l0"].T
        h_BH = 0.75 * h_BH + 0.25 * np.tanh(z_BH)
    expected_BO = h_BH @ weights["readout_weight"].T + weights["readout_bias"]
    np.testing.assert_allclose(predict(vars(mine.model), weights, x_BTI)[:, -1], expected_BO, rtol=1e-12)


def test_two_keys_of_one_name_must_be_declared_alike() -> None:
    @dataclass(frozen=True)
    class Dragier(Sluggish):
        name: ClassVar[str] = "dragier"
        drag: float = key(0.1, gt=0, le=1, description="Less.")

    with CELLS.extended(Dragier), pytest.raises(ValueError, match="the cell 'sluggish' declares drag unlike another"):
        config()


def test_a_task_class_is_a_task_only_when_it_is_registered() -> None:
    class Unheard(Echo):
        kind: Literal["unheard"] = Field("unheard", description="Nothing.")  # type: ignore[assignment]

    assert "unheard" not in TASKS
    with pytest.raises(ConfigError, match="got 'unheard'; valid: adding, arrays, "):
        config(task={"kind": "unheard"})


def test_what_there_is_can_be_asked_without_torch_and_numpy() -> None:
    code = (
        "import sys\n"
        "from rnnlab.nets import CELLS, INITIALISERS, NONLINEARITIES\n"
        "from rnnlab.tasks import LOSSES, TASKS\n"
        "from rnnlab.training import OPTIMIZERS\n"
        "print(*(list(kind) for kind in (CELLS, INITIALISERS, NONLINEARITIES, LOSSES, TASKS, OPTIMIZERS)))\n"
        "assert not {'torch', 'numpy'} & set(sys.modules), 'imported'\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "['elman', 'lstm', 'gru'" in done.stdout
