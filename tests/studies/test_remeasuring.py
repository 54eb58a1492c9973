"""Measuring more of a finished run: it gains files and numbers, loses nothing, or is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rnnlab.config import config_from_mapping
from rnnlab.flow import GROUPS
from rnnlab.store import Run, RunBusyError, Workspace, look_at, open_run
from rnnlab.store.atomic import npz_bytes
from rnnlab.studies import remeasuring
from rnnlab.studies.hooks import Hooks, StoppedError
from rnnlab.studies.remeasuring import RemeasuringError, add_quantities
from rnnlab.studies.run import run_one

GROUP_NAMES = [name for name, group in GROUPS.items() if not group.by_default]


def make(folder: Path, **changes: object) -> Run:
    mapping = {
        "name": "study",
        "task": {"seq_len": 4, "last_timestep_only": True},
        "model": {"hidden_size": 3, "cell": changes.pop("cell", "elman")},
        "training": {"batches": 4, "batch_size": 2, "learning_rate": 0.01, **changes.pop("training", {})},  # type: ignore[dict-item]
        "record": {"every": 2, "sequences": 3, **changes},
    }
    return run_one(config_from_mapping(mapping), runs=folder).run


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.name != "run.json"}


@pytest.mark.parametrize("cell", ["elman", "lstm", "gru"])
def test_a_finished_run_gains_a_file_for_each_group_and_keeps_the_others(cell: str, tmp_path: Path) -> None:
    run = make(tmp_path, cell=cell)
    before = contents(run.path)
    assert add_quantities(run, GROUP_NAMES) == GROUP_NAMES
    again = open_run(run.path)
    again.verify()
    assert {name: content for name, content in contents(run.path).items() if name in before} == before
    assert set(contents(run.path)) == {*before, *(f"{name}.npz" for name in GROUP_NAMES)}
    assert again["lag_norm"].shape == (3, 1, 4)
    assert list(again.group("lyapunov")["step"]) == [0, 4]
    assert again.summary.items() >= run.summary.items()
    assert not list(run.path.parent.glob(".*"))


def test_the_parts_of_the_gradient_add_up_to_what_the_run_recorded(tmp_path: Path) -> None:
    """C_k by lag sums to dL/dW_hh, whose norm the run has recorded on its own."""
    run = make(tmp_path)
    add_quantities(run, ["lags"])
    again = open_run(run.path)
    assert again["lag_share"].sum(axis=-1) == pytest.approx(np.ones((3, 1)), abs=1e-12)


def test_what_is_there_is_not_measured_again(tmp_path: Path) -> None:
    run = make(tmp_path)
    add_quantities(run, ["bounds"])
    when = (run.path / "bounds.npz").stat().st_mtime_ns
    assert add_quantities(open_run(run.path), ["bounds", "split"]) == ["split"]
    assert (run.path / "bounds.npz").stat().st_mtime_ns == when
    assert add_quantities(open_run(run.path), ["bounds", "split"]) == []


def test_weights_that_were_kept_are_used_and_give_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained, kept = make(tmp_path / "a"), make(tmp_path / "b", weights=True)
    add_quantities(trained, ["lags"])
    monkeypatch.setattr(remeasuring, "make_engine", None)  # nobody may train
    add_quantities(kept, ["lags"])
    assert (trained.path / "lags.npz").read_bytes() == (kept.path / "lags.npz").read_bytes()


def test_a_run_that_cannot_be_trained_to_the_same_bits_is_refused_and_untouched(tmp_path: Path) -> None:
    run = make(tmp_path)
    losses = run.metrics["loss"].copy()
    losses[-1] *= 2
    (run.path / "metrics.npz").write_bytes(npz_bytes({**run.metrics, "loss": losses}))
    before = contents(run.path), (run.path / "run.json").read_bytes()
    with pytest.raises(RemeasuringError, match=r"its losses are not the same bits .*record\.weights=true"):
        add_quantities(Run(look_at(run.path)), ["lags"])
    assert not list(run.path.parent.glob(".*")), "nothing is left in the making"
    assert (contents(run.path), (run.path / "run.json").read_bytes()) == before


def test_nothing_trained_and_what_diverged_are_measured_as_far_as_they_go(tmp_path: Path) -> None:
    still = make(tmp_path / "a", training={"batches": 0})
    wild = make(tmp_path / "b", training={"optimizer": "sgd", "learning_rate": 1e38})
    assert wild.status == "diverged"
    for run in (still, wild):
        add_quantities(run, GROUP_NAMES)
    assert open_run(still.path)["lag_norm"].shape == (1, 1, 4)
    assert np.isfinite(open_run(wild.path)["lag_norm"][0]).all()
    assert np.isnan(open_run(wild.path)["lag_norm"][-1]).all()


def test_a_stop_and_another_process_leave_the_run_as_it_is(tmp_path: Path) -> None:
    run = make(tmp_path)
    before = contents(run.path), (run.path / "run.json").read_bytes()
    with pytest.raises(StoppedError):
        add_quantities(run, ["lags"], Hooks(should_stop=lambda: True))
    with Workspace(run.path.parent, run.identity, "default"), pytest.raises(RunBusyError):
        add_quantities(run, ["lags"])
    assert (contents(run.path), (run.path / "run.json").read_bytes()) == before


def test_an_interrupted_replacement_of_the_run_keeps_how_far_it_has_come(tmp_path: Path) -> None:
    run = make(tmp_path)
    with Workspace(run.path.parent, run.identity, "default") as workspace:
        workspace.begin_replacing()
        workspace.save_state(3, {"step": np.array(3)})
    assert add_quantities(run, ["split"]) == ["split"]
    with Workspace(run.path.parent, run.identity, "default") as workspace:
        assert (workspace.state_steps(), workspace.is_replacing) == ([3], True)


def test_training_again_asks_whether_to_stop_as_often_as_any_training(tmp_path: Path) -> None:
    """One update at first, then at most twice as many each time: a stop never waits for a thousand."""
    asked: list[None] = []

    def never() -> bool:
        asked.append(None)
        return False

    add_quantities(make(tmp_path, training={"batches": 40}), ["split"], Hooks(should_stop=never))
    assert len(asked) > 5
