"""Overrides: read by the rules of the file, checked with it, and told of as the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnlab.config import Config, ConfigError, config_from_mapping, load_sweep
from rnnlab.nets import Elman
from tests.config.conftest import Wrong
from tests.names import CELL_NAMES, MODEL_KEYS

Load = Callable[..., Config]
SWEEP_ONLY = "several values are for `rnnlab sweep`; here a key takes one value"


def test_overrides_take_the_place_of_the_files_values_before_anything_is_checked(load: Load) -> None:
    config = load(
        "model: {hidden_size: many, cell: lstm}\ntraining: {clip_norm: 1}",
        ["model.hidden_size=8", " training.clip_norm = null", "name='x-1'", "seed=0x10", "training.learning_rate=1e-3"],
    )
    assert (config.model.hidden_size, config.model.cell, config.name, config.seed) == (8, "lstm", "x-1", 16)
    assert (config.training.clip_norm, config.training.learning_rate) == (None, 0.001)


def test_an_override_reaches_a_nonlinearity_that_did_not_apply(load: Load) -> None:
    assert load("model: {cell: lstm, nonlinearity: relu}", ["model.cell=elman"]).model.make_cell() == Elman("relu")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("seed", "an override is written key=value, for example model.hidden_size=64"),
        ("=3", "the key before '=' is missing"),
        ("seed=", "got null; valid: a whole number from 0 to 4294967295"),
        ("weight_scale=2", "unknown key 'weight_scale'. Did you mean 'model.weight_scale'?"),
        ("wieght_scale=2", "unknown key 'wieght_scale'. Did you mean 'model.weight_scale'?"),
        ("model.learning_rate=2", "unknown key 'model.learning_rate'. Did you mean 'training.learning_rate'?"),
        ("model.weight_scale=abc", "got the string 'abc'; valid: a finite number"),
        ("model.weight_scale=[1,2]", "got a list; valid: a finite number"),
        ("model.weight_scale=[1", "this '[' is never closed, or a comma is missing after it"),
        ("model.weight_scale='1'", "got the string '1'; valid: a finite number. Did you mean 1, without quotes?"),
        ("record.weights=yes", "got the string 'yes'; valid: true or false. Did you mean true, without quotes?"),
        ("seed=" + "9" * 5000, "a number of 5000 digits is too long"),
        ("model=3", "'model' is a whole section; set one of its keys: "
         + ", ".join(f"model.{key}" for key in MODEL_KEYS.split(", "))),
        ("model.nonlinearity=tanh,relu", SWEEP_ONLY),
        ("model.weight_scale=linspace(0,1,3)", SWEEP_ONLY),
        ("seed=range(1, 3, 1)", SWEEP_ONLY),
        ("sweep.seeds=3", "this is read by `rnnlab sweep` only; here one run is described"),
    ],
)  # fmt: skip
def test_one_problem(wrong: Wrong, override: str, message: str) -> None:
    shown = override if len(override) <= 60 else override[:57] + "..."
    assert wrong("{}", [override]) == [f"command line: {shown}: {message}"]


def test_a_key_cannot_be_given_twice(wrong: Wrong) -> None:
    assert wrong("{}", ["seed=1", "seed=1"]) == ["command line: seed=1: 'seed' is given twice on the command line"]


def test_a_control_character_is_escaped(wrong: Wrong) -> None:
    assert wrong("{}", ["model.cell=\x1b[2J"]) == [
        f"command line: model.cell=\\x1b[2J: got '\\x1b[2J'; valid: {CELL_NAMES}"
    ]


def test_the_files_own_sweep_is_checked_and_left_out(load: Load, wrong: Wrong) -> None:
    text = "sweep: {axes: {model.layers: [1, 2]}, seeds: 3}"
    assert load(text) == load("{}")
    assert load(text, ["model.layers=5"]).model.layers == 5
    assert wrong(text, ["model.layers=0"]) == [
        "command line: model.layers=0: got 0; valid: a whole number of at least 1"
    ]
    assert wrong("sweep: {axes: {model.layers: [0]}}") == [
        "a.yaml:1:31: sweep.axes.model.layers: got 0; valid: a whole number of at least 1"
    ]


PIECES = st.sampled_from(
    ["model.", "seed", "name", "sweep.", "weight_scale", "=", ",", "(", ")", "[", "]", "{", "'", '"', "linspace",
     "1e999", "range", "null", "&a", "*a", "!x", "\\", "\0", "\ud800", "\x1b", "9" * 5000, "- ", ": ", "#", "---",
     "é", " "]
)  # fmt: skip


OVERRIDES = st.lists(st.lists(PIECES, max_size=8).map("".join) | st.text(max_size=20), max_size=3)


@settings(derandomize=True, deadline=None, max_examples=1000)
@given(OVERRIDES)
def test_no_override_makes_a_traceback(overrides: list[str]) -> None:
    try:
        config = config_from_mapping({"name": "x"}, overrides)
    except ConfigError as error:
        assert all(problem.source in {"command line", "<mapping>"} for problem in error.problems)
        str(error).encode()
    else:
        assert isinstance(config, Config)


@pytest.fixture(scope="module")
def empty_config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("configs") / "a.yaml"
    path.write_text("sweep: {axes: {model.weight_scale: [1, 2]}}")
    return path


@settings(derandomize=True, deadline=None, max_examples=1000)
@given(OVERRIDES, st.sampled_from(["", "model.weight_scale=", "seed=range(", "model.cell=", "sweep.seeds="]))
def test_no_axis_of_the_command_line_makes_a_traceback(empty_config: Path, overrides: list[str], prefix: str) -> None:
    try:
        sweep = load_sweep(empty_config, [prefix + one for one in overrides])
        assert len(sweep.expand(limit=3).runs) >= 1
    except ConfigError as error:
        str(error).encode()
