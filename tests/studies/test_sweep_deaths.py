"""Workers that die in every way: it costs one run and nobody else, it is told, and the next start makes up for it."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest

from rnnlab.store import open_run
from tests.studies.sweeping import (
    EIGHT,
    LONG,
    TIDY,
    end,
    is_making,
    others,
    results,
    run_folders,
    start,
    sweep,
    sweep_here,
    wait_for,
    write_config,
)

PLANTED = Path(__file__).parent / "planted"
BAD = "learning_rate=0.02-"  # the second of the first stack


def plant(place: str, kind: str, marker: Path | None = None) -> dict[str, str]:
    """Let the run with learning rate 0.02 misbehave."""
    words = f"{place} {kind} 0.02 {marker}" if marker else f"{place} {kind} 0.02"
    return {"PYTHONPATH": str(PLANTED), "PLANTED": words}


def check_one_failed(folder: Path, err: str, cause: str, details: str) -> None:
    """Seven runs are there, and the eighth is told with its cause and its log."""
    study = folder / "runs" / "eight"
    assert len(run_folders(study)) == 7
    assert not any(path.name.startswith(BAD) for path in run_folders(study))
    first, name, told, log = err.splitlines()
    assert first == "rnnlab sweep eight: 1 of 8 runs failed"
    assert name.strip().startswith(BAD)
    assert cause in told
    text = (folder / log.strip().removeprefix("log: ")).read_text()
    assert cause in text
    assert details in text
    assert {path.name for path in (study / "logs").iterdir()} == {f"{name.strip()}.log"}


def check_next_start(folder: Path) -> None:
    """Without the plant the same command makes the one run, and all is tidy."""
    study = folder / "runs" / "eight"
    before = results(study)
    outcome = sweep_here(folder / "sweep.yaml", folder / "runs")
    assert (outcome.tally.made, outcome.tally.existed, outcome.failures) == (1, 7, [])
    after = results(study)
    assert len(after) == 16
    assert {name: after[name] for name in before} == before
    assert others(study) == TIDY


DEATHS = [
    ("train", "raise", "RuntimeError: a planted error", "Traceback (most recent call last)"),
    ("measure", "exit", "the worker ended with exit code 3", "exit code 3"),
    ("train", "segfault", "the worker was ended by SIGSEGV", "Fatal Python error: Segmentation fault"),
    ("train", "kill", "the worker was ended by SIGKILL; perhaps the machine ran out of memory", "SIGKILL"),
    ("train", "memory", "MemoryError", "_exceed_memory"),
]


@pytest.mark.parametrize(("place", "kind", "cause", "details"), DEATHS, ids=[death[1] for death in DEATHS])
def test_a_worker_that_dies_costs_one_run(tmp_path: Path, place: str, kind: str, cause: str, details: str) -> None:
    write_config(tmp_path, EIGHT)
    ended = sweep(tmp_path, "sweep.yaml", "-j2", env=plant(place, kind))
    assert ended.code == 1
    assert ended.out.startswith("8 runs: 7 made, 0 existed, 1 failed in ")
    check_one_failed(tmp_path, ended.err, cause, details)
    check_next_start(tmp_path)


def test_a_worker_that_hangs_is_ended_and_costs_one_run(tmp_path: Path) -> None:
    write_config(tmp_path, EIGHT)
    ended = sweep(tmp_path, "sweep.yaml", "-j2", "--timeout", "3s", "--retries", "0", env=plant("train", "hang"))
    assert ended.code == 1
    check_one_failed(tmp_path, ended.err, "the worker made no progress for 3 s and was ended", "no progress")
    check_next_start(tmp_path)


@pytest.mark.parametrize("place", ["prepare", "measure"])
def test_an_error_before_or_after_training_costs_one_run(tmp_path: Path, place: str) -> None:
    """With one worker, which lives on: it must be free for the rest of the queue."""
    write_config(tmp_path, EIGHT)
    ended = sweep(tmp_path, "sweep.yaml", "-j1", env=plant(place, "raise"))
    assert ended.code == 1
    check_one_failed(tmp_path, ended.err, "RuntimeError: a planted error", "planted/sitecustomize.py")


@pytest.mark.parametrize("kind", ["raise", "kill"])
def test_a_crash_that_happens_once_is_made_up_for_by_the_retry(tmp_path: Path, kind: str) -> None:
    write_config(tmp_path, EIGHT)
    marker = tmp_path / "crashed"
    ended = sweep(tmp_path, "sweep.yaml", "-j2", env=plant("train", kind, marker))
    assert (ended.code, ended.err) == (0, "")
    assert marker.exists()
    assert others(tmp_path / "runs" / "eight") == TIDY
    sweep_here(tmp_path / "sweep.yaml", tmp_path / "calm")
    for folder in run_folders(tmp_path / "runs" / "eight"):
        crashed, calm = open_run(folder), open_run(tmp_path / "calm" / "eight" / folder.name)
        for name in ("loss", "probe_loss", "grad_norm", "singular_values"):
            np.testing.assert_allclose(crashed.metrics[name], calm.metrics[name], rtol=1e-4, atol=1e-6)


def test_without_retries_an_error_in_measuring_is_final_and_in_training_the_stack_is_still_told_apart(
    tmp_path: Path,
) -> None:
    write_config(tmp_path, EIGHT)
    for place, code in (("measure", 1), ("train", 0)):
        marker = tmp_path / f"{place} crashed".replace(" ", "_")
        runs = tmp_path / place
        arguments = ("sweep.yaml", "-j2", "--retries", "0", "--runs", runs, "--log", f"{place}.log")
        assert sweep(tmp_path, *arguments, env=plant(place, "raise", marker)).code == code
        assert "trying again" not in Path(tmp_path, f"{place}.log").read_text()


def test_fail_fast_stops_at_the_first_failure_and_says_what_is_left(tmp_path: Path) -> None:
    write_config(tmp_path, EIGHT)
    ended = sweep(tmp_path, "sweep.yaml", "-j1", "--fail-fast", env=plant("prepare", "raise"))
    assert ended.code == 1
    first, second = ended.out.splitlines()[:2]
    assert first.startswith("8 runs: 0 made, 0 existed, 1 failed, 7 left to do in ")
    assert first.endswith("; ended early: 1 run failed")
    assert second == "The same command goes on from here."
    assert ended.err.startswith("rnnlab sweep eight: 1 of 8 runs failed\n")


def test_max_failures_lets_so_many_fail(tmp_path: Path) -> None:
    """Damaged folders fail untried: three of them, of which two are already too many."""
    write_config(tmp_path, EIGHT)
    sweep_here(tmp_path / "sweep.yaml", tmp_path / "runs")
    study = tmp_path / "runs" / "eight"
    one, two = run_folders(study)[:2]
    for folder in (one, two):
        (folder / "metrics.npz").unlink()
    lost = run_folders(study)[2]
    for path in (*lost.iterdir(), lost):
        path.rmdir() if path.is_dir() else path.unlink()
    ended = sweep(tmp_path, "sweep.yaml", "--max-failures", "2")
    assert ended.code == 1
    assert ended.out.startswith("8 runs: 0 made, 5 existed, 2 failed, 1 left to do in ")
    assert "; ended early: 2 runs failed" in ended.out
    assert ended.err.count("metrics.npz is missing. Look at it and remove it, or use --force") == 2
    ended = sweep(tmp_path, "sweep.yaml", "--force", "--quiet")
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    assert len(run_folders(study)) == 8
    assert others(study) == TIDY


def _pid_of_server(main: int) -> int:
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes()
            parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == main and b"forkserver" in words:
            return int(process.name)
    raise AssertionError("there is no server")


@pytest.mark.parametrize(("who", "number"), [("server", signal.SIGKILL), ("worker", signal.SIGTERM)])
def test_a_signal_from_outside_to_a_process_of_the_sweep_loses_nothing(tmp_path: Path, who: str, number: int) -> None:
    """As a machine short of memory sends them, to the server that workers are forked from or to a worker."""
    write_config(tmp_path, LONG.replace("4000", "1000"))
    study = tmp_path / "runs" / "long"
    process = start(tmp_path, "sweep.yaml", "-j2")

    def workers() -> list[int]:
        return list(json.loads((study / "status.json").read_text())["workers"])

    wait_for(lambda: is_making(process, study))
    os.kill(_pid_of_server(process.pid) if who == "server" else workers()[0], number)
    ended = end(process)
    assert (ended.code, ended.err) == (0, "")
    assert len(run_folders(study)) == 8
    assert others(study) == TIDY
