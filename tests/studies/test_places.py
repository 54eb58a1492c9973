"""Odd places to run in: a long TMPDIR, a removed current folder, links to themselves, scratch that vanishes."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from rnnlab.config import load_sweep
from rnnlab.store import StoreError
from rnnlab.studies.planning import plan_sweep
from rnnlab.studies.policy import Policy, Watch
from rnnlab.studies.unattended import run_sweep
from tests.studies.sweeping import BARE, EIGHT, command, run_folders, sweep, write_config

FEW = EIGHT.replace("[0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08]", "[0.01, 0.02]")


def test_a_long_name_for_temporary_files_and_a_log_that_cannot_be_opened_stop_no_sweep(tmp_path: Path) -> None:
    write_config(tmp_path, FEW)
    long = tmp_path / ("t" * (180 - len(str(tmp_path)))) if len(str(tmp_path)) < 170 else tmp_path
    long.mkdir(exist_ok=True)
    study = tmp_path / "runs" / "eight"
    study.mkdir(parents=True)
    (study / "logs").touch()  # not a folder, so that no worker can have a log in it
    ended = sweep(tmp_path, "sweep.yaml", "-j2", "--quiet", env={"TMPDIR": str(long)})
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    assert len(run_folders(study)) == 2


@pytest.mark.parametrize("what", ["train", "sweep"])
def test_a_current_folder_that_was_removed_stops_nothing_whose_paths_are_absolute(tmp_path: Path, what: str) -> None:
    config, gone, runs = write_config(tmp_path, FEW), tmp_path / "gone", tmp_path / "runs"
    gone.mkdir()
    line = shlex.join(command(what, config, "--runs", runs, "--quiet"))
    done = subprocess.run(
        ["sh", "-c", f"cd {shlex.quote(str(gone))} && rmdir {shlex.quote(str(gone))} && {line}"],
        env=BARE, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert len(run_folders(runs / "eight")) == (2 if what == "sweep" else 1)


def test_a_link_that_leads_to_itself_is_a_sentence(tmp_path: Path) -> None:
    config, loop = write_config(tmp_path, FEW), tmp_path / "loop"
    loop.symlink_to(loop)
    for line in (["doctor", "--runs", loop], ["train", config, "--runs", loop], ["ls", loop], ["verify", loop],
                 ["sweep", config, "--runs", loop], ["plot", loop]):  # fmt: skip
        done = subprocess.run(command(*line), env=BARE, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == (0 if line[0] == "doctor" else done.returncode)
        assert done.returncode in {0, 1, 2}, done.stderr
        assert "loop" in done.stdout + done.stderr


def test_a_study_that_is_removed_while_it_is_made_is_no_success(tmp_path: Path) -> None:
    config, runs = write_config(tmp_path, EIGHT), tmp_path / "runs"
    removed: list[str] = []

    def clear(line: str) -> None:
        if line.startswith("completed") and not removed:
            removed.append(line)
            shutil.rmtree(runs)

    plan = plan_sweep(load_sweep(config, []), runs)
    with pytest.raises(
        StoreError, match=r"was removed or moved while the sweep worked: of 8 finished runs \d are there"
    ):
        run_sweep(plan, Policy(1, executor="inline"), Watch(on_line=clear))
    again = run_sweep(plan_sweep(load_sweep(config, []), runs), Policy(1, executor="inline"), Watch())
    assert again.tally.done == 8
