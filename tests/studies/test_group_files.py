"""Groups that a run measures besides the base: a file each, and nothing else changed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rnnlab.flow.quantity import GROUPS
from rnnlab.store import Run
from rnnlab.studies.run import run_one
from tests.studies.small import DIVERGING, result_bytes, small

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
            assert list(arrays["step"]) == ([0, 12] if group.name in {"exponent", "lyapunov"} else [0, 5, 10, 12])
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
            assert {len(arrays[name]) for name in arrays} == {len(arrays["step"])}, group.name
    assert set(run.record.flags) == set(plain.record.flags)
