"""ls, show, diff and export: what they print of runs that are whole, damaged, many or none."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnlab.store import open_run
from tests.cli.conftest import DIVERGING, Call


def test_ls_of_no_runs_folder_says_how_to_make_one(call: Call) -> None:
    result = call("ls")
    assert (result.code, result.err) == (0, "")
    assert result.out == "There is no runs folder runs yet; rnnlab train CONFIG makes one.\n"
    assert json.loads(call("ls", "--json").out) == []


def test_ls_of_an_empty_runs_folder_says_so(call: Call) -> None:
    Path("runs").mkdir()
    assert call("ls").out == "runs holds no runs yet; rnnlab train CONFIG makes one.\n"
    assert json.loads(call("ls", "--json").out) == []


def test_ls_of_a_folder_that_is_not_there_is_a_usage_error(call: Call) -> None:
    result = call("ls", "nowhere")
    assert (result.code, result.out, result.err) == (2, "", "there is no folder nowhere\n")


def test_runs_of_train_and_of_sweep_are_found_alike_whatever_their_labels_begin_with(call: Call) -> None:
    """`train` labels in the order of the config, `sweep` in that of its axes."""
    assert call("train", "tiny.yaml", "-q", "model.weight_scale=1.5", "seed=1").code == 0
    assert call("sweep", "tiny.yaml", "-q", "-j1", "model.weight_scale=0.5,1.5", "seed=2,3").code == 0
    labels = {path.name.rpartition("-")[0] for path in Path("runs/tiny").glob("*-*")}
    assert {"seed=1,weight_scale=1.5", "weight_scale=1.5,seed=2"} <= labels
    for seed in (1, 2):
        conditions = ["--where", "weight_scale=1.5", "--where", f"seed={seed}"]
        (row,) = json.loads(call("ls", "runs/tiny", "--json", *conditions).out)
        (named,) = {*Path("runs/tiny").glob(f"*seed={seed}*")} & {*Path("runs/tiny").glob("*weight_scale=1.5*")}
        assert Path(row["path"]) == named
        assert call("show", named).out.startswith(f"{named}\ncompleted")


def test_ls_lists_studies(call: Call, tiny: Path) -> None:
    assert call("train", "tiny.yaml", "-q", "seed=1").code == 0
    assert call("train", "tiny.yaml", "-q", *DIVERGING, "training.batches=40").code == 0
    (tiny / "run.json").unlink()
    rows = json.loads(call("ls", "--json").out)
    found = [tuple(row[key] for key in ("study", "runs", "completed", "diverged", "damaged")) for row in rows]
    assert found == [("diverging", 1, 0, 1, 0), ("tiny", 2, 1, 0, 1)]
    assert all(row["unfinished"] == 0 for row in rows)
    lines = call("ls").out.splitlines()
    assert lines[0].split() == [
        "study",
        "runs",
        "completed",
        "diverged",
        "damaged",
        "unfinished",
        "last",
        "finished",
        "(UTC)",
    ]
    assert lines[2].split()[:6] == ["tiny", "2", "1", "0", "1", "0"]


def test_ls_lists_the_runs_of_a_study_and_names_damage(call: Call, tiny: Path) -> None:
    assert call("train", "tiny.yaml", "-q", "model.weight_scale=1.5").code == 0
    (tiny / "run.json").write_text("{")
    result = call("ls", "runs/tiny")
    assert result.code == 0
    header, first, second = result.out.splitlines()
    assert header.split()[:3] == ["run", "status", "seed"]
    assert first.split()[:2] == [tiny.name, "damaged"]
    assert second.split()[1] == "completed"
    assert result.err == (f"damaged: {tiny.name}: run.json is damaged (it is not the JSON that rnnlab writes)\n")


def test_ls_shows_what_was_varied(call: Call, tiny: Path) -> None:
    assert call("train", "tiny.yaml", "-q", "model.weight_scale=1.5").code == 0
    header, *rows = call("ls", "runs/tiny").out.splitlines()
    assert header.split()[:4] == ["run", "status", "weight_scale", "seed"]
    assert [row.split()[2] for row in rows] == ["1", "1.5"]


def test_ls_json_of_a_study_has_every_number(call: Call, tiny: Path) -> None:
    (row,) = json.loads(call("ls", "runs/tiny", "--json").out)
    assert (row["path"], row["status"], row["seed"]) == (str(tiny), "completed", 0)
    for name, value in open_run(tiny).summary.items():
        assert row[name] == value
    (tiny / "weights.npz").unlink()
    (row,) = json.loads(call("ls", "runs/tiny", "--json").out)
    assert (row["status"], row["damage"]) == ("damaged", "weights.npz is missing")


def test_ls_of_a_run_lists_its_files(call: Call, tiny: Path) -> None:
    lines = call("ls", tiny).out.splitlines()
    assert lines[0] == f"{tiny}: completed"
    assert [line.split()[0] for line in lines[1:]] == [
        "file",
        "config.yaml",
        "metrics.npz",
        "exponent.npz",
        "weights.npz",
    ]
    (value,) = json.loads(call("ls", tiny, "--json").out)
    assert value.pop("path") == str(tiny)
    assert value == open_run(tiny).info


def test_ls_takes_the_runs_folder_from_the_option_and_the_variable(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    assert call("train", "tiny.yaml", "-q", "--runs", "other").code == 0
    assert "tiny" in call("ls", "--runs", "other").out
    monkeypatch.setenv("RNNLAB_RUNS", "other")
    assert "tiny" in call("ls").out


def test_control_characters_never_reach_the_terminal(call: Call, tiny: Path) -> None:
    evil = Path("runs/tiny") / "\x1b[2J-0123456789ab"
    evil.mkdir()
    (evil / "run.json").write_text(json.dumps({"files": {"\x1b[31m": {"bytes": 1}}}))
    for arguments in (["ls", "runs/tiny"], ["ls", evil], ["show", evil], ["export", "runs/tiny"]):
        result = call(*arguments)
        assert "\x1b" not in result.out + result.err
        assert "\\x1b[2J-0123456789ab" in result.out + result.err


@pytest.mark.parametrize("command", ["show", "export", "ls"])
def test_a_damaged_run_is_a_sentence_for_every_command(call: Call, tiny: Path, command: str) -> None:
    content = (tiny / "metrics.npz").read_bytes()
    (tiny / "metrics.npz").write_bytes(content[:50])
    result = call(command, tiny)
    assert (result.code, result.out) == (2, "")
    assert result.err == f"{tiny} is damaged: metrics.npz has 50 bytes where run.json says {len(content)}\n"


def test_show_checks_every_byte(call: Call, tiny: Path) -> None:
    content = bytearray((tiny / "weights.npz").read_bytes())
    content[len(content) // 2] ^= 1
    (tiny / "weights.npz").write_bytes(bytes(content))
    result = call("show", tiny)
    assert (result.code, result.out) == (2, "")
    assert result.err == f"{tiny}/weights.npz has changed since it was written (its checksum differs)\n"


def test_show_shows_the_run(call: Call, tiny: Path) -> None:
    result = call("show", "runs/tiny")
    info = open_run(tiny).info
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[0] == str(tiny)
    assert f"identity     {info['identity']}" in lines
    assert "probe loss, update 0 to 12" in lines
    assert "training     batches=12 batch_size=4 optimizer=adam learning_rate=0.01" in result.out
    value = json.loads(call("show", tiny, "--json").out)
    assert value.pop("path") == str(tiny)
    assert value == info


def test_show_of_a_study_shows_what_was_swept_and_the_best_run(call: Call, tiny: Path) -> None:
    assert call("train", "tiny.yaml", "-q", "seed=1").code == 0
    assert call("train", "tiny.yaml", "-q", *DIVERGING[:3], "training.batches=40").code == 0
    result = call("show", "runs/tiny")
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[0] == "runs/tiny: 3 runs, 2 completed, 1 diverged"
    assert "seed                   2 values: 0, 1" in lines
    losses = {run.path: run.summary["final_loss"] for run in map(open_run, Path("runs/tiny").glob("*-*"))}
    best = min((path for path in losses if losses[path] is not None), key=lambda path: losses[path])
    assert f"  {best}" in lines
    assert any(line.startswith("  diverged at update ") for line in lines)
    value = json.loads(call("show", "tiny", "--json").out)
    assert (value["runs"], value["best"]["path"]) == (3, str(best))
    assert value["summary"]["final_loss"]["count"] == 2
    assert value["axes"]["seed"] == [0, 1]
    result = call("show", "runs")
    assert (result.code, result.err) == (
        2,
        "runs is not a run folder and holds none; rnnlab ls shows what there is\n",
    )


def test_a_command_for_one_run_asks_which_of_a_study_is_meant(call: Call, tiny: Path) -> None:
    assert call("train", "tiny.yaml", "-q", "seed=1").code == 0
    result = call("diff", "runs/tiny", tiny)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith(f"runs/tiny holds 2 runs; name one of them, e.g. {tiny.name}, seed=1-")


def test_diff_tells_what_differs(call: Call, tiny: Path) -> None:
    assert call("train", "tiny.yaml", "-q", "seed=1", "model.cell=lstm", "name=other").code == 0
    result = call("diff", tiny, "runs/other")
    assert (result.code, result.err) == (0, "")
    rows = [line.split() for line in result.out.splitlines()]
    assert ["seed", "0", "1"] in rows
    assert ["model.cell", "elman", "lstm"] in rows
    assert ["model.nonlinearity", "tanh", "null"] in rows
    value = json.loads(call("diff", tiny, "runs/other", "--json").out)
    keys = {row["key"]: (row["left"], row["right"]) for row in value["results"]}
    assert keys["final_loss"][0] == open_run(tiny).summary["final_loss"]
    assert {row["key"] for row in value["config"]} == {"name", "seed", "model.cell", "model.nonlinearity"}


def test_diff_of_equal_runs_says_so(call: Call, tiny: Path) -> None:
    assert call("train", "tiny.yaml", "-q", "--runs", "again").code == 0
    result = call("diff", tiny, "again/tiny")
    assert "The configs are the same." in result.out
    assert result.out.endswith("\nThe metrics are the same to the byte.\n")
    assert json.loads(call("diff", tiny, "again/tiny", "--json").out)["config"] == []


def _export(call: Call, *arguments: object) -> list[dict[str, Any]]:
    result = call("export", *arguments)
    assert (result.code, result.err) == (0, "")
    header, *rows = csv.reader(io.StringIO(result.out))
    assert len(set(header)) == len(header)
    as_csv = [dict(zip(header, row, strict=True)) for row in rows]
    as_json = json.loads(call("export", *arguments, "--format", "json").out)
    assert [list(row) for row in as_json] == [list(row) for row in as_csv]
    for one, other in zip(as_csv, as_json, strict=True):
        for key, value in one.items():
            assert value == other[key] or float(value) == float(other[key]) or math.isnan(float(value))
    return as_csv


def test_export_flow_has_the_norms_of_every_place(call: Call, tiny: Path) -> None:
    metrics, rows = open_run(tiny).metrics, _export(call, tiny)
    assert len(rows) == metrics["grad_norm"].size
    for name, column in (
        ("grad_norm", "grad_norm_l2"),
        ("grad_log_norm", "grad_log_norm_ln"),
        ("hidden_norm", "hidden_norm_l2"),
    ):
        np.testing.assert_array_equal([float(row[column]) for row in rows], metrics[name].ravel())
    assert (rows[0]["update"], rows[0]["layer_from_0"], rows[0]["timestep_from_1"]) == ("0", "0", "1")
    assert (rows[-1]["update"], rows[-1]["timestep_from_1"]) == ("12", "4")
    assert {row["run"] for row in rows} == {tiny.name}


def test_export_has_every_table(call: Call, tiny: Path) -> None:
    metrics = open_run(tiny).metrics
    loss = _export(call, tiny, "--table", "loss")
    np.testing.assert_array_equal([np.float32(row["training_loss"]) for row in loss], metrics["loss"])
    probe = _export(call, tiny, "--table", "probe")
    np.testing.assert_array_equal([float(row["probe_loss"]) for row in probe], metrics["probe_loss"])
    spectrum = _export(call, tiny, "--table", "spectrum")
    values = [complex(float(row["eigenvalue_real"]), float(row["eigenvalue_imaginary"])) for row in spectrum]
    np.testing.assert_array_equal(values, metrics["eigenvalues"].ravel())
    np.testing.assert_array_equal(
        [float(row["singular_value"]) for row in spectrum], metrics["singular_values"].ravel()
    )
    parameters = _export(call, tiny, "--table", "parameters")
    norms = [float(row["param_grad_norm_l2"]) for row in parameters]
    np.testing.assert_array_equal(norms, metrics["param_grad_norm"].ravel())
    assert [row["parameter"] for row in parameters[: len(metrics["param_names"])]] == metrics["param_names"].tolist()


def test_export_of_an_lstm_has_cell_gradients_and_no_spectrum(call: Call) -> None:
    assert call("train", "tiny.yaml", "-q", "model.cell=lstm").code == 0
    rows = _export(call, "runs/tiny")
    metrics = open_run("runs/tiny").metrics
    np.testing.assert_array_equal([float(row["cell_grad_norm_l2"]) for row in rows], metrics["cell_grad_norm"].ravel())
    result = call("export", "runs/tiny", "--table", "spectrum", "--format", "json")
    assert (result.code, json.loads(result.out)) == (0, [])


def test_export_of_a_study_tells_its_runs_apart_and_leaves_out_what_is_damaged(call: Call, tiny: Path) -> None:
    assert call("train", "tiny.yaml", "-q", "seed=1").code == 0
    rows = _export(call, "runs/tiny", "--table", "probe")
    assert len({row["run"] for row in rows}) == 2
    (tiny / "weights.npz").unlink()
    result = call("export", "runs/tiny", "--table", "probe")
    assert result.code == 0
    assert result.err == f"left out: {tiny} is damaged: weights.npz is missing\n"
    assert {line.split(",")[0][:6] for line in result.out.splitlines()[1:]} == {"seed=1"}


def test_what_is_not_finite_is_exported_as_a_word(call: Call) -> None:
    assert call("train", "tiny.yaml", "-q", *DIVERGING, "training.batches=40").code == 0
    rows = _export(call, "runs/diverging", "--table", "loss")
    assert rows[-1]["training_loss"] == "nan"
    text = call("export", "runs/diverging", "--table", "loss", "--format", "json").out
    assert json.loads(text, parse_constant=pytest.fail)[-1]["training_loss"] == "nan"
    vanished = ["training.batches=0", "model.weight_scale=0", "task.last_timestep_only=true", "name=vanished"]
    assert call("train", "tiny.yaml", "-q", *vanished).code == 0
    rows = _export(call, "runs/vanished")
    assert (rows[0]["grad_norm_l2"], rows[0]["grad_log_norm_ln"]) == ("0.0", "-inf")


def test_export_writes_a_file(call: Call, tiny: Path) -> None:
    printed = call("export", tiny, "--table", "loss").out
    result = call("export", tiny, "--table", "loss", "--out", "new/loss.csv")
    assert (result.code, result.out) == (0, "")
    assert Path("new/loss.csv").read_text() == printed


def test_export_refuses_tables_and_places_that_do_not_exist(call: Call, tiny: Path) -> None:
    result = call("export", tiny, "--table", "weights")
    assert result.code == 2
    assert "weights" in result.err
    result = call("export", "nowhere")
    assert (result.code, result.out, result.err) == (2, "", "there is no folder nowhere\n")
