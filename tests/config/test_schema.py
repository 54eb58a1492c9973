"""Defaults, strictness, names, and what is generated from the models."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable, Iterator
from typing import Any, Literal

import pytest
from pydantic import Field, ValidationError

import rnnlab.config.schema
from rnnlab.config import (
    Config,
    ConfigError,
    ModelSection,
    canonical_json,
    config_from_mapping,
    describe_keys,
    differences,
    flatten,
    json_schema,
    load_config,
    load_run,
    write_config,
)
from rnnlab.nets import CELLS
from rnnlab.tasks import TASKS
from rnnlab.tasks.cumulative_average import CumulativeAverage
from tests.config.conftest import Write
from tests.names import CELL_NAMES

Load = Callable[..., Config]

DEFAULTS = {
    "name": "a",
    "seed": 0,
    "task.kind": "cumulative-average",
    "task.seq_len": 10,
    "task.last_timestep_only": False,
    "model.cell": "elman",
    "model.nonlinearity": "tanh",
    "model.hidden_size": 32,
    "model.layers": 1,
    "model.init": "uniform",
    "model.weight_scale": 1.0,
    "model.bias_scale": 1.0,
    "training.batches": 5000,
    "training.batch_size": 32,
    "training.optimizer": "adam",
    "training.learning_rate": 1.0e-4,
    "training.clip_norm": None,
    "record.every": 100,
    "record.sequences": 32,
    "record.weights": False,
}


@pytest.mark.parametrize("text", ["{}", "seed: 0", "model:\ntraining:\nsweep:\n"])
def test_everything_may_be_left_out(load: Load, text: str) -> None:
    given = flatten(load(text))
    assert {key: value for key, value in given.items() if key in DEFAULTS} == DEFAULTS
    assert [key for key in given if key in DEFAULTS] == list(DEFAULTS)


def test_keys_that_came_later_say_nothing_by_default(load: Load) -> None:
    """So a config from before they came means what it meant."""
    sections = json.loads(canonical_json(load("{}")))
    assert {f"{name}.{key}" for name, keys in sections.items() if isinstance(keys, dict) for key in keys} <= {*DEFAULTS}


def test_whole_numbers_are_numbers(load: Load) -> None:
    config = load("model: {weight_scale: 2}\ntraining: {learning_rate: 1, clip_norm: 3}")
    values = config.model.weight_scale, config.training.learning_rate, config.training.clip_norm
    assert values == (2.0, 1.0, 3.0)
    assert all(type(value) is float for value in values)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("given", ["tanh", "relu", "null"])
def test_a_nonlinearity_does_not_apply_to_gated_cells(load: Load, cell: str, given: str) -> None:
    assert flatten(load(f"model: {{cell: {cell}, nonlinearity: {given}}}"))["model.nonlinearity"] is None
    assert flatten(load(f"model: {{cell: {cell}}}"))["model.nonlinearity"] is None


def test_a_config_is_frozen_and_hashable(load: Load) -> None:
    config = load("{}")
    with pytest.raises(ValidationError, match="frozen"):
        config.seed = 1  # type: ignore[misc]
    assert hash(config) == hash(load("{}"))


def test_python_callers_get_the_same_strictness() -> None:
    assert Config(name="x", task={"seq_len": 3}).task.seq_len == 3  # type: ignore[arg-type]
    assert Config(name="x").task == CumulativeAverage()
    for wrong in ({"hidden_size": 1.0}, {"hidden_size": True}, {"cell": "rnn"}, {"weight_scale": float("inf")}):
        with pytest.raises(ValidationError):
            ModelSection.model_validate(wrong)
    with pytest.raises(ValidationError, match="unknown task kind 'parity'; valid: adding, arrays, "):
        Config.model_validate({"name": "x", "task": {"kind": "parity"}})


@pytest.mark.parametrize("name", ["a", "_a", "2x", "día-1", "日本", "a.b_c-d", "x" * 100, "'001'", "'null'"])
def test_names(load: Load, name: str) -> None:
    assert load(f"name: {name}").name == name.strip("'")


@pytest.mark.parametrize(
    "name",
    ["''", "..", ".a", "-a", "a/b", "a\\b", "a b", "a:b", "x" * 101, "日" * 67, "½", "'a\n\n b'", '"a\\u202e"', "~"],
)
def test_names_that_are_no_folder(write: Write, name: str) -> None:
    with pytest.raises(ConfigError, match="name: got"):
        load_config(write(f"name: {name}" if name[0] not in "-." else f"name: '{name}'"))


def test_a_file_without_a_name_is_called_after_itself(write: Write) -> None:
    path = write("seed: 1")
    assert load_config(path.rename("my_first.study.yaml")).name == "my-first.study"
    write("seed: 1").rename("my file.yaml")
    with pytest.raises(ConfigError) as caught:
        load_config("my file.yaml")
    assert str(caught.value).startswith(
        "my file.yaml: `name:` is missing, and the file's own name cannot be one; valid:"
    )
    assert load_config("my file.yaml", ["name=other"]).name == "other"


def test_mappings_are_checked_like_files() -> None:
    config = config_from_mapping({"name": "x", "model": {"hidden_size": 8}}, ["seed=3"])
    assert (config.model.hidden_size, config.seed) == (8, 3)
    with pytest.raises(ConfigError) as caught:
        config_from_mapping({"model": {"hiden_size": 8, 3: 1}, "seed": object(), "task": (1, 2)}, source="here")
    assert str(caught.value).splitlines() == [
        "here: model: a key must be a name; got 3",
        "here: seed: got a value of type builtins.object; "
        "valid: text, a number, true, false, null, a list or a mapping",
        "here: task: this is a section and holds keys; got a list",
        "here: `name:` is missing, a config needs one; valid: " + rnnlab.config.schema.VALID_NAME,
        "here: unknown key 'hiden_size' in model. Did you mean 'hidden_size'?",
    ]


def test_numpy_numbers_are_numbers() -> None:
    import numpy as np

    data = {"name": np.str_("x"), "seed": np.int64(3), "model": {"weight_scale": np.float32(0.5)}}
    config = config_from_mapping(data)
    assert [type(v) for v in (config.name, config.seed, config.model.weight_scale)] == [str, int, float]


@pytest.mark.parametrize(
    ("number", "said"),
    [(10**100 - 1, "got a number of very many digits; valid"), (-(10**100), "the number has too many digits")],
)
def test_a_hundred_digits_of_a_mapping_are_read_and_no_more(number: int, said: str) -> None:
    with pytest.raises(ConfigError, match=f"seed: {said}"):
        config_from_mapping({"name": "x", "seed": number})


def test_a_mapping_that_holds_itself_or_monstrous_numbers_is_refused() -> None:
    knot: dict[str, Any] = {"name": "x"}
    knot["model"] = knot
    for data in (knot, {"seed": 10**5000}, {"model": {"weight_scale": 10**400}}, {1: 2}, None, [1]):
        with pytest.raises(ConfigError):
            config_from_mapping(data)  # type: ignore[arg-type]


def test_differences(load: Load) -> None:
    a, b = load("{}"), load("name: b\nmodel: {cell: gru}")
    assert differences(a, b) == {
        "name": ("a", "b"),
        "model.cell": ("elman", "gru"),
        "model.nonlinearity": ("tanh", None),
    }
    assert differences(a, a) == {}


def test_every_key_is_described() -> None:
    rows = describe_keys()
    keys = [row.key for row in rows]
    assert list(dict.fromkeys(key for key in keys if key in DEFAULTS)) == list(DEFAULTS)
    assert keys[-4:] == ["sweep.axes", "sweep.seeds", "sweep.zip", "sweep.exclude"]
    assert all(row.description.endswith(".") and row.type for row in rows)
    by_key = {row.key: row for row in rows}
    assert by_key["model.cell"][1:3] == (CELL_NAMES, "elman")
    assert by_key["training.learning_rate"][1:3] == ("a number above 0", "0.0001")
    assert by_key["training.clip_norm"][1:3] == ("a number above 0, or null", "null")


def test_the_json_schema_covers_the_sections_and_refuses_unknown_keys() -> None:
    schema = json_schema()
    assert schema["$schema"].startswith("https://json-schema.org/")
    assert schema["title"] == "rnnlab config"
    assert list(schema["properties"]) == ["name", "seed", "extensions", "task", "model", "training", "record", "sweep"]
    assert schema["additionalProperties"] is False
    assert schema["required"] == []
    assert schema["$defs"]["ModelSection"]["properties"]["cell"]["enum"] == list(CELLS)
    kinds = [task["properties"]["kind"]["const"] for task in schema["properties"]["task"]["anyOf"][:-1]]
    assert kinds == list(TASKS)
    assert "Linspace" in schema["$defs"]


class Waiting(CumulativeAverage):
    """A second task, as later versions have them."""

    kind: Literal["waiting"] = Field("waiting", description="What is learned: to wait.")  # type: ignore[assignment]
    delay: int = Field(4, ge=0, description="Steps to wait.")

    def model_post_init(self, context: object) -> None:
        if self.delay >= self.seq_len:
            raise ValueError("delay must be smaller than seq_len")


@pytest.fixture
def _waiting() -> Iterator[None]:
    with TASKS.extended(Waiting):
        yield


@pytest.mark.usefixtures("_waiting")
def test_each_task_has_its_own_keys(load: Load, wrong: Callable[..., list[str]]) -> None:
    config = load("task: {kind: waiting, delay: 2}")
    assert isinstance(config.task, Waiting)
    assert config == load(write_config(config))
    assert wrong("task: {delay: 2}") == [
        "a.yaml:1:8: unknown key 'delay' in task; valid: kind, seq_len, last_timestep_only"
    ]
    assert wrong("task: {kind: wating, delay: 2}") == [
        f"a.yaml:1:14: task.kind: got 'wating'; valid: {', '.join(TASKS)}. Did you mean 'waiting'?"
    ]
    assert load("{}", ["task.kind=waiting", "task.delay=3"]).task.model_dump()["delay"] == 3


@pytest.mark.usefixtures("_waiting")
def test_a_task_may_refuse_a_combination_of_its_keys(wrong: Callable[..., list[str]]) -> None:
    assert wrong("task:\n  kind: waiting\n  delay: 10") == ["a.yaml:2:3: task: delay must be smaller than seq_len"]


@pytest.mark.usefixtures("_waiting")
def test_keys_of_every_task_are_described() -> None:
    rows = {row.key: row for row in describe_keys()}
    assert rows["task.kind"].type == ", ".join(TASKS)
    assert "waiting" in TASKS
    assert rows["task.delay"].description == "waiting: Steps to wait."
    assert list(rows).index("task.delay") < list(rows).index("model.cell")
    tasks = {one["properties"]["kind"]["const"]: one for one in json_schema()["properties"]["task"]["anyOf"][:-1]}
    assert "required" not in tasks["cumulative-average"]
    assert tasks["waiting"]["required"] == ["kind"]


def test_a_config_can_be_pickled_and_copied(load: Load) -> None:
    config = load("model: {cell: gru, layers: 2}\ntraining: {clip_norm: 1}")
    for again in (pickle.loads(pickle.dumps(config)), copy.deepcopy(config), config.model_copy()):
        assert again == config
        assert write_config(again) == write_config(config)


def test_a_run_is_read_once_with_what_its_overrides_changed(write: Write) -> None:
    file = write("model: {cell: elman}\nsweep: {seeds: 2}")
    read = load_run(file, ["model.cell=lstm", "name=other"])
    assert read.config == load_config(file, ["model.cell=lstm", "name=other"])
    assert read.changed == {"model.cell": "lstm", "model.nonlinearity": None}
    assert read.has_axes
    assert load_run({"name": "x", "seed": 3}).changed == {}
    assert not load_run({"name": "x"}).has_axes
