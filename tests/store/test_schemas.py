"""The published schemas of run.json and status.json are what the code says, and what runs and sweeps write fits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import rnnlab.store
from rnnlab.store.record import RunRecord
from rnnlab.store.schemas import SCHEMAS, schema_of, schema_text
from rnnlab.store.status import SweepStatus
from rnnlab.studies.run import run_one
from tests.studies.small import DIVERGING, small
from tests.studies.sweeping import EIGHT, sweep_here, write_config

FOLDER = Path(rnnlab.store.__file__).parent
README = Path(__file__).parents[2] / "runs" / "README.md"


def fits(name: str, value: Any) -> bool:
    return jsonschema.Draft202012Validator(schema_of(name)).is_valid(value)


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_files_are_those_of_the_code(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == schema_text(name), "python -m rnnlab.store.schemas"
    jsonschema.Draft202012Validator.check_schema(schema_of(name))


@pytest.mark.parametrize("overrides", [(), DIVERGING, ("training.batches=0", "model.cell=lstm")])
def test_the_run_json_of_a_run_fits_and_is_what_the_record_gives(tmp_path: Path, overrides: tuple[str, ...]) -> None:
    run = run_one(small(*overrides), runs=tmp_path).run
    written = json.loads((run.path / "run.json").read_text())
    assert fits("run.schema.json", written)
    assert run.record.to_json() == written
    assert list(written) == list(RunRecord.model_fields)
    required = [key for key, field in RunRecord.model_fields.items() if field.is_required()]
    assert written.keys() - set(required) == {"watched"}  # which runs of the first version have not
    for key in required:
        assert not fits("run.schema.json", {name: value for name, value in written.items() if name != key})
    assert not fits("run.schema.json", written | {"seconds": "1"})


def test_the_status_json_of_a_sweep_fits(tmp_path: Path) -> None:
    sweep_here(write_config(tmp_path, EIGHT), tmp_path / "runs")
    written = json.loads((tmp_path / "runs" / "eight" / "status.json").read_text())
    assert fits("status.schema.json", written)
    assert list(written) == list(SweepStatus.model_fields)
    assert not fits("status.schema.json", written | {"state": "asleep"})


@pytest.mark.parametrize("model", [RunRecord, SweepStatus])
def test_every_key_is_described_where_people_look(model: type[RunRecord | SweepStatus]) -> None:
    table = README.read_text(encoding="utf-8")
    for key, field in model.model_fields.items():
        assert field.description
        assert f"| `{key}` | {field.description} |" in table
