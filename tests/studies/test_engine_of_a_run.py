"""Which engine trains a run: the first that can, decided for each run of a study, and said in its run.json."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from rnnlab.config import config_from_mapping, load_sweep
from rnnlab.nets import CELLS, Elman
from rnnlab.store import open_run
from rnnlab.studies.planning import plan_sweep
from rnnlab.studies.run import run_one
from rnnlab.training import EngineError, available_engines


@dataclass(frozen=True)
class Twice(Elman):
    """An Elman cell under another name: the kernel has no code for it, whatever it inherits."""

    name: ClassVar[str] = "twice"


@pytest.fixture(autouse=True)
def _with_another_cell() -> object:
    with CELLS.extended(Twice):
        yield


CONFIG = "name: mixed\nmodel: {hidden_size: 3}\ntraining: {batches: 2, batch_size: 2}\nrecord: {sequences: 2}\n"


def test_a_study_uses_the_first_engine_that_can_for_each_run(tmp_path: Path) -> None:
    file = tmp_path / "mixed.yaml"
    file.write_text(f"{CONFIG}sweep: {{axes: {{model.cell: [elman, twice]}}}}\n")
    plan = plan_sweep(load_sweep(file), tmp_path / "runs")
    assert [run.engine for run in plan.runs] == [available_engines()[-1], "torch"]


def test_a_cell_that_only_torch_knows_trains_with_it_and_the_run_says_so(tmp_path: Path) -> None:
    config = config_from_mapping(
        {"name": "mixed", "model": {"cell": "twice", "hidden_size": 3}}, ["training.batches=1"]
    )
    run = run_one(config, runs=tmp_path).run
    assert open_run(run.path).record.engine == "torch"


def test_an_engine_that_was_asked_for_by_name_and_cannot_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    if "native" not in available_engines():
        pytest.skip("the native engine is not built here")
    config = config_from_mapping({"name": "mixed", "model": {"cell": "twice", "hidden_size": 3}})
    with pytest.raises(EngineError, match="does not know the cell 'twice', only elman, lstm, gru; use --engine torch"):
        run_one(config, runs=tmp_path, engine="native")
    assert not list(tmp_path.iterdir())
