"""The index of a study: one row a run, derived from the folders."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from rnnlab.nested import flatten
from rnnlab.store import write_index
from rnnlab.store.index import varied_keys
from tests.store.samples import make_run

NUMBERS = [
    "final_loss",
    "loss_over_floor",
    "initial_gradient_ratio",
    "final_gradient_ratio",
    "initial_gradient_slope",
    "final_gradient_slope",
    "initial_gradient_zero_share",
    "final_gradient_zero_share",
    "initial_spectral_radius",
    "final_spectral_radius",
]


def _read(study: Path) -> list[dict[str, str]]:
    write_index(study)
    with (study / "index.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def _config(**model: Any) -> dict[str, Any]:
    return {"name": "study", "seed": 0, "model": {"hidden_size": 4, "weight_scale": 1.0, **model}}


def test_one_run_is_one_row_without_swept_columns(tmp_path: Path) -> None:
    folder = make_run(tmp_path)
    (row,) = _read(tmp_path)
    assert list(row) == ["run", "status", "seed", *NUMBERS, "flags"]
    assert (row["run"], row["status"], row["seed"]) == (folder.name, "completed", "0")
    assert (row["final_loss"], row["final_gradient_slope"], row["final_spectral_radius"]) == ("0.25", "0.5", "")


def test_what_differs_becomes_a_column(tmp_path: Path) -> None:
    for seed, scale in enumerate((0.5, 1.5)):
        make_run(tmp_path, seed, f"weight_scale={scale}", config=_config(weight_scale=scale) | {"seed": seed})
    rows = _read(tmp_path)
    assert list(rows[0])[:4] == ["run", "status", "model.weight_scale", "seed"]
    assert [row["model.weight_scale"] for row in rows] == ["0.5", "1.5"]
    assert [row["seed"] for row in rows] == ["0", "1"]


def test_the_index_is_rebuilt_from_the_folders(tmp_path: Path) -> None:
    first = make_run(tmp_path, 0, "a")
    (tmp_path / "index.csv").write_text("nonsense")
    assert [row["run"] for row in _read(tmp_path)] == [first.name]
    second = make_run(tmp_path, 1, "b")
    assert [row["run"] for row in _read(tmp_path)] == [first.name, second.name]


def test_a_damaged_run_has_a_row_that_says_so(tmp_path: Path) -> None:
    folder = make_run(tmp_path, 0, "a")
    make_run(tmp_path, 1, "b")
    (folder / "metrics.npz").unlink()
    damaged, whole = _read(tmp_path)
    assert (damaged["run"], damaged["status"], damaged["final_loss"]) == (folder.name, "damaged", "")
    assert whole["status"] == "completed"


def test_a_number_that_nothing_here_declares_is_a_column_all_the_same(tmp_path: Path) -> None:
    """As of a run that was made with an extension which is not loaded now."""
    make_run(tmp_path, 0, "a", summary={"final_loss": 0.25})
    make_run(tmp_path, 1, "b", summary={"final_loss": 0.5, "lag_horizon": 7.0})
    rows = _read(tmp_path)
    assert list(rows[0]) == ["run", "status", "seed", *NUMBERS, "lag_horizon", "flags"]
    assert [row["lag_horizon"] for row in rows] == ["", "7.0"]


def test_configs_flatten_to_dotted_keys_and_differences_leave_out_name_and_seed() -> None:
    assert flatten({"a": 1, "b": {"c": {"d": None}}}) == {"a": 1, "b.c.d": None}
    configs = [{"name": "x", "seed": 0, "m": {"a": 1, "b": 1}}, {"name": "y", "seed": 1, "m": {"a": 1.0, "b": 1}}]
    assert varied_keys(configs) == ["m.a"]
    assert varied_keys([]) == []
    assert varied_keys([{"a": 1}, {}]) == ["a"]


def own_data(**keys: object) -> dict[str, Any]:
    return {"task": {"kind": "arrays", "seq_len": 5, "last_timestep_only": False, **keys}}


@pytest.mark.parametrize(
    ("tasks", "varied"),
    [
        ([("a.npz", "1"), ("b.npz", "2"), ("b.npz", "2")], ["task.file"]),
        ([("a.npz", "1"), ("a.npz", "2")], ["task.sha256"]),  # edited
        ([("a.npz", "1"), ("b.npz", "1")], []),  # copied: the same data
        ([("a.npz", "1"), ("b.npz", "2"), ("c.npz", "1")], ["task.sha256"]),
    ],
)
def test_data_vary_as_one_thing(tasks: list[tuple[str, str]], varied: list[str]) -> None:
    assert varied_keys(own_data(file=file, sha256=content, seq_len=ord(content)) for file, content in tasks) == varied


def test_what_was_chosen_beside_the_data_varies_of_itself() -> None:
    one, other = (own_data(file="a", sha256="1", last_timestep_only=last) for last in (False, True))
    assert varied_keys([one, other]) == ["task.last_timestep_only"]
    third = own_data(file="b", sha256="2")
    assert sorted(varied_keys([one, other, third])) == ["task.file", "task.last_timestep_only"]
    assert varied_keys([one, {"task": {"kind": "sine", "period": 2.0}}])[:1] == ["task.kind"]
