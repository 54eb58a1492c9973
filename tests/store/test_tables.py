"""Long tables of runs: only names and shapes are read at first, and then some rows at a time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rnnlab.store.files import npz_bytes, read_npz_shapes, write_pieces

from rnnlab.flow.quantity import LOSS, PARAMETERS, PROBE, SPECTRUM, Table
from rnnlab.store import DamagedRunError, Workspace, list_runs, look_at, tables
from rnnlab.store.tables import RunTable, find_table
from tests.store.samples import METRICS, identity_of, make_files, make_info, make_run


def make(study: Path, **arrays: np.ndarray) -> Path:
    """Publish a run with these arrays beside the usual ones."""
    identity = identity_of(9)
    with Workspace(study, identity, "other") as workspace:
        return workspace.publish(make_files({**METRICS, **arrays}), make_info(identity, label="other"))


def found(folder: Path, table: Table) -> RunTable:
    its_table = find_table(look_at(folder), table)
    assert its_table is not None
    return its_table


def test_rows_come_in_blocks_and_none_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "_BLOCK_ROWS", 4)
    losses = np.arange(10, dtype=np.float32)
    blocks = list(found(make(tmp_path, loss=losses), LOSS).read_blocks())
    assert [len(block) for block in blocks] == [4, 4, 2]
    assert [row for block in blocks for row in block] == list(enumerate(losses.tolist()))


def test_a_block_has_whole_records_even_where_one_has_more_rows_than_a_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "_BLOCK_ROWS", 1)
    norms = np.array([[1.0, 2.0], [3.0, 4.0]])
    blocks = list(found(make(tmp_path, param_grad_norm=norms), PARAMETERS).read_blocks())
    assert blocks == [
        [(0, "weight_hh_l0", 1.0), (0, "bias_l0", 2.0)],
        [(2, "weight_hh_l0", 3.0), (2, "bias_l0", 4.0)],
    ]


def test_a_complex_number_has_three_columns(tmp_path: Path) -> None:
    its_table = found(make(tmp_path, eigenvalues=np.array([[[3 - 4j]], [[1j]]])), SPECTRUM)
    parts = ["eigenvalue_real", "eigenvalue_imaginary", "eigenvalue_magnitude"]
    assert its_table.columns == ["update", "layer_from_0", "rank_from_1", *parts]
    assert list(its_table.read_blocks()) == [[(0, 0, 1, 3.0, -4.0, 5.0), (2, 0, 1, 0.0, 1.0, 1.0)]]


def test_a_run_without_rows_has_no_table(tmp_path: Path) -> None:
    folder = make(tmp_path, loss=np.zeros(0, dtype=np.float32))
    assert find_table(look_at(folder), LOSS) is None
    assert find_table(look_at(folder), SPECTRUM) is None
    assert find_table(look_at(folder), PROBE) is not None


def test_shapes_are_read_without_the_numbers(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(npz_bytes({"a": np.zeros((2, 3)), "b": np.zeros(4), "names": np.array(["x"])}))
    assert read_npz_shapes(path, ["a", "names", "nothing"]) == {"a": (2, 3), "names": (1,)}
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DamagedRunError, match=r"a\.npz is damaged"):
        read_npz_shapes(path, ["a"])
    path.unlink()
    with pytest.raises(DamagedRunError, match=r"a\.npz is missing"):
        read_npz_shapes(path, ["a"])


def test_a_file_that_cannot_be_finished_leaves_the_one_before(tmp_path: Path) -> None:
    """A run is found damaged when half of the table is written."""
    make_run(tmp_path / "study")
    (entry,) = list_runs(tmp_path / "study")
    its_table = find_table(entry, LOSS)
    assert its_table is not None
    (entry.path / "metrics.npz").unlink()
    target = tmp_path / "out.csv"
    target.write_text("before")
    with pytest.raises(DamagedRunError, match=r"metrics\.npz is missing"):
        write_pieces(target, (str(block).encode() for block in its_table.read_blocks()))
    assert target.read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.csv", "study"]
