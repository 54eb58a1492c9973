"""Runs are named by what tells them apart, in every command; configs by the name that they come with."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from rnnlab.cli.text import table, values
from rnnlab.store import list_runs, open_run
from tests.cli.conftest import Call


@pytest.fixture
def study(call: Call) -> Path:
    """Give a study of two scales and two seeds; the last run that is finished has the scale 1.5 and the seed 1."""
    assert call("sweep", "tiny.yaml", "-q", "--on", "inline", "model.weight_scale=0.5,1.5", "seed=0,1").code == 0
    return Path("runs/tiny")


def named(study: Path, scale: float, seed: int) -> Path:
    """Find a run by its config."""
    runs = [open_run(entry.path) for entry in list_runs(study)]
    (found,) = [run for run in runs if (run.config.model.weight_scale, run.config.seed) == (scale, seed)]
    return found.path


def test_a_run_has_many_names(call: Call, study: Path) -> None:
    run = named(study, 1.5, 1)
    last = max((open_run(entry.path) for entry in list_runs(study)), key=lambda run: run.record.finished).path
    for name, meant in [
        (run, run),
        (run.relative_to("runs"), run),
        ("runs/tiny/weight_scale=1.5,seed=1", run),
        ("tiny/seed=1,model.weight_scale=1.5,cell=elman", run),
        ("weight_scale=1.50,seed=1", run),
        (f"tiny/{run.name[-12:-5]}", run),
        (run.name[-12:], run),
        ("tiny/@last", last),
        ("@last", last),
    ]:
        result = call("show", name)
        assert (result.code, result.err) == (0, ""), name
        assert result.out.startswith(f"{meant}\n"), name


def test_every_command_takes_these_names(call: Call, study: Path) -> None:
    run = named(study, 0.5, 0)
    for command in (
        ["show"], ["explain"], ["diff", study / "@last"], ["export"], ["plot", "--kind", "loss"], ["verify"], ["ls"],
        ["measure", "--quantities", "lags", "-q"], ["tag"], ["note"], ["pack", "--out", "a.tar.gz"],
    ):  # fmt: skip
        for name in ("runs/tiny/weight_scale=0.5,seed=0", f"tiny/{run.name[-12:-6]}"):
            result = call(command[0], *command[1:], name, *(["-f"] if command[0] == "pack" else []))
            assert (result.code, result.err) == (0, ""), command


def test_a_name_that_several_runs_share_is_told_for_one_and_means_all_for_many(call: Call, study: Path) -> None:
    result = call("diff", "tiny/seed=1", "tiny/@last")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("tiny/seed=1 is the name of 2 runs; name one of them, e.g. runs/tiny/")
    assert call("show", "tiny/seed=1").out.startswith("tiny/seed=1: 2 runs, 2 completed\n")
    rows = list(csv.DictReader(io.StringIO(call("export", "tiny/seed=1").out)))
    assert {row["run"] for row in rows} == {named(study, scale, 1).name for scale in (0.5, 1.5)}
    assert call("plot", "tiny/seed=1", "--kind", "loss", "-o", "some.png").out == "some.png\n"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("nowhere", "there is no folder nowhere\n"),
        ("tundra", "there is no folder tundra\n"),
        ("runs/tundra", "there is no folder runs/tundra\n"),
        ("runs/tinny", "there is no folder runs/tinny. Did you mean 'runs/tiny'?\n"),
        ("tinny", "there is no folder tinny. Did you mean 'tiny'?\n"),
        ("runs/tinny/seed=1", "there is no folder runs/tinny/seed=1. Did you mean 'runs/tiny'?\n"),
        ("tiny/seed=4", "none of the 4 runs in runs/tiny meets seed=4 (seed is 0, 1)\n"),
        ("tiny/@lats", "runs/tiny has no run '@lats'; rnnlab ls shows what there is. Did you mean '@last'?\n"),
        ("tiny/cell=lst", "none of the 4 runs in runs/tiny meets cell=lst\n"),
        ("tiny/cell=elmann", "no run has cell=elmann; valid: elman. Did you mean 'elman'?\n"),
        ("tiny/w", "'w' is the beginning of 4 runs; name one of them, e.g. runs/tiny/weight_scale="),
    ],
)
def test_a_name_that_means_nothing_is_a_sentence(call: Call, study: Path, name: str, sentence: str) -> None:
    result = call("show", name)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith(sentence)


def test_the_first_steps_of_the_help_work_one_after_the_other(call: Call) -> None:
    help_text = call("--help").out
    steps = help_text[help_text.index("First steps:") :].splitlines()[1:]
    lines = [line.strip().split("  ")[0].split()[1:] for line in steps if line.strip()]
    assert len(lines) >= 6
    for line in lines:
        result = call(*line)
        assert (result.code, result.err) == (0, ""), line


def test_a_config_is_found_by_its_name_and_that_is_said(call: Call) -> None:
    result = call("train", "vanishing", "training.batches=0", "-n")
    assert result.code == 0
    assert result.err == "vanishing is taken for the config vanishing.yaml that comes with rnnlab\n"
    assert call("train", "configs/vanishing.yaml", "-n").err.startswith("configs/vanishing.yaml is taken for the con")
    assert call("train", "vanishing", "-n", "-q").err == ""
    assert call("train", "tiny", "-n").err == "tiny is taken for the config tiny.yaml in this folder\n"
    assert call("sweep", "weight-scale", "-n").code == 0
    result = call("train", "vanishign")
    assert (result.code, result.out) == (2, "")
    assert result.err.endswith("there is no such file. Did you mean 'vanishing', which comes with rnnlab?\n")


def test_a_key_that_does_not_apply_is_said(call: Call) -> None:
    said = "model.nonlinearity is left aside: model.cell=lstm has no such key\n"
    for command in ("train", "sweep", "validate"):
        options = [] if command == "validate" else ["-n"]
        assert call(command, "tiny.yaml", "model.cell=lstm", "model.nonlinearity=tanh", *options).err == said
        assert call(command, "tiny.yaml", "model.cell=lstm", *options).err == ""
    assert call("sweep", "tiny.yaml", "model.cell=lstm,elman", "model.nonlinearity=relu", "-n").err == ""
    assert call("train", "tiny.yaml", "model.cell=lstm", "model.nonlinearity=tanh", "-q").err == ""


@pytest.mark.parametrize("key", ["training.lr=0.1", "training.bs=2", "model.activation=relu", "lr=0.1"])
def test_a_key_by_the_name_of_other_programs_is_understood(call: Call, key: str) -> None:
    meant = {"lr": "training.learning_rate", "bs": "training.batch_size", "activation": "model.nonlinearity"}
    name = key.partition("=")[0].rpartition(".")[2]
    assert call("train", "tiny.yaml", key).err.endswith(f"Did you mean '{meant[name]}'?\n")


def test_the_runs_folder_may_begin_with_a_tilde(call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RNNLAB_RUNS", "~/mine")
    assert call("train", "tiny.yaml", "-q").code == 0
    assert [path.name for path in (tmp_path / "home" / "mine").iterdir()] == ["tiny"]
    assert not Path("~").exists()


def test_conditions_reach_over_all_studies_and_all_keys(call: Call, study: Path) -> None:
    assert call("train", "tiny.yaml", "-q", "model.cell=lstm", "name=other").code == 0
    rows = json.loads(call("ls", "--where", "seed=0", "--json").out)
    assert [row["run"].split("/")[0] for row in rows] == ["other", "tiny", "tiny"]
    (row,) = json.loads(call("ls", "--where", "cell==lstm", "--json").out)
    assert Path(row["path"]).parent == Path("runs/other")
    exported = list(csv.DictReader(io.StringIO(call("export", "runs", "--where", "cell=lstm", "-t", "loss").out)))
    assert {row["run"] for row in exported} == {Path(row["run"]).name for row in exported}
    assert call("plot", "runs", "--where", "cell=lstm", "-o", "lstm.png").out == "lstm.png\n"
    assert call("ls", "tiny", "--where", "batch_size=4", "--json").out.count('"path"') == 4


def test_nothing_found_is_said_and_is_an_exit_code(call: Call, study: Path) -> None:
    said = "none of the 4 runs in runs/tiny meets final_loss<0 (final_loss is "
    for command in (["ls", study], ["ls", study, "--csv"], ["ls", study, "--json"], ["export", study], ["plot", study]):
        result = call(*command, "--where", "final_loss<0")
        assert result.code == 1
        assert result.err.startswith(said)
    assert json.loads(call("ls", study, "--json", "--where", "seed=9").out) == []


def test_an_export_of_a_study_has_a_column_for_each_axis(call: Call, study: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(call("export", study, "-t", "loss").out)))
    assert list(rows[0])[:3] == ["run", "model.weight_scale", "seed"]
    for row in rows:
        run = open_run(study / row["run"])
        assert (float(row["model.weight_scale"]), int(row["seed"])) == (run.config.model.weight_scale, run.config.seed)
    objects = json.loads(call("export", study, "-t", "loss", "--format", "json").out)
    assert [str(each["seed"]) for each in objects] == [row["seed"] for row in rows]
    assert call("export", f"{study}/@last", "-t", "loss").out.startswith("run,batch")


def test_a_file_holds_what_its_name_says(call: Call, study: Path) -> None:
    for name, said in [("a.parquet", "to_parquet"), ("a.xlsx", "A spreadsheet opens CSV"), ("a.npz", "metrics.npz")]:
        result = call("export", study, "-o", name)
        assert (result.code, Path(name).exists()) == (2, False)
        assert said in result.err
    assert call("export", study, "-t", "loss", "-o", "a.json").code == 0
    assert len(json.loads(Path("a.json").read_text())) == 48
    assert "ends in .json, and --format says csv" in call("export", study, "-o", "b.json", "--format", "csv").err
    assert "ends in .pdf, and --format says png" in call("plot", study, "-o", "a.pdf", "--format", "png").err
    assert call("graph", "tiny.yaml", "-o", "g.pdf").out == "g.pdf\n"
    assert Path("g.pdf").read_bytes().startswith(b"%PDF")


def test_two_kinds_under_one_prefix_are_two_files(call: Call, tiny: Path) -> None:
    for kind in ("loss", "flow"):
        assert call("plot", tiny, "-o", "fig", "--kind", kind).out == f"fig-{kind}.png\n"
    assert call("plot", tiny, "-o", "fig").out == "fig.png\n"
    assert call("plot", tiny, "-o", "fig.svg", "--kind", "loss").out == "fig.svg\n"
    assert Path("fig.svg").read_bytes().startswith(b"<?xml")


def test_groups_have_their_median_and_quartiles_and_say_how_many_have_none(call: Call, study: Path) -> None:
    one, two = (open_run(named(study, 0.5, seed)).summary["final_loss"] for seed in (0, 1))
    (first, _) = json.loads(call("ls", study, "--group-by", "weight_scale", "--json").out)
    assert (first["model.weight_scale"], first["runs"], first["final_loss_runs"]) == (0.5, 2, 2)
    assert first["final_loss_median"] == pytest.approx((one + two) / 2)
    assert first["final_loss_q1"] == pytest.approx(min(one, two) + abs(one - two) / 4)
    lines = call("ls", study, "--group-by", "cell,seed", "--format", "markdown").out.splitlines()
    assert lines[0].startswith("| cell | seed | runs | final loss |")
    assert [line.split(" | ")[:3] for line in lines[2:]] == [["| elman", "0", "2"], ["| elman", "1", "2"]]
    latex = call("ls", study, "--group-by", "weight_scale", "--format", "latex").out
    assert r"weight\_scale & runs & final loss" in latex
    assert latex.count(r" \\") == 3


def test_the_best_run_is_the_least_the_greatest_or_the_nearest(call: Call, study: Path) -> None:
    runs = [open_run(entry.path) for entry in list_runs(study)]
    by_loss = [str(run.path) for run in sorted(runs, key=lambda run: run.summary["final_loss"])]
    assert call("best", "tiny").out.split() == by_loss[:1]
    assert call("best", "tiny", "--largest", "--first", "9").out.split() == by_loss[::-1]
    goal = open_run(by_loss[2]).summary["final_loss"]
    assert call("best", "tiny", "--near", goal).out.split() == [by_loss[2]]
    (found,) = json.loads(call("best", "tiny", "--where", "seed=1", "--by", "final-loss", "--json").out)
    assert found["path"] == next(path for path in by_loss if open_run(path).config.seed == 1)
    assert "Did you mean 'final_loss'?" in call("best", "tiny", "--by", "final_los").err


def test_a_study_in_the_making_is_not_empty(call: Call, tiny: Path) -> None:
    (tiny.parent / ".0123456789ab").mkdir()
    tiny.rename("elsewhere")
    assert call("ls", "tiny").out == "runs/tiny: 1 run in the making, none finished yet.\n"


def test_an_index_that_names_runs_that_are_gone_is_renewed_and_that_is_said(call: Call, study: Path) -> None:
    gone = named(study, 0.5, 0)
    gone.rename("elsewhere")
    result = call("ls", study, "--json")
    assert result.err == f"no longer there, though index.csv named them: {gone.name}; it is written anew\n"
    assert gone.name not in (study / "index.csv").read_text()
    assert call("ls", study).err == ""


def test_values_that_differ_look_different() -> None:
    assert values([0.5, 1.0]) == ["0.5", "1"]
    assert values([0.333333, 0.3333335, 2]) == ["0.333333", "0.333334", "2"]
    assert values([1e-4, "tanh", None, 1.0001e-4]) == ["1.0000e-04", "tanh", "-", "1.0001e-04"]


def test_a_table_that_does_not_fit_is_folded_with_every_column() -> None:
    rows = [["a-name-that-is-long-enough-to-be-shortened", 1.5, 22, "word"], ["b", 2.5, 33, "other"]]
    folded = table(["run", "first", "second", "third"], rows, width=40)
    lines = folded.split("\n")
    assert max(map(len, lines)) <= 40
    assert len(lines) == 6
    assert [line.split() for line in lines[::2]] == [
        ["run", "first"],
        ["a-name-that-is-l~-to-be-shortened", "1.5"],
        ["b", "2.5"],
    ]
    assert [line.split() for line in lines[1::2]] == [["second", "third"], ["22", "word"], ["33", "other"]]
    assert "1.5" in table(["run", "first"], [["x", 1.5]], width=40)


@pytest.mark.parametrize(("written", "meant"), [("2h30", "2h30m"), ("1m30", "1m30s")])
def test_a_time_without_its_unit_is_refused(call: Call, written: str, meant: str) -> None:
    result = call("sweep", "tiny.yaml", "--max-time", written)
    assert (result.code, result.out) == (2, "")
    assert f"got '{written}'; write {meant}, with its unit" in result.err


def test_a_log_has_an_end_however_a_sweep_ends(call: Call) -> None:
    Path("runs/tiny").parent.mkdir()
    Path("runs/tiny").write_text("in the way")
    assert call("sweep", "tiny.yaml", "-q", "--log", "sweep.log", "--on", "inline").code != 0
    begin, end = Path("sweep.log").read_text().splitlines()
    assert " begin " in begin
    assert " end: " in end


def test_the_values_of_a_plan_are_written_in_full(call: Call) -> None:
    out = call("sweep", "tiny.yaml", "-n", "model.weight_scale=linspace(0.333333,0.333334,3)").out
    assert "  model.weight_scale: 3 (0.333333, 0.3333335, 0.333334)\n" in out
