"""Single files: whole or not there, equal for equal content, and damage is always a sentence."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import numpy as np
import pytest

from rnnlab.store import DamagedRunError
from rnnlab.store.atomic import csv_text, json_bytes, npz_bytes, read_json, read_npz, write_bytes

ARRAYS = {"loss": np.arange(3, dtype=np.float32), "names": np.array(["a", "bc"]), "empty": np.zeros((2, 0))}


def test_a_file_that_cannot_be_written_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    write_bytes(path, b"before")

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        write_bytes(path, b"after")
    assert path.read_bytes() == b"before"
    assert [file.name for file in tmp_path.iterdir()] == ["a"]


def test_only_durable_files_are_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[int] = []
    monkeypatch.setattr(os, "fsync", waited.append)
    write_bytes(tmp_path / "a", b"", durable=False)
    assert waited == []
    write_bytes(tmp_path / "a", b"")
    assert len(waited) == 1


def test_equal_arrays_are_equal_bytes() -> None:
    assert npz_bytes(ARRAYS) == npz_bytes({name: array.copy() for name, array in ARRAYS.items()})


def test_arrays_come_back_as_they_were(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(npz_bytes(ARRAYS))
    read = read_npz(tmp_path / "a.npz")
    assert list(read) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert read[name].dtype == array.dtype
        np.testing.assert_array_equal(read[name], array)
    assert list(read_npz(tmp_path / "a.npz", ["names"])) == ["names"]


def test_arrays_of_objects_are_neither_written_nor_read(tmp_path: Path) -> None:
    objects = np.array([{"a": 1}], dtype=object)
    with pytest.raises(ValueError, match="allow_pickle=False"):
        npz_bytes({"a": objects})
    np.savez(tmp_path / "a.npz", a=objects)
    with pytest.raises(DamagedRunError, match=r"a\.npz is damaged \('a\.npy' is no array of numbers"):
        read_npz(tmp_path / "a.npz")


def test_every_cut_is_a_sentence(tmp_path: Path) -> None:
    whole, path = npz_bytes(ARRAYS), tmp_path / "a.npz"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(DamagedRunError, match=r"a\.npz is damaged"):
            read_npz(path)


@pytest.mark.parametrize("flip", [0x01, 0x40, 0xFF])
def test_a_changed_byte_is_a_sentence_or_changes_no_number(tmp_path: Path, flip: int) -> None:
    """Some bytes of an archive, dates for instance, say nothing about the arrays."""
    whole, path = npz_bytes(ARRAYS), tmp_path / "a.npz"
    damaged = 0
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ flip]) + whole[place + 1 :])
        try:
            read = read_npz(path)
        except DamagedRunError:
            damaged += 1
            continue
        for name, array in read.items():
            np.testing.assert_array_equal(array, ARRAYS[name])
    assert damaged > len(whole) / 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "damaged"),
        (b"not an archive", "damaged"),
        (b"\x80\x04N.", "damaged"),  # a pickle of None
    ],
)
def test_what_is_no_archive_is_a_sentence(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(DamagedRunError, match=message):
        read_npz(tmp_path / "a.npz")


def test_a_single_array_is_no_archive(tmp_path: Path) -> None:
    stream = io.BytesIO()
    np.save(stream, np.arange(3))
    (tmp_path / "a.npz").write_bytes(stream.getvalue())
    with pytest.raises(DamagedRunError, match="damaged"):
        read_npz(tmp_path / "a.npz")


def test_a_missing_file_a_missing_array_and_a_folder_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(DamagedRunError, match=r"a\.npz is missing$"):
        read_npz(tmp_path / "a.npz")
    with pytest.raises(DamagedRunError, match=r"run\.json is missing$"):
        read_json(tmp_path / "run.json")
    (tmp_path / "b.npz").write_bytes(npz_bytes(ARRAYS))
    with pytest.raises(DamagedRunError, match="has no array 'other'"):
        read_npz(tmp_path / "b.npz", ["other"])
    with pytest.raises(DamagedRunError, match="Is a directory"):
        read_npz(tmp_path)
    with pytest.raises(DamagedRunError, match="cannot be read: Is a directory"):
        read_json(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not the JSON that rnnlab writes"),
        (b'{"a": 1', "is not the JSON that rnnlab writes"),
        (b"\xff\xfe", "is not the JSON that rnnlab writes"),
        (b"[" * 100_000, "is not the JSON that rnnlab writes"),
        (b"[1]", "holds no JSON object"),
        (b"null", "holds no JSON object"),
    ],
)
def test_what_is_no_json_object_is_a_sentence(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(DamagedRunError, match=message):
        read_json(tmp_path / "run.json")


def test_json_has_null_for_what_is_not_finite() -> None:
    value = {"a": [float("nan"), float("inf"), -float("inf"), 1.5], "b": {"c": (float("nan"), "é")}}
    assert json.loads(json_bytes(value)) == {"a": [None, None, None, 1.5], "b": {"c": [None, "é"]}}


def test_csv_quotes_what_needs_it_and_leaves_none_empty() -> None:
    assert csv_text(["a", "b"], [["x,y", None], ["", 0.1]]) == 'a,b\n"x,y",\n,0.1\n'
