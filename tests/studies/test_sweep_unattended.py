"""Sweeps that nobody watches: from cron, without streams, stopped, killed, started twice, on a full disk."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import threading
from collections import namedtuple
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from rnnlab.config import load_sweep
from rnnlab.store import RunBusyError, StoreError, StudyLock
from rnnlab.studies.planning import plan_sweep
from rnnlab.studies.policy import Policy, Watch
from rnnlab.studies.unattended import run_sweep
from tests.store.samples import holder
from tests.studies import sweep_storm
from tests.studies.sweeping import (
    EIGHT,
    LONG,
    RATES,
    TIDY,
    command,
    end,
    is_making,
    others,
    results,
    run_folders,
    start,
    stop_in_making,
    sweep,
    sweep_here,
    wait_for,
    write_config,
)

_STOP_SECONDS = 15.0
"""How long a stop is waited for. Ten is the promise, kept by force if need be; the rest is for a busy machine."""

TWO = EIGHT.replace(RATES, "[0.01, 0.02]")
UNSTABLE = "model: {hidden_size: 3, nonlinearity: identity}"
DIVERGING = (
    TWO.replace("model: {hidden_size: 3}", UNSTABLE)
    .replace("batch_size: 4", "batch_size: 4, optimizer: sgd")
    .replace("[0.01, 0.02]", "[0.01, 1.5]")
)


def test_it_needs_no_environment_and_no_working_directory(tmp_path: Path) -> None:
    config = write_config(tmp_path, TWO)
    words = command("sweep", config, "--runs", tmp_path / "runs", "--quiet")
    ended = subprocess.run(
        ["env", "-i", "PATH=/usr/bin:/bin", *words], cwd="/", capture_output=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")
    assert len(run_folders(tmp_path / "runs" / "eight")) == 2


@pytest.mark.parametrize("closing", ["<&- >&- 2>&-", "2>&-"])
def test_closed_streams_are_no_hindrance(tmp_path: Path, closing: str) -> None:
    write_config(tmp_path, TWO)
    line = f"exec {shlex.join(command('sweep', 'sweep.yaml'))} {closing}"
    ended = subprocess.run(["sh", "-c", line], cwd=tmp_path, capture_output=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert len(run_folders(tmp_path / "runs" / "eight")) == 2
    assert others(tmp_path / "runs" / "eight") == TIDY


def test_quiet_is_silent_also_with_a_diverged_run_and_when_there_is_nothing_to_do(tmp_path: Path) -> None:
    write_config(tmp_path, DIVERGING)
    for _ in range(2):
        ended = sweep(tmp_path, "sweep.yaml", "--quiet")
        assert (ended.code, ended.out, ended.err) == (0, "", "")
    states = {json.loads((run / "run.json").read_text())["status"] for run in run_folders(tmp_path / "runs" / "eight")}
    assert states == {"completed", "diverged"}


def test_quiet_prints_one_block_when_a_run_failed(tmp_path: Path) -> None:
    config = write_config(tmp_path, TWO)
    sweep_here(config, tmp_path / "runs")
    damaged = run_folders(tmp_path / "runs" / "eight")[0]
    (damaged / "weights.npz").unlink()
    ended = sweep(tmp_path, "sweep.yaml", "--quiet")
    assert (ended.code, ended.out) == (1, "")
    first, name, cause, log = ended.err.splitlines()
    assert first == "rnnlab sweep eight: 1 of 2 runs failed"
    assert name == f"  {damaged.name}"
    assert "is damaged: weights.npz is missing" in cause
    assert Path(tmp_path, log.removeprefix("    log: ")).is_file()


def test_max_time_ends_in_time_says_what_is_left_and_the_next_start_goes_on(tmp_path: Path) -> None:
    config = write_config(tmp_path, LONG.replace("4000", "2000"))
    ended = sweep(tmp_path, "sweep.yaml", "-j1", "--max-time", "2s")
    assert (ended.code, ended.err) == (0, "")
    first, second = ended.out.splitlines()[:2]
    assert " left to do in " in first
    assert first.endswith("; ended early: the time is up")
    assert second == "The same command goes on from here."
    study = tmp_path / "runs" / "long"
    finished = run_folders(study)
    assert len(finished) < 8
    assert json.loads((study / "status.json").read_text())["state"] == "ended early"
    outcome = sweep_here(config, tmp_path / "runs")
    assert (outcome.tally.existed, outcome.tally.done, outcome.tally.left) == (len(finished), 8, 0)
    assert others(study) == TIDY


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_stops_it_and_keeps_everything(tmp_path: Path, number: int, code: int) -> None:
    config = write_config(tmp_path, LONG.replace("4000", "2000"))
    study = tmp_path / "runs" / "long"
    process = start(tmp_path, "sweep.yaml", "--quiet")
    wait_for(lambda: is_making(process, study))
    process.send_signal(number)
    ended = end(process, _STOP_SECONDS)
    assert (ended.code, ended.out, ended.err) == (code, "", "")
    assert any(study.glob(".*/state-*.npz")) or run_folders(study)
    outcome = sweep_here(config, tmp_path / "runs")
    assert (outcome.tally.done, outcome.failures) == (8, [])
    assert others(study) == TIDY


def test_a_hung_worker_does_not_keep_it_from_stopping_in_ten_seconds(tmp_path: Path) -> None:
    write_config(tmp_path, TWO)
    planted = Path(__file__).parent / "planted"
    env = {"PYTHONPATH": str(planted), "PLANTED": f"train hang 0.02 {tmp_path / 'hung'}"}
    process = start(tmp_path, "sweep.yaml", "--quiet", env=env)
    wait_for((tmp_path / "hung").exists)
    process.send_signal(signal.SIGTERM)
    ended = end(process, _STOP_SECONDS)
    assert (ended.code, ended.err) == (143, "")


@pytest.fixture
def working(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Give a sweep that works on its first stacks."""
    write_config(tmp_path, LONG.replace("4000", "40000"))
    study = tmp_path / "runs" / "long"
    process = start(tmp_path, "sweep.yaml", "-j2", "--quiet", "--log", "logs/sweep.log", env={"MARK": tmp_path.name})
    wait_for(lambda: is_making(process, study))
    yield process
    process.kill()
    process.communicate()


def test_nothing_is_left_running_when_the_main_process_is_killed(working: subprocess.Popen[str]) -> None:
    mark = next(word for word in Path(f"/proc/{working.pid}/environ").read_text().split("\0") if word[:5] == "MARK=")
    assert len(sweep_storm.processes_marked(mark)) >= 4  # itself, the server, two workers
    working.kill()
    working.wait()
    wait_for(lambda: sweep_storm.processes_marked(mark) == [])


def test_nothing_is_left_either_when_it_is_killed_while_its_workers_get_ready(tmp_path: Path) -> None:
    """To import PyTorch takes seconds on a busy machine; here it takes for ever."""
    write_config(tmp_path, TWO)
    planted, marker = Path(__file__).parent / "planted", tmp_path / "importing"
    env = {"PYTHONPATH": str(planted), "PLANTED": f"import hang 0 {marker}", "MARK": tmp_path.name}
    process = start(tmp_path, "sweep.yaml", "--quiet", env=env)
    wait_for(marker.exists)
    process.kill()
    process.wait()
    try:
        wait_for(lambda: sweep_storm.processes_marked(f"MARK={tmp_path.name}") == [])
    finally:
        for pid in sweep_storm.processes_marked(f"MARK={tmp_path.name}"):
            os.kill(pid, signal.SIGKILL)
        process.communicate()


def test_the_status_is_renewed_and_the_log_survives_rotation(working: subprocess.Popen[str], tmp_path: Path) -> None:
    path = tmp_path / "runs" / "long" / "status.json"
    first = json.loads(path.read_text())
    assert first["pid"] == working.pid
    assert (first["state"], first["total"], first["existed"], first["failed"]) == ("running", 8, 0, 0)
    written = datetime.fromtimestamp(int((tmp_path / "sweep.yaml").stat().st_mtime), UTC)
    assert written <= datetime.fromisoformat(first["started"]) <= datetime.now(UTC)
    wait_for(lambda: json.loads(path.read_text())["updated"] > first["updated"])
    wait_for(lambda: json.loads(path.read_text())["running"] == 4)
    wait_for(lambda: 0 < json.loads(path.read_text())["share"] < 1)
    renewed = json.loads(path.read_text())
    assert len(renewed["workers"]) == 2
    assert (renewed["done"], renewed["left"]) == (0, 8)
    log = tmp_path / "logs" / "sweep.log"
    log.rename(tmp_path / "logs" / "sweep.log.1")
    os.kill(renewed["workers"][0], signal.SIGKILL)
    wait_for(lambda: log.exists() and "is gone: the worker was ended by SIGKILL" in log.read_text())
    assert "begin rnnlab sweep sweep.yaml -j2" in (tmp_path / "logs" / "sweep.log.1").read_text()


def test_a_log_that_cannot_be_written_any_more_breaks_no_silence(tmp_path: Path) -> None:
    write_config(tmp_path, TWO)
    ended = sweep(tmp_path, "sweep.yaml", "--quiet", "--log", "/dev/full")
    assert (ended.code, ended.out, ended.err) == (0, "", "")


def test_of_twenty_starts_one_works_and_the_others_name_it(tmp_path: Path) -> None:
    """An earlier sweep has left its status: nobody may name that one."""
    config = write_config(tmp_path, TWO)
    sweep_here(config, tmp_path / "runs")
    write_config(tmp_path, LONG.replace("4000", "40000").replace("long", "eight"))
    processes = [start(tmp_path, "sweep.yaml", "-j2", "--quiet") for _ in range(20)]
    try:
        wait_for(lambda: sum(process.poll() == 75 for process in processes) == 19, 120)
        (holder,) = [process for process in processes if process.returncode is None]
        for process in processes:
            if process is not holder:
                out, err = process.communicate()
                assert out == ""
                assert err.startswith("runs/eight is being worked on: ") or "/runs/eight is being worked on: " in err
                assert f": process {holder.pid} on " in err
        holder.kill()
        holder.wait()
        after = start(tmp_path, "sweep.yaml", "-j2", "--quiet")
        ended = stop_in_making(after, tmp_path / "runs" / "eight")
        assert (ended.code, ended.err) == (143, "")
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def test_a_holder_that_has_not_yet_said_who_it_is_is_not_taken_for_an_earlier_one(tmp_path: Path) -> None:
    config = write_config(tmp_path, TWO)
    sweep_here(config, tmp_path / "runs")
    path = tmp_path / "runs" / "eight" / "status.json"
    fresh = json.loads(path.read_text()) | {"state": "running", "started": "just now"}
    with StudyLock(path.parent):
        timer = threading.Timer(0.2, lambda: path.write_text(json.dumps(fresh)))
        timer.start()
        with pytest.raises(RunBusyError, match=f": process {os.getpid()} on .* started a sweep there at just now$"):
            sweep_here(config, tmp_path / "runs")
        timer.join()


def test_a_run_that_another_process_is_making_is_waited_for_while_the_others_are_made(tmp_path: Path) -> None:
    config, study = write_config(tmp_path, EIGHT), tmp_path / "runs" / "eight"
    plan = plan_sweep(load_sweep(config, []), tmp_path / "runs", engine="torch")
    lines: list[str] = []
    with holder(study, plan.runs[0].identity) as other:

        def note(line: str) -> None:
            lines.append(line)
            if len(lines) == 8:  # the seven that can be made, and the word of waiting
                other.kill()

        outcome = run_sweep(plan, Policy(1), Watch(on_line=note))
    assert (outcome.tally.made, outcome.failures) == (8, [])
    (waiting,) = (line for line in lines if line.startswith("waiting for "))
    assert "has been working on it since" in waiting
    assert lines[-1] == f"completed {plan.runs[0].label}"
    sweep_here(config, tmp_path / "calm")
    assert results(study) == results(tmp_path / "calm" / "eight")


def test_a_run_that_another_process_keeps_for_longer_than_the_timeout_fails_with_that_cause(tmp_path: Path) -> None:
    plan = plan_sweep(load_sweep(write_config(tmp_path, TWO), []), tmp_path / "runs", engine="torch")
    with holder(tmp_path / "runs" / "eight", plan.runs[0].identity):
        outcome = run_sweep(plan, Policy(1, timeout=3.0), Watch())
    assert outcome.tally.made == 1
    (failure,) = outcome.failures
    assert "has been working on it since" in failure.cause


def test_too_little_room_on_the_disk_is_told_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_sweep(load_sweep(write_config(tmp_path, EIGHT), []), tmp_path / "runs")
    needed = sum(run.bytes for run in plan.runs)
    usage: Any = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9, needed - 1))
    with pytest.raises(StoreError, match=r"^the 8 runs to do need about \d+ kB and .*/eight has \d+ kB free; make"):
        sweep_here(tmp_path / "sweep.yaml", tmp_path / "runs")
    assert run_folders(tmp_path / "runs" / "eight") == []


@pytest.mark.parametrize("runs", ["sweep.yaml", "/proc/none"])
def test_a_place_where_nothing_can_be_written_is_a_sentence(tmp_path: Path, runs: str) -> None:
    write_config(tmp_path, EIGHT)
    ended = sweep(tmp_path, "sweep.yaml", "--runs", runs)
    assert (ended.code, ended.out) == (1, "")
    (sentence,) = ended.err.splitlines()
    assert sentence.startswith("rnnlab: ")
    assert runs in sentence


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        (["seed=range(0,1000,1)", "training.learning_rate=linspace(0.01,0.02,1000)"], "1,000,000 combinations"),
        (["seed=range(0,1000000,1)"], "1000000"),
        (["seed=range(3,3,1)"], "range"),
    ],
)
def test_a_million_runs_or_none_are_a_question_of_sense(tmp_path: Path, keys: list[str], sentence: str) -> None:
    write_config(tmp_path, EIGHT)
    ended = sweep(tmp_path, "sweep.yaml", *keys, seconds=20)
    assert (ended.code, ended.out) == (2, "")
    assert sentence in ended.err
    assert not (tmp_path / "runs").exists()


def test_a_sweep_of_which_every_run_is_left_out_is_an_error(tmp_path: Path) -> None:
    write_config(tmp_path, TWO.replace("seeds", "").replace("}}\n", "}, exclude: [{model.cell: elman}]}\n"))
    ended = sweep(tmp_path, "sweep.yaml")
    assert (ended.code, ended.out) == (2, "")
    assert "every combination is left out; no run remains" in ended.err


def test_a_small_storm(capsys: pytest.CaptureFixture[str]) -> None:
    """Three kills; `python -m tests.studies.sweep_storm` makes the large one."""
    sweep_storm.main(["--kills", "3", "--runs", "8", "--batches", "6000", "--longest", "3"])
    assert "3 kills" in capsys.readouterr().out
