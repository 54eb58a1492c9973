"""Memory is asked for where runs are made, before anything is started, and never where a config is read."""

from __future__ import annotations

from pathlib import Path

import pytest

import rnnlab.config.limits
from rnnlab.config import load_config, load_sweep
from rnnlab.config.limits import TooLargeError
from rnnlab.store import open_run
from rnnlab.studies import run
from rnnlab.studies.executors.local import pool
from rnnlab.studies.planning import plan_sweep
from rnnlab.studies.policy import Policy, Watch
from rnnlab.studies.unattended import run_sweep
from tests.studies.small import small
from tests.studies.sweeping import EIGHT, sweep, sweep_here, write_config


def test_a_sweep_names_the_run_that_is_too_large(tmp_path: Path) -> None:
    text = EIGHT.replace("training.learning_rate: ", "model.hidden_size: [4, 1000000], training.learning_rate: ")
    write_config(tmp_path, text)
    ended = sweep(tmp_path, "sweep.yaml", "training.learning_rate=0.01")
    assert (ended.code, ended.out) == (2, "")
    (line,) = ended.err.splitlines()
    assert line.startswith("model.hidden_size: 1000000 needs about 28 TB of memory, most of it for the weights, and ")
    assert "choose a smaller value for model.hidden_size (in the run hidden_size=1000000,learning_rate=0.01-" in line
    assert not (tmp_path / "runs").exists()


def test_of_many_that_are_too_large_the_first_ten_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_sweep(load_sweep(write_config(tmp_path, EIGHT), ["seed=range(0,8,1)"]), tmp_path / "runs")
    monkeypatch.setattr(pool, "memory_of_machine", lambda: 1000)
    with pytest.raises(TooLargeError) as refused:
        run_sweep(plan, Policy(1), Watch())
    lines = str(refused.value).splitlines()
    assert (len(lines), lines[-1]) == (11, "... and 54 more runs")


def test_what_exists_is_no_matter_on_a_smaller_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its config opens, `train` and `sweep` find it, and only what is left to make is refused."""
    config = write_config(tmp_path, EIGHT)
    sweep_here(config, tmp_path / "runs")
    for module in (pool, run, rnnlab.config.limits):
        monkeypatch.setattr(module, "memory_of_machine", lambda: 1000)
    assert sweep_here(config, tmp_path / "runs").tally.existed == 8
    first = run.run_one(load_config(config, ["training.learning_rate=0.01"]), runs=tmp_path / "runs")
    assert (first.made, open_run(first.run.path).config.training.learning_rate) == (False, 0.01)
    with pytest.raises(TooLargeError):
        run.run_one(small(), runs=tmp_path / "runs")
