"""Sweeps: axes in order, groups that move together, exclusions, merging, and their errors."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rnnlab.config import Sweep, identity
from rnnlab.nets import LSTM, Elman
from tests.config.conftest import Wrong
from tests.names import CELL_NAMES, NONLINEARITY_CHOICES
from tests.work import calls_of

SweepOf = Callable[..., Sweep]


def values(sweep: Sweep) -> list[tuple[object, ...]]:
    return [tuple(run.values.values()) for run in sweep.expand().runs]


def test_no_axis_is_one_run(sweep_of: SweepOf) -> None:
    sweep = sweep_of("seed: 3")
    assert (sweep.axes, sweep.count) == ({}, 1)
    (run,) = sweep.expand().runs
    assert (run.config, run.values) == (sweep.base, {})


def test_the_first_axis_is_slowest_and_seeds_fastest(sweep_of: SweepOf) -> None:
    sweep = sweep_of(
        "seed: 7\nsweep:\n  seeds: 2\n  axes:\n    model.weight_scale: [1, 0.5]\n    model.init: [uniform, gaussian]"
    )
    assert sweep.axes == {"model.weight_scale": (1.0, 0.5), "model.init": ("uniform", "gaussian"), "seed": (7, 8)}
    assert values(sweep) == [(w, i, s) for w in (1.0, 0.5) for i in ("uniform", "gaussian") for s in (7, 8)]
    run = sweep.expand().runs[-1].config
    assert (run.model.weight_scale, run.model.init, run.seed, run.sweep) == (0.5, "gaussian", 8, None)


def test_a_seed_axis_replaces_seeds(sweep_of: SweepOf) -> None:
    assert sweep_of("sweep: {seeds: 5, axes: {seed: [9]}}").axes == {"seed": (9,)}
    assert sweep_of("sweep: {seeds: 5}", ["seed=1,2"]).axes == {"seed": (1, 2)}


def test_seeds_begin_at_the_seed_of_the_command_line(sweep_of: SweepOf) -> None:
    assert sweep_of("sweep: {seeds: 3}", ["seed=10"]).axes == {"seed": (10, 11, 12)}
    assert sweep_of("sweep: {seeds: 3}", ["sweep.seeds=2"]).axes == {"seed": (0, 1)}


def test_axes_of_the_command_line(sweep_of: SweepOf) -> None:
    text = "sweep: {axes: {model.layers: [1, 2], model.init: [uniform, gaussian]}, seeds: 2}"
    overrides = ["model.weight_scale=linspace( 0, 1, 3 )", "model.layers=3,'4'".replace("'", ""), "model.init=identity"]
    assert list(sweep_of(text, overrides).axes.items()) == [
        ("model.layers", (3, 4)),
        ("model.init", ("identity",)),
        ("model.weight_scale", (0.0, 0.5, 1.0)),
        ("seed", (0, 1)),
    ]
    assert sweep_of(text, overrides).base.model.init == "identity"
    assert sweep_of("{}", ["model.hidden_size=range(8, 33, 8)"]).axes == {"model.hidden_size": (8, 16, 24, 32)}
    assert sweep_of("{}", ["model.cell=\"lstm\",'gru'"]).axes == {"model.cell": ("lstm", "gru")}


def test_the_file_and_the_command_line_make_the_same_runs(sweep_of: SweepOf) -> None:
    in_file = sweep_of("sweep: {axes: {model.weight_scale: {logspace: [-1, 1, 7]}}}").expand().runs
    typed = sweep_of("{}", ["model.weight_scale=logspace(-1,1,7)"]).expand().runs
    listed = sweep_of("{}", ["model.weight_scale=" + ",".join(str(r.values["model.weight_scale"]) for r in typed)])
    assert [identity(r.config) for r in in_file] == [identity(r.config) for r in typed]
    assert [identity(r.config) for r in in_file] == [identity(r.config) for r in listed.expand().runs]


def test_whole_points_become_whole_numbers(sweep_of: SweepOf) -> None:
    axes = sweep_of("sweep: {axes: {model.layers: {linspace: [1, 3, 3]}, seed: {logspace: [0, 2, 3]}}}").axes
    assert axes == {"model.layers": (1, 2, 3), "seed": (1, 10, 100)}
    assert all(type(value) is int for points in axes.values() for value in points)


def test_axes_that_move_together(sweep_of: SweepOf) -> None:
    sweep = sweep_of(
        "sweep:\n  axes: {model.layers: [1, 2], model.init: [uniform, gaussian], model.hidden_size: [8, 4]}\n"
        "  zip: [[model.hidden_size, model.layers]]"
    )
    assert sweep.count == 4
    assert list(sweep.expand().runs[0].values) == ["model.hidden_size", "model.layers", "model.init"]
    assert values(sweep) == [(8, 1, "uniform"), (8, 1, "gaussian"), (4, 2, "uniform"), (4, 2, "gaussian")]


def test_exclusions(sweep_of: SweepOf) -> None:
    text = "sweep:\n  axes: {model.layers: [1, 2], model.weight_scale: [1, 2, 3]}\n  exclude: "
    entry = "[{model.layers: 2, model.weight_scale: [1, 2.0]}]"
    assert values(sweep_of(text + entry)) == [(1, 1.0), (1, 2.0), (1, 3.0), (2, 3.0)]
    assert sweep_of(text + entry).expand().excluded == 2
    assert sweep_of(text + entry).count == 6
    # A key that is no axis has the value of the base config.
    assert sweep_of(text + "[{model.layers: 2, model.cell: lstm}]").expand().excluded == 0
    assert sweep_of(text + "[{model.layers: 2, model.cell: elman}]").expand().excluded == 3


def test_runs_that_turn_out_the_same_are_merged_and_counted(sweep_of: SweepOf) -> None:
    expansion = sweep_of("sweep: {axes: {model.cell: [elman, lstm], model.nonlinearity: [tanh, relu, tanh]}}").expand()
    assert [tuple(run.values.values()) for run in expansion.runs] == [
        ("elman", "tanh"),
        ("elman", "relu"),
        ("lstm", None),
    ]
    assert expansion.merged == 3


def test_a_nonlinearity_of_the_file_comes_back_with_an_elman_cell(sweep_of: SweepOf) -> None:
    sweep = sweep_of("model: {cell: lstm, nonlinearity: relu}\nsweep: {axes: {model.cell: [lstm, elman]}}")
    assert [run.config.model.make_cell() for run in sweep.expand().runs] == [LSTM(), Elman("relu")]


def test_a_limit_gives_the_first_runs(sweep_of: SweepOf) -> None:
    sweep = sweep_of("sweep: {seeds: 5}")
    assert sweep.expand(limit=2).runs == sweep.expand().runs[:2]
    assert sweep.expand(limit=0).runs == []


def test_counting_and_a_limit_look_at_no_more_runs_however_many_there_are(sweep_of: SweepOf) -> None:
    few, many = (
        sweep_of(f"sweep: {{axes: {{model.weight_scale: {axis}, model.bias_scale: {axis}}}, seeds: 5}}")
        for axis in ("{linspace: [0, 1, 10]}", "{linspace: [0, 1, 1000]}")
    )
    assert (few.count, many.count) == (500, 5_000_000)
    assert calls_of(lambda: many.count) == calls_of(lambda: few.count)
    assert len(many.expand(limit=3).runs) == 3
    assert calls_of(lambda: many.expand(limit=3)) == calls_of(lambda: few.expand(limit=3))


def test_a_run_more_costs_the_same_however_many_there_are(sweep_of: SweepOf) -> None:
    def calls(runs: int) -> int:
        sweep = sweep_of(f"sweep: {{axes: {{model.weight_scale: {{linspace: [0, 1, {runs // 5}]}}}}, seeds: 5}}")
        assert len(sweep.expand().runs) == runs
        return calls_of(sweep.expand)

    few, many = calls(100), calls(800)
    assert many <= 8 * few


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("axes: {name: [a, b]}", "1:16: 'name' cannot be swept: all runs of a sweep stand in one folder"),
        ("axes: {sweep.seeds: [1]}", "1:16: unknown key 'sweep.seeds'. Did you mean 'seed'?"),
        ("axes: {weight_scale: [1]}", "1:16: unknown key 'weight_scale'. Did you mean 'model.weight_scale'?"),
        ("axes: {model: {layers: [1]}}", "1:16: 'model' is a whole section; set one of its keys: model.cell, "),
        ("axes: {model.layers: []}", "1:30: sweep.axes.model.layers: the axis is empty; give it at least one value"),
        ("axes: {model.layers: 3}",
         "1:30: sweep.axes.model.layers: got 3; valid: a list of values, linspace, geomspace, logspace or range"),
        ("axes: {model.layers: [1, 2.0]}", "1:34: sweep.axes.model.layers: got 2.0; "
         "valid: a whole number of at least 1. Did you mean 2?"),
        ("axes: {model.layers: {linspace: [1, 2, 3]}}",
         "1:30: sweep.axes.model.layers: got 1.5; valid: a whole number of at least 1"),
        ("axes: {model.layers: {linspace: [1, 2, 5]}}",
         "1:30: sweep.axes.model.layers: got 1.25; valid: a whole number of at least 1"),
        ("axes: {model.weight_scale: [[1, 2]]}",
         "1:37: sweep.axes.model.weight_scale: got a list; valid: a finite number"),
        ("axes: {model.nonlinearity: [null]}", "1:37: sweep.axes.model.nonlinearity: got null; an elman net needs one; "
         f"choose {NONLINEARITY_CHOICES} (in the combination model.nonlinearity=null)"),
        ("axes: [1]", "1:15: sweep.axes: got a list; valid: a mapping of dotted keys to their values"),
        ("seeds: 0", "1:16: sweep.seeds: got 0; valid: a whole number from 1 to 100000"),
        ("seeds: true", "1:16: sweep.seeds: got true; valid: a whole number from 1 to 100000"),
        ("seeds: 1000000000", "1:16: sweep.seeds: got 1000000000; valid: a whole number from 1 to 100000"),
        ("axis: {}", "1:9: unknown key 'axis' in sweep. Did you mean 'axes'?"),
        ("model.layers: [1]", "1:9: unknown key 'model.layers' in sweep. An axis stands below 'axes:'"),
        ("axes: {model.layers: [1], seed: [1, 2]}, zip: [[model.layers, seed]]", "1:56: sweep.zip: axes that move "
         "together have equally many values; model.layers has 1, seed has 2"),
        ("axes: {seed: [1]}, zip: [[seed], [seed]]",
         "1:42: sweep.zip: 'seed' stands in two groups; an axis moves with one group"),
        ("axes: {seed: [1]}, zip: [[seed, seed]]", "1:34: sweep.zip: an axis is named twice in this group"),
        ("axes: {seed: [1]}, zip: [seed]",
         "1:34: sweep.zip: a group is a list of axes, for example [model.hidden_size, model.layers]"),
        ("axes: {seed: [1]}, zip: [[sed]]",
         "1:35: sweep.zip: 'sed' is not an axis of this sweep. Did you mean 'seed'?"),
        ("exclude: {}", "1:18: sweep.exclude: got a mapping; valid: a list of mappings of keys to values"),
        ("exclude: [{}]",
         "1:19: sweep.exclude: an exclusion maps keys to values, for example {model.cell: lstm}"),
        ("exclude: [{model.cell: [elman, lstn]}]",
         f"1:40: sweep.exclude.model.cell: got 'lstn'; valid: {CELL_NAMES}. Did you mean 'lstm'?"),
        ("exclude: [{layers: 1}]", "1:20: unknown key 'layers'. Did you mean 'model.layers'?"),
        ("exclude: [{seed: 0}]", "1:18: sweep.exclude: every combination is left out; no run remains"),
    ],
)  # fmt: skip
def test_one_problem(wrong_sweep: Wrong, section: str, message: str) -> None:
    (line,) = wrong_sweep(f"sweep: {{{section}}}")
    assert line == f"a.yaml:{message}" or (message.endswith(" ") and line.startswith(f"a.yaml:{message}"))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.cell=lstm,gur", f"got 'gur'; valid: {CELL_NAMES}. Did you mean 'gru'?"),
        ("model.layers=1,,2", "a value is missing beside a ','"),
        ("model.layers=linspace(1,2)",
         "write linspace(first, last, number of values), for example linspace(0.25, 2.5, 10)"),
        ("model.layers=Linspace(1,2,2)",
         "'Linspace' is not known; valid: linspace(...), geomspace(...), logspace(...), range(...)"),
        ("model.layers=range(2,1,1)", "the range is empty; from start, the step must lead towards stop"),
        ("model.weight_scale=[1,2]", "got a list; valid: a finite number"),
        ("name=a,b", "'name' takes one value and cannot be an axis"),
        ("sweep.seeds=1,2", "'sweep.seeds' takes one value and cannot be an axis"),
        ("sweep.axes=1", "write the axis itself, for example model.weight_scale=0.5,1,2 or sweep.seeds=5"),
        ("sweep.seeds=0", "got 0; valid: a whole number from 1 to 100000"),
        ("sweep.seeds=true", "got true; valid: a whole number from 1 to 100000"),
        ("model.weight_scale=1),2", "got the string '1)'; valid: a finite number"),
    ],
)  # fmt: skip
def test_one_problem_of_the_command_line(wrong_sweep: Wrong, override: str, message: str) -> None:
    assert wrong_sweep("{}", [override]) == [f"command line: {override}: {message}"]


def test_a_quote_inside_of_a_word_quotes_nothing(wrong_sweep: Wrong) -> None:
    assert wrong_sweep("{}", ["model.cell=it's,gru,x's"]) == [
        f"command line: model.cell=it's,gru,x's: got 'it's'; valid: {CELL_NAMES}",
        f"command line: model.cell=it's,gru,x's: got 'x's'; valid: {CELL_NAMES}",
    ]


def test_the_largest_number_of_seeds_is_admitted(sweep_of: SweepOf) -> None:
    assert sweep_of("sweep: {seeds: 100000}").count == 100_000


def test_seeds_end_at_the_largest_seed(sweep_of: SweepOf, wrong_sweep: Wrong) -> None:
    assert sweep_of("seed: 4294967294\nsweep: {seeds: 2}").axes["seed"][-1] == 2**32 - 1
    assert wrong_sweep("seed: 4294967294\nsweep: {seeds: 3}") == [
        "a.yaml:2:16: sweep.seeds: 3 seeds from 4294967294 go beyond the largest seed, 4294967295"
    ]


def test_only_the_first_wrong_combinations_are_told(wrong_sweep: Wrong) -> None:
    lines = wrong_sweep("sweep: {axes: {model.init: [uniform, bigram]}, seeds: 1000}")
    assert len(lines) == 11
    assert "(in the combination model.init=bigram, seed=0)" in lines[0]
    assert lines[-1] == "a.yaml: other combinations were not looked at"
