"""With the native engine a run of a sweep is the same to the byte as the run alone, with any number of workers."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

from rnnlab.config import identity, load_config, load_sweep
from rnnlab.store import Workspace, list_runs
from rnnlab.studies.hooks import Hooks, Progress, StoppedError
from rnnlab.studies.making import Job, Slot, make_stack
from rnnlab.studies.planning import plan_sweep
from rnnlab.studies.run import run_one
from rnnlab.training import make_engine, native_library
from tests.studies.small import result_bytes, small
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


def test_runs_saved_at_different_steps_go_on_in_one_stack_and_end_as_undisturbed(tmp_path: Path) -> None:
    """As after an interruption, when other workers cut the stacks anew."""
    engine, study = make_engine("native"), tmp_path / "runs"
    configs = [small("training.batches=40", f"seed={seed}") for seed in range(4)]
    slots = [Slot(config, identity(config), f"seed={config.seed}") for config in configs]
    undisturbed = [made.path for made in make_stack(slots, Job(tmp_path / "undisturbed", engine))]
    for slot, seconds in zip(slots[:3], (2, 2, 5), strict=True):
        with pytest.raises(StoppedError):
            list(make_stack([slot], Job(study, engine, hooks=stop_after(seconds))))
    saved = [Workspace(study, identity(slot.config), "").state_steps() for slot in slots[:3]]
    assert saved[0] == saved[1] != saved[2]
    told: list[Progress] = []
    again = list(make_stack(slots, Job(study, engine, hooks=Hooks(on_progress=told.append))))
    assert told[0].step == saved[0][0] + 1
    shares = [progress.step / progress.batches for progress in told]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert [made.error for made in again] == [None] * 4
    made_of_slot = {made.slot: made.path for made in again}
    for index, path in enumerate(undisturbed):
        assert path and (other := made_of_slot[index])
        assert result_bytes(path) == result_bytes(other)


def stop_after(calls: int) -> Hooks:
    """Ask for a stop at that call."""
    counter = itertools.count(1)
    return Hooks(should_stop=lambda: next(counter) >= calls)


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
