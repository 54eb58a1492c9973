"""Groups that a run measures besides the base: a file each, and nothing else changed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rnnlab.flow.group import GROUPS
from rnnlab.store import Run, open_run
from rnnlab.store.atomic import json_bytes
from rnnlab.studies.run import run_one
from tests.studies.small import DIVERGING, result_bytes, small
from tests.studies.sweeping import EIGHT, RATES, run_folders, sweep_here, write_config

OTHERS = [group for name, group in GROUPS.items() if name != "base"]


def measured(folder: Path, monkeypatch: pytest.MonkeyPatch, *overrides: str) -> tuple[Run, Run]:
    """Make the same run twice, as always and with all groups."""
    plain = run_one(small(*overrides), runs=folder / "plain").run
    for group in OTHERS:
        monkeypatch.setattr(type(group), "by_default", True)
    return plain, run_one(small(*overrides), runs=folder / "all").run


@pytest.mark.parametrize(
    "overrides", [("model.cell=elman",), ("model.cell=lstm", "model.layers=2"), ("model.cell=gru",)]
)
def test_each_group_leaves_a_file_and_its_numbers(
    overrides: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, run = measured(tmp_path, monkeypatch, *overrides)
    assert result_bytes(run.path) == result_bytes(plain.path)
    assert run.identity == plain.identity
    cell = run.path.joinpath("config.yaml").read_text(encoding="utf-8")
    for group in OTHERS:
        with np.load(run.path / group.file) as arrays:
            steps = {"exponent": [0, 12], "lyapunov": [0, 12], "updates": [0]}.get(group.name, [0, 5, 10, 12])
            assert list(arrays["step"]) == steps
            assert all(np.isfinite(arrays[name]).all() for name in arrays), group.name
            assert (len(arrays) == 1) == (group.name == "bounds" and "elman" not in cell)
    assert run.record.flags == plain.record.flags == []
    numbers = run.summary
    assert plain.summary.items() <= numbers.items()
    assert numbers["final_h50"] <= numbers["final_h95"] < 4
    assert numbers["initial_exponent"] < 0 < numbers["initial_exponent_stderr"]


@pytest.mark.parametrize("overrides", [("task.seq_len=1",), DIVERGING, ("training.batches=0",)])
def test_runs_at_the_edges_are_measured_too(
    overrides: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One timestep, weights that are not finite, a single record."""
    plain, run = measured(tmp_path, monkeypatch, *overrides)
    assert result_bytes(run.path) == result_bytes(plain.path)
    for group in OTHERS:
        with np.load(run.path / group.file) as arrays:
            by_record = [name for name in arrays if not group.of_training or name == "step"]
            assert {len(arrays[name]) for name in by_record} == {len(arrays["step"])}, group.name
    assert set(run.record.flags) == set(plain.record.flags)


# record.quantities


def test_a_run_records_the_groups_that_its_config_names(tmp_path: Path) -> None:
    plain = run_one(small(), runs=tmp_path / "plain").run
    run = run_one(small("record.quantities=[lags, activity]"), runs=tmp_path).run
    assert sorted(set(run.record.files) - set(plain.record.files)) == ["activity.npz", "lags.npz"]
    assert run.path.name == plain.path.name  # it is the same run
    assert run["lag_norm"].shape == (4, 1, 4)
    assert run.summary["final_h50"] <= run.summary["final_h95"]


def test_a_finished_run_gains_what_a_config_asks_for_later(tmp_path: Path) -> None:
    plain = run_one(small(), runs=tmp_path).run
    again = run_one(small("record.quantities=split"), runs=tmp_path)
    assert not again.made
    assert set(again.run.record.files) - set(plain.record.files) == {"split.npz"}
    assert result_bytes(again.run.path) == result_bytes(plain.path)
    assert "final_h50" not in again.run.summary


def test_a_run_of_an_older_version_is_left_as_it_is(tmp_path: Path) -> None:
    run = run_one(small(), runs=tmp_path).run
    record = run.record.model_copy(update={"files": {k: v for k, v in run.record.files.items() if k != "exponent.npz"}})
    (run.path / "exponent.npz").unlink()
    (run.path / "run.json").write_bytes(json_bytes(record.to_json()))
    again = run_one(small(), runs=tmp_path)
    assert not again.made
    assert "exponent.npz" not in again.run.record.files


def test_a_sweep_adds_to_runs_that_exist_and_makes_the_others(tmp_path: Path) -> None:
    study = tmp_path / "runs" / "eight"
    three = EIGHT.replace(RATES, "[0.01, 0.02, 0.03]")
    assert sweep_here(write_config(tmp_path, three.replace("0.02, 0.03", "0.02")), tmp_path / "runs").tally.made == 2
    before = {folder: result_bytes(folder) for folder in run_folders(study)}
    config = write_config(tmp_path, three.replace("every: 20", "every: 20, quantities: [bounds]"))
    assert sweep_here(config, tmp_path / "runs").tally.made == 1
    assert [open_run(folder)["departure"].shape for folder in run_folders(study)] == [(3, 1)] * 3
    assert {folder: result_bytes(folder) for folder in before} == before
    assert sweep_here(config, tmp_path / "runs").tally.existed == 3
