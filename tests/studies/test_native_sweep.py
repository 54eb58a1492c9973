"""With the native engine a run of a sweep is the same to the byte as the run alone, with any number of workers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rnnlab.config import load_config, load_sweep
from rnnlab.store import list_runs
from rnnlab.studies.run import run_one
from rnnlab.studies.study import plan_sweep
from rnnlab.training import native_library
from tests.studies.small import result_bytes
from tests.studies.sweeping import EIGHT, results, sweep_here, write_config

pytestmark = pytest.mark.skipif(native_library.missing() is not None, reason="the native engine is not built here")


def test_runs_of_a_sweep_are_those_of_train_whatever_the_workers(tmp_path: Path) -> None:
    config = write_config(tmp_path, EIGHT)
    for jobs in (1, 2):
        assert sweep_here(config, tmp_path / str(jobs), jobs=jobs, engine="native").failures == []
    assert results(tmp_path / "1" / "eight") == results(tmp_path / "2" / "eight")
    for index, entry in enumerate(list_runs(tmp_path / "1" / "eight"), start=1):
        rate = f"training.learning_rate={entry.info['config']['training']['learning_rate']}"
        alone = run_one(load_config(config, [rate]), runs=tmp_path / f"alone{index}", engine="native").run
        assert result_bytes(alone.path) == result_bytes(entry.path)


def test_runs_that_exist_are_not_trained_again_to_fill_their_places(tmp_path: Path) -> None:
    config = write_config(tmp_path, EIGHT)
    first = plan_sweep(load_sweep(config, []), tmp_path / "runs").runs[0].config()
    run_one(first, runs=tmp_path / "runs", engine="native")
    outcome = sweep_here(config, tmp_path / "runs", engine="native")
    assert (outcome.tally.made, outcome.tally.existed) == (7, 1)
    sizes = [json.loads((entry.path / "run.json").read_text())["stack"]["size"]
             for entry in list_runs(tmp_path / "runs" / "eight")]  # fmt: skip
    assert sorted(sizes)[:2] == [1, 1]  # the one that was there, and its neighbour, which then trained alone


def test_run_json_names_the_instructions_and_the_kernel(tmp_path: Path) -> None:
    config = load_config(write_config(tmp_path, EIGHT))
    info = run_one(config, runs=tmp_path, engine="native").run.info
    library = native_library.load()
    assert info["engine"] == "native"
    assert (info["machine"]["instructions"], info["machine"]["kernel"]) == (library.instructions, library.build)
