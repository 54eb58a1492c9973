"""rnnlab sweep and what `ls` shows of its study: dry runs, axes of the command line, progress, summaries."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import re
import struct
import subprocess
import termios
import time
from fcntl import ioctl
from pathlib import Path
from typing import Any

import pytest
import typer

from rnnlab.cli.sweep import seconds
from rnnlab.config import load_config, load_sweep
from rnnlab.store import open_run
from tests.cli.conftest import Call
from tests.studies.sweeping import BARE, EIGHT, RATES, command, run_folders, write_config

AXES = "{model.weight_scale: [0.5, 1.0], model.nonlinearity: [tanh, identity]}"
SWEPT = EIGHT.replace("eight", "swept").replace("batches: 40", "batches: 12").split("sweep:", maxsplit=1)[0]
IN_FILE = f"{SWEPT}sweep: {{axes: {AXES}, seeds: 2}}\n"
TYPED = ["model.weight_scale=0.5,1", "model.nonlinearity=tanh,identity", "seed=range(0,2,1)"]


@pytest.fixture
def config(call: Call) -> Path:
    """Write a config of eight runs in two shapes into the current folder."""
    return write_config(Path(), IN_FILE)


def names() -> list[str]:
    return [path.name for path in run_folders(Path("runs/swept"))]


def test_a_dry_run_lists_the_runs_and_makes_nothing(call: Call, config: Path) -> None:
    result = call("sweep", config, "-n", "-j2")
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[0] == "runs/swept: 8 runs, 0 done, 8 to do"
    assert lines[1:4] == [
        "  model.weight_scale: 2 (0.5, 1)",
        "  model.nonlinearity: 2 (tanh, identity)",
        "  seed: 2 (0, 1)",
    ]
    assert re.fullmatch(r"  about [\d.]+ s with 2 workers, a rough guess", lines[4])
    assert lines[6].split() == ["run", "state"]
    shown = [re.fullmatch(r"(.*)-[0-9a-f]{12} +to do", line) for line in lines[7:]]
    assert [match and match[1] for match in shown] == [
        f"weight_scale={scale},nonlinearity={kind},seed={seed}"
        for scale in ("0.5", "1.0")
        for kind in ("tanh", "identity")
        for seed in (0, 1)
    ]
    assert not Path("runs").exists()


def test_a_dry_run_tells_what_is_there(call: Call, config: Path) -> None:
    assert call("sweep", config, "-q", "sweep.seeds=1", "model.nonlinearity=tanh").code == 0
    assert call("sweep", config, "-n").out.startswith("runs/swept: 8 runs, 2 done, 6 to do\n")
    rows = json.loads(call("sweep", config, "-n", "--json").out)
    assert [row["state"] != "to do" for row in rows] == [True, False, False, False] * 2
    (Path("runs/swept") / names()[0] / "metrics.npz").unlink()
    states = [row["state"] for row in json.loads(call("sweep", config, "-n", "--json").out)]
    assert sum("damaged" in state for state in states) == 1
    assert call("sweep", config, "-n").out.startswith("runs/swept: 8 runs, 1 done, 6 to do\n")


def test_a_long_dry_run_shows_the_beginning_and_says_so(call: Call, config: Path) -> None:
    result = call("sweep", config, "-n", "seed=range(0,100,1)")
    assert result.out.startswith("runs/swept: 400 runs, 0 done, 400 to do\n")
    assert len(result.out.splitlines()) < 60
    assert "360 more" in result.out
    assert len(json.loads(call("sweep", config, "-n", "--json", "seed=range(0,100,1)").out)) == 400


def test_axes_of_the_command_line_make_the_runs_of_the_file(call: Call, config: Path) -> None:
    bare = Path("bare.yaml")
    bare.write_text(SWEPT)
    assert call("sweep", config, "-n", "--json").out == call("sweep", bare, "-n", "--json", *TYPED).out
    assert call("sweep", bare, "-q", *TYPED).code == 0
    result = call("sweep", config)
    assert result.code == 0
    assert result.out.startswith("8 runs: 0 made, 8 existed in ")


def test_what_turns_out_the_same_is_merged_and_what_is_left_out_is_counted(call: Call, config: Path) -> None:
    content = IN_FILE.replace("seeds: 2", "seeds: 2, exclude: [{model.weight_scale: 1.0, seed: 1}]")
    config.write_text(content.replace("weight_scale: [0.5, 1.0]", "weight_scale: [0.5, 1.0], model.cell: [lstm]"))
    result = call("sweep", config, "-n")
    assert result.out.startswith("runs/swept: 3 runs, 0 done, 3 to do\n")
    assert "  merged 3 that turn out the same, left out 2\n" in result.out
    assert call("sweep", config, "-q").code == 0
    assert len(names()) == 3


def test_a_config_without_axes_is_a_sweep_of_one_run(call: Call) -> None:
    result = call("sweep", "tiny.yaml")
    assert result.code == 0
    assert result.out.startswith("1 run: 1 made, 0 existed in ")
    result = call("train", "tiny.yaml")
    assert "exists: " in result.out


def test_the_outcome_as_json(call: Call, config: Path) -> None:
    told = json.loads(call("sweep", config, "--json").out)
    assert (told["study"], told["total"], told["made"], told["left"]) == ("runs/swept", 8, 8, 0)
    assert (told["stopped"], told["ended_early"], told["failures"]) == (False, None, [])
    (Path("runs/swept") / names()[0] / "weights.npz").unlink()
    result = call("sweep", config, "--json")
    assert result.code == 1
    told = json.loads(result.out)
    assert (told["existed"], told["failed"]) == (7, 1)
    (failure,) = told["failures"]
    assert failure["run"] == names()[0]
    assert "weights.npz is missing" in failure["cause"]
    assert Path(failure["log"]).is_file()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--engine", "jax"], "there is no engine 'jax'; valid: auto, torch"),
        (["--device", "tpu"], "there is no device 'tpu'; valid: cpu, cuda, auto"),
        (["--max-time", "soon"], "got 'soon'; valid: a time such as 5h, 90m, 1h30m or 45s"),
        (["--timeout", "-3"], "--timeout"),
        (["-j0"], "--jobs"),
        (["--retries", "-1"], "--retries"),
        (["--max-failures", "0"], "--max-failures"),
        (["model.weigth_scale=1,2"], "model.weight_scale"),
    ],
)
def test_a_wrong_option_is_a_usage_error(call: Call, config: Path, arguments: list[str], sentence: str) -> None:
    result = call("sweep", config, *arguments)
    assert (result.code, result.out) == (2, "")
    assert sentence in result.err
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("written", "expected"),
    [("5h", 18000), ("90m", 5400), ("1h30m", 5400), ("45s", 45), ("45", 45), ("1.5", 1.5), ("1h2m3.5s", 3723.5)],
)
def test_times_are_read_as_people_write_them(written: str, expected: float) -> None:
    assert seconds(written, "--max-time") == expected


@pytest.mark.parametrize("written", ["", "h", "5 h", "-1", "1d", "1m1h", "nan", "1e3"])
def test_what_is_no_time_is_refused(written: str) -> None:
    with pytest.raises(typer.BadParameter):
        seconds(written, "--max-time")


@pytest.fixture
def swept(call: Call, config: Path) -> Path:
    """Give the study that the sweep makes, with a run that diverged beside it."""
    assert call("sweep", config, "-q").code == 0
    keys = ["model.nonlinearity=identity", "training.optimizer=sgd", "training.learning_rate=1e20"]
    assert call("sweep", config, "-q", "sweep.seeds=1", "model.weight_scale=1.0", *keys).code == 0
    return Path("runs/swept")


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_the_index_has_one_row_a_run_with_what_was_swept(call: Call, swept: Path) -> None:
    text = (swept / "index.csv").read_text()
    rows = table(text)
    assert [row["run"] for row in rows] == names()
    assert len(rows) == 9
    assert list(rows[0])[:7] == [
        "run",
        "status",
        "model.nonlinearity",
        "model.weight_scale",
        "training.optimizer",
        "training.learning_rate",
        "seed",
    ]
    for row in rows:
        run = open_run(swept / row["run"])
        assert float(row["model.weight_scale"]) == run.info["config"]["model"]["weight_scale"]
        assert int(row["seed"]) == run.info["seed"]
        assert row["status"] == run.status
        if row["final_loss"]:
            assert float(row["final_loss"]) == run.summary["final_loss"]
    assert call("ls", swept, "--csv").out == text


def test_ls_sorts_filters_and_turns_round(call: Call, swept: Path) -> None:
    everything: list[dict[str, Any]] = json.loads(call("ls", swept, "--json").out)
    assert len(everything) == 9
    chosen = json.loads(
        call("ls", swept, "--json", "--sort", "final_loss", "--where", "nonlinearity=tanh", "--where", "seed=1").out
    )
    losses = [row["final_loss"] for row in chosen]
    assert losses == sorted(losses)
    assert len(chosen) == 2
    assert all(row["model.nonlinearity"] == "tanh" and row["seed"] == 1 for row in chosen)
    turned = json.loads(call("ls", swept, "--json", "--sort", "weight_scale", "--reverse").out)
    assert [row["model.weight_scale"] for row in turned] == [1.0] * 5 + [0.5] * 4
    (diverged,) = json.loads(call("ls", swept, "--json", "--where", "status=diverged").out)
    assert diverged["training.learning_rate"] == 1e20
    assert table(call("ls", swept, "--csv", "--where", "final_loss<0").out) == []
    lines = call("ls", swept, "--sort", "final_loss").out.splitlines()
    assert lines[0].split()[:4] == ["run", "status", "nonlinearity", "weight_scale"]
    assert lines[-1].split()[1] == "diverged"  # a loss that is not a number comes last


@pytest.mark.parametrize("arguments", [["--sort", "loss"], ["--where", "loss<1"], ["--where", "tanh"]])
def test_ls_by_what_is_no_column_is_a_usage_error(call: Call, swept: Path, arguments: list[str]) -> None:
    result = call("ls", swept, *arguments)
    assert (result.code, result.out) == (2, "")
    assert "valid: " in result.err


def test_identities_are_those_of_single_runs(call: Call, swept: Path) -> None:
    single = load_config("sweep.yaml", ["model.weight_scale=0.5", "seed=1"])
    swept_runs = {run.config.model_dump_json(exclude={"sweep"}) for run in load_sweep("sweep.yaml", []).walk()}
    assert single.model_dump_json(exclude={"sweep"}) in swept_runs
    assert "exists: " in call("train", "sweep.yaml", "model.weight_scale=0.5", "seed=1").out


ESCAPE = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])")


def _output_of_terminal(folder: Path, columns: int) -> tuple[int, str]:
    """Run a sweep whose three streams are a terminal of this width."""
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = BARE | {"TERM": "xterm-256color"}
    words = command("sweep", "sweep.yaml", "-j2")
    process = subprocess.Popen(words, cwd=folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    pieces, deadline = [], time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            pieces.append(os.read(ours, 65536))
        except OSError:  # Linux tells so that the other end is closed
            break
    os.close(ours)
    return process.wait(), b"".join(pieces).decode()


@pytest.mark.parametrize("columns", [80, 40])
def test_progress_stays_within_the_terminal_and_leaves_it_clean(tmp_path: Path, columns: int) -> None:
    long_name = "a-name-of-a-study-that-is-rather-long"
    rates = RATES.replace("0.08", "1.0e+30")
    write_config(
        tmp_path, EIGHT.replace("eight", long_name).replace("batches: 40", "batches: 800").replace(RATES, rates)
    )
    code, text = _output_of_terminal(tmp_path, columns)
    assert code == 0
    assert "running" in text
    shown, _, left = text.rpartition("\x1b[?25h")  # the cursor is shown again, and nothing is drawn after that
    assert shown.count("\x1b[?25l") == text.count("\x1b[?25h")
    lines = [ESCAPE.sub("", line) for line in re.split(r"[\r\n]+", shown)]
    assert max(map(len, lines)) <= columns
    if columns == 80:  # one line, drawn again and again
        assert all("running" in line or "starting" in line for line in lines if line.strip())
    last = [line for line in ESCAPE.sub("", left).replace("\r", "").split("\n") if line]
    assert last[0].startswith("8 runs: 8 made, 0 existed, 1 diverged in ")
    assert last[1:] == [f"runs/{long_name}", f"next: rnnlab ls runs/{long_name}"]
