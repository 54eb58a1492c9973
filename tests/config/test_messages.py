"""The exact texts of errors in a file: a change of wording shows here."""

from __future__ import annotations

import pytest

from rnnlab.tasks import TASKS
from tests.config.conftest import Wrong
from tests.names import CELL_NAMES, INIT_NAMES, MODEL_KEYS, NONLINEARITY_CHOICES, NONLINEARITY_NAMES

KINDS = ", ".join(TASKS)

SYNTAX = [
    ("seed: 1\nseed: 2", "2:1: the key 'seed' is given twice, here and on line 1"),
    ("model:\n\tcell: lstm", "2:1: a tab stands here; YAML is indented with spaces"),
    ("name: 'abc\nseed: 1", "1:7: this quote is never closed"),
    ('name: "abc\nseed: 1', "1:7: this quote is never closed"),
    ("sweep: {axes: {seed: [1, 2}}", "1:22: this '[' is never closed, or a comma is missing after it"),
    ("sweep: {axes: {seed: [1, 2]}", "1:8: this '{' is never closed, or a comma is missing after it"),
    ("seed: 1\nmodel\n", "2:1: this is neither a `key: value` nor part of a value; a ':' is missing"),
    ("model: cell: lstm", "1:12: a ':' cannot stand here; check the indentation and the line above, "
     "and put a value that contains ': ' in quotes"),
    ("model:\n    cell: lstm\n  layers: 1", "3:3: this does not fit the lines above; check the indentation"),
    ("name: @x", "1:7: a value cannot begin with this character; put it in quotes"),
    ("name: - x", "1:7: this cannot stand here; check the indentation"),
    ('name: "a\\qb"', '1:10: a backslash in double quotes begins an escape that YAML does not know; use single quotes'),
    ('name: "\\UFFFFFFFF"', "1:10: this character code does not exist"),
    ("name: *a", "1:7: an alias (*a) is not read here; write the value itself"),
    ("name: &a x", "1:7: an anchor (&a) is not read here; write the value where it is used"),
    ("name: !foo x", "1:7: a tag (!foo) is not read here; write the plain value"),
    ("name: !!str x", "1:7: a tag (!!str) is not read here; write the plain value"),
    ("name: !!python/object/apply:os.system [ls]",
     "1:7: a tag (!!python/object/apply:os.system) is not read here; write the plain value"),
    ("seed: 1\n---\nseed: 2", "2:1: a second document begins here; keep one config in one file"),
    ("<<: {seed: 1}",
     "1:1: unknown key '<<' at the top level; valid: name, seed, extensions, task, model, training, record, sweep"),
    ("1: x", "1:1: a key must be a name; got 1"),
    ("? [a, b]\n: x", "1:3: a key must be a name; got a list"),
    ("a: " + "[" * 30, "1:23: values are nested more than 20 levels deep"),
    ("seed: " + "9" * 5000, "1:7: a number of 5000 digits is too long"),
]  # fmt: skip

KEYS = [
    ("model:\n  hiden_size: 3", "2:3: unknown key 'hiden_size' in model. Did you mean 'hidden_size'?"),
    ("model:\n  foo: 3", f"2:3: unknown key 'foo' in model; valid: {MODEL_KEYS}"),
    ("model:\n  learning_rate: 3", "2:3: unknown key 'learning_rate' in model. 'learning_rate' belongs in training"),
    ("task:\n  seed: 3", "2:3: unknown key 'seed' in task. 'seed' belongs at the top level"),
    ("cell: lstm", "1:1: unknown key 'cell' at the top level. 'cell' belongs in model"),
    ("model.cell: lstm", "1:1: unknown key 'model.cell'; write 'cell' below 'model:'"),
    ("modle: {}", "1:1: unknown key 'modle' at the top level. Did you mean 'model'?"),
    ("model: lstm", "1:8: model: this is a section and holds keys; got 'lstm'"),
    ("sweep: [1]", "1:8: sweep: this is a section and holds keys; got a list"),
    ('model: {"ce\\u001bll": 1}', "1:9: unknown key 'ce\\x1bll' in model. Did you mean 'cell'?"),
]

VALUES = [
    ("model: {nonlinearity: thanh}",
     f"1:23: model.nonlinearity: got 'thanh'; valid: {NONLINEARITY_NAMES}. Did you mean 'tanh'?"),
    ("model:\n  nonlinearity: null",
     f"2:17: model.nonlinearity: got null; an elman net needs one; choose {NONLINEARITY_CHOICES}"),
    ("model: {cell: LSTM}", f"1:15: model.cell: got 'LSTM'; valid: {CELL_NAMES}. Did you mean 'lstm'?"),
    ("model: {cell: lstm, nonlinearity: sine}", f"1:35: model.nonlinearity: got 'sine'; valid: {NONLINEARITY_NAMES}"),
    ("task: {kind: cumulative-avrage}", f"1:14: task.kind: got 'cumulative-avrage'; valid: {KINDS}. "
     "Did you mean 'cumulative-average'?"),
    ("task: {kind: 3}", f"1:14: task.kind: got 3; valid: {KINDS}"),
    ("training: {batches: 5000.0}",
     "1:21: training.batches: got 5000.0; valid: a whole number of at least 0. Did you mean 5000?"),
    ("training: {batches: 0.5}", "1:21: training.batches: got 0.5; valid: a whole number of at least 0"),
    ("training: {batches: '10'}", "1:21: training.batches: got the string '10'; "
     "valid: a whole number of at least 0. Did you mean 10, without quotes?"),
    ("training: {batches: 1_000}", "1:21: training.batches: got the string '1_000'; "
     "valid: a whole number of at least 0. Did you mean 1000, without quotes?"),
    ("training: {batches: true}", "1:21: training.batches: got true; valid: a whole number of at least 0"),
    ("training: {batches: }", "1:20: training.batches: got null; valid: a whole number of at least 0"),
    ("training: {learning_rate: 0}", "1:27: training.learning_rate: got 0; valid: a number above 0"),
    ("training: {clip_norm: -1}", "1:23: training.clip_norm: got -1; valid: a number above 0, or null"),
    ("model: {weight_scale: .nan}", "1:23: model.weight_scale: got .nan, not a finite number; valid: a finite number"),
    ("model: {weight_scale: -1e999}",
     "1:23: model.weight_scale: got -.inf, not a finite number; valid: a finite number"),
    ("model: {weight_scale: [1]}", "1:23: model.weight_scale: got a list; valid: a finite number"),
    ("model: {weight_scale: {a: 1}}", "1:23: model.weight_scale: got a mapping; valid: a finite number"),
    ("record: {weights: yes}", "1:19: record.weights: got the string 'yes'; valid: true or false. "
     "Did you mean true, without quotes?"),
    *((f"record: {{weights: {word}}}", f"1:19: record.weights: got the string '{word}'; valid: true or false. "
       f"Did you mean {truth}, without quotes?")
      for word, truth in [("on", "true"), ("Y", "true"), ("No", "false"), ("off", "false"), ("n", "false")]),
    ("record: {weights: 1}", "1:19: record.weights: got 1; valid: true or false"),
    ("record: {every: 0}", "1:17: record.every: got 0; valid: a whole number of at least 1"),
    ("seed: -1", "1:7: seed: got -1; valid: a whole number from 0 to 4294967295"),
    ("seed: 4294967296", "1:7: seed: got 4294967296; valid: a whole number from 0 to 4294967295"),
    ("name: ../x", "1:7: name: got '../x'; valid: 1 to 100 letters, digits, '.', '_' or '-', "
     "of which the first is a letter, a digit or '_'"),
    ("name: 2024", "1:7: name: got 2024; valid: 1 to 100 letters, digits, '.', '_' or '-', "
     "of which the first is a letter, a digit or '_'. Did you mean '2024', in quotes?"),
    ("model: {cell: " + "x" * 200 + "}", f"1:15: model.cell: got '{'x' * 57}...'; valid: {CELL_NAMES}"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), SYNTAX + KEYS + VALUES)
def test_one_problem(wrong: Wrong, text: str, message: str) -> None:
    assert wrong(text) == [f"a.yaml:{message}"]


def test_all_problems_are_told_in_the_order_of_the_file_then_the_command_line(wrong: Wrong) -> None:
    text = "model:\n  cell: &a lstn\n  layers: 0\nsweep:\n  axes:\n    layers: [1]\n  seed: 3\n"
    text += "record: 5\nseed: x\nseed: 1\n"
    assert wrong(text, ["model.init=kaiming", "x"]) == [
        "a.yaml:2:9: an anchor (&a) is not read here; write the value where it is used",
        "a.yaml:3:11: model.layers: got 0; valid: a whole number of at least 1",
        "a.yaml:6:5: unknown key 'layers'. Did you mean 'model.layers'?",
        "a.yaml:7:3: unknown key 'seed' in sweep. An axis stands below 'axes:'",
        "a.yaml:8:9: record: this is a section and holds keys; got 5",
        "a.yaml:9:7: seed: got the string 'x'; valid: a whole number from 0 to 4294967295",
        "a.yaml:10:1: the key 'seed' is given twice, here and on line 9",
        "command line: x: an override is written key=value, for example model.hidden_size=64",
        f"command line: model.init=kaiming: got 'kaiming'; valid: {INIT_NAMES}. Did you mean 'kaiming-normal'?",
    ]


def test_problems_of_one_line_are_told_from_left_to_right(wrong: Wrong) -> None:
    assert wrong("model: {layers: 0, hidden_size: 0, cell: x}\n") == [
        "a.yaml:1:17: model.layers: got 0; valid: a whole number of at least 1",
        "a.yaml:1:33: model.hidden_size: got 0; valid: a whole number of at least 1",
        f"a.yaml:1:42: model.cell: got 'x'; valid: {CELL_NAMES}",
    ]


@pytest.mark.parametrize(
    ("problems", "rest"), [(100, []), (101, ["and 1 more problems"]), (150, ["and 50 more problems"])]
)
def test_more_problems_than_anyone_reads_are_counted(wrong: Wrong, problems: int, rest: list[str]) -> None:
    lines = wrong("".join(f"key{i}: 1\n" for i in range(problems)))
    assert lines[100:] == [f"a.yaml: {words}" for words in rest]
    assert all("unknown key" in line for line in lines[:100])
