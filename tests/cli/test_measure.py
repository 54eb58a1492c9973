"""rnnlab measure: quantities that a finished run gains, found by every command that reads runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rnnlab.store import Workspace, list_runs, open_run, open_study
from tests.cli.conftest import Call


@pytest.fixture
def study(call: Call) -> str:
    """Make two runs of a small study."""
    for seed in (1, 2):
        call("train", "tiny.yaml", f"seed={seed}")
    return "runs/tiny"


def test_a_study_is_measured_and_everything_finds_it(call: Call, study: str) -> None:
    result = call("measure", study, "--quantities", "lags,bounds")
    assert (result.code, result.err) == (0, "")
    assert [line.rpartition(": ")[2] for line in result.out.splitlines()] == ["lags, bounds"] * 2
    assert call("measure", study, "--quantities", "lags").out.count(": nothing to add") == 2
    assert open_study(study)["lag_share"].shape[0] == 2
    assert call("export", study, "--table", "lags").out.startswith("run,seed,update,layer_from_0,lag_from_0,lag_norm")
    rows = json.loads(call("ls", study, "--json").out)
    assert all("final_h50" in row for row in rows)
    assert call("plot", rows[0]["path"], "--kind", "lag_norm").code == 0


def test_a_run_without_them_has_no_columns_for_them(call: Call, study: str) -> None:
    header = call("ls", study, "--csv").out.splitlines()[0].split(",")
    assert header[-2:] == ["final_exponent_stderr", "flags"]


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        (
            "lag",
            "no group of quantities 'lag'; valid: exponent, lags, jacobians, lyapunov, split, bounds, activity, "
            "updates, all",
        ),
        (",", "this names no group of quantities; valid: exponent, lags,"),
    ],
)
def test_groups_that_do_not_exist_are_refused(call: Call, study: str, wanted: str, sentence: str) -> None:
    result = call("measure", study, "--quantities", wanted)
    assert result.code == 2
    assert sentence in " ".join(result.err.split())


def test_a_run_that_fails_does_not_keep_the_others_from_being_measured(call: Call, study: str) -> None:
    first, second = list_runs(Path(study))
    with Workspace(first.path.parent, first.record.identity, "default"):
        result = call("measure", study, "--quantities", "split")
    assert result.code == 1
    assert f"{first.path} was not measured: process" in result.err
    assert "split.npz" in open_run(second.path).record.files
    assert "split.npz" not in open_run(first.path).record.files
