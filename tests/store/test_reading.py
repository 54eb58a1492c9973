"""Finding and opening runs: by identity, by folder; and every kind of damage is named in a sentence."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnlab.store import DamagedRunError, MissingRunError, Workspace, find_run, list_runs, list_studies, open_run
from rnnlab.store.atomic import npz_bytes, read_json, read_npz, read_npz_shapes
from rnnlab.store.leftovers import tidy
from tests.store.samples import METRICS, contents, edit_info, identity_of, make_files, make_info, make_record, make_run


def _remove(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def _write(name: str, content: bytes) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / name).write_bytes(content)

    return write


def _cut(name: str) -> Callable[[Path], None]:
    return lambda folder: os.truncate(folder / name, (folder / name).stat().st_size // 2)


def _edit(**changes: object) -> Callable[[Path], None]:
    return lambda folder: edit_info(folder, **changes)


def _drop(key: str) -> Callable[[Path], None]:
    def drop(folder: Path) -> None:
        info = json.loads((folder / "run.json").read_text())
        del info[key]
        (folder / "run.json").write_text(json.dumps(info))

    return drop


def _folder_instead(name: str) -> Callable[[Path], None]:
    def replace(folder: Path) -> None:
        (folder / name).unlink()
        (folder / name).mkdir()

    return replace


NOT_OURS = "run.json is not what rnnlab writes"
NO_JSON = "run.json is damaged (it is not the JSON that rnnlab writes)"
DAMAGES = {
    "no run.json": (_remove("run.json"), "run.json is missing"),
    "empty run.json": (_write("run.json", b""), NO_JSON),
    "cut run.json": (_cut("run.json"), NO_JSON),
    "list in run.json": (_write("run.json", b"[]"), "run.json is damaged (it holds no JSON object)"),
    "empty object": (_write("run.json", b"{}"), NOT_OURS),
    "run.json is a folder": (_folder_instead("run.json"), "run.json cannot be read: Is a directory"),
    "files is a list": (_edit(files=[]), NOT_OURS),
    "files of wrong type": (_edit(files={"metrics.npz": 3}), NOT_OURS),
    "files without sizes": (_edit(files={"metrics.npz": {}}), NOT_OURS),
    "file name that no system takes": (_edit(files={"\0": {"bytes": 1}}), NOT_OURS),
    "identity is a number": (_edit(identity=3), NOT_OURS),
    "summary is null": (_edit(summary=None), NOT_OURS),
    "config is a list": (_edit(config=[]), NOT_OURS),
    "seconds is a string": (_edit(seconds="1"), NOT_OURS),
    "diverged_at is a string": (_edit(diverged_at="1"), NOT_OURS),
    "no status": (_drop("status"), NOT_OURS),
    "no floors": (_drop("floors"), NOT_OURS),
    "no metrics.npz": (_remove("metrics.npz"), "metrics.npz is missing"),
    "no weights.npz": (_remove("weights.npz"), "weights.npz is missing"),
    "no config.yaml": (_remove("config.yaml"), "config.yaml is missing"),
    "longer config.yaml": (
        _write("config.yaml", b"name: another\n"),
        "config.yaml has 14 bytes where run.json says 12",
    ),
    "empty metrics.npz": (_write("metrics.npz", b""), "metrics.npz has 0 bytes where run.json says"),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_damage_is_named_and_never_an_error_of_the_list(tmp_path: Path, kind: str) -> None:
    whole, folder = make_run(tmp_path, 1, "whole"), make_run(tmp_path, 0)
    damage, message = DAMAGES[kind]
    damage(folder)
    first, second = list_runs(tmp_path)
    assert (first.path, first.status) == (folder, "damaged")
    assert str(first.damage).startswith(message)
    assert first.info == {}
    assert (second.path, second.status, second.damage) == (whole, "completed", None)


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_run_opens_with_a_sentence(tmp_path: Path, kind: str) -> None:
    folder = make_run(tmp_path)
    DAMAGES[kind][0](folder)
    for path in (folder, tmp_path):
        with pytest.raises(DamagedRunError) as refused:
            open_run(path)
        assert str(refused.value).startswith(f"{folder} is damaged: {DAMAGES[kind][1]}")
    with pytest.raises(DamagedRunError, match=r"make it again with --force$") as refused:
        find_run(tmp_path, identity_of(0))
    assert refused.value.path == folder


def test_a_cut_metrics_file_is_named_by_its_size(tmp_path: Path) -> None:
    folder = make_run(tmp_path)
    size = (folder / "metrics.npz").stat().st_size
    _cut("metrics.npz")(folder)
    assert list_runs(tmp_path)[0].damage == f"metrics.npz has {size // 2} bytes where run.json says {size}"


def _flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 0xFF
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("name", ["metrics.npz", "weights.npz", "config.yaml"])
def test_changed_bytes_of_the_same_number_are_found_by_verify(tmp_path: Path, name: str) -> None:
    folder = make_run(tmp_path)
    _flip(folder / name, (folder / name).stat().st_size // 2)
    run = open_run(folder)  # the short look sees sizes only
    with pytest.raises(DamagedRunError, match=rf"{name} has changed since it was written"):
        run.verify()


def test_changed_numbers_are_found_when_they_are_read(tmp_path: Path) -> None:
    folder = make_run(tmp_path)
    content = (folder / "metrics.npz").read_bytes()
    _flip(folder / "metrics.npz", content.index(METRICS["probe_loss"].tobytes()))
    with pytest.raises(DamagedRunError, match=r"metrics\.npz is damaged \(Bad CRC-32"):
        _ = open_run(folder).metrics


def test_objects_in_a_metrics_file_are_never_unpickled(tmp_path: Path) -> None:
    folder = make_run(tmp_path)
    path = folder / "metrics.npz"
    np.savez(path, loss=np.array([print], dtype=object))
    edit_info(folder, files={"metrics.npz": {"bytes": path.stat().st_size, "sha256": ""}})
    with pytest.raises(DamagedRunError, match=r"'loss\.npy' is no array of numbers or words"):
        _ = open_run(folder).metrics


def test_a_file_that_goes_while_it_is_verified_is_a_sentence(tmp_path: Path) -> None:
    run = open_run(make_run(tmp_path))
    (run.path / "weights.npz").unlink()
    with pytest.raises(DamagedRunError, match=r"weights\.npz cannot be read: No such file"):
        run.verify()
    with pytest.raises(DamagedRunError, match=r"weights\.npz is missing"):
        _ = run.weights


def test_a_run_is_found_by_identity_whatever_its_label(tmp_path: Path) -> None:
    make_run(tmp_path, 1, "seed=1")
    folder = make_run(tmp_path, 2, "hidden_size=8,weight_scale=1.5")
    found = find_run(tmp_path, identity_of(2))
    assert found is not None
    assert (found.path, found.info["identity"]) == (folder, identity_of(2))
    renamed = folder.rename(tmp_path / f"my-own-name-{identity_of(2)[:12]}")
    found = find_run(tmp_path, identity_of(2))
    assert found is not None
    assert found.path == renamed
    assert find_run(tmp_path, identity_of(3)) is None
    assert find_run(tmp_path / "missing", identity_of(2)) is None


def test_the_same_short_hash_of_another_run_is_not_that_run(tmp_path: Path) -> None:
    make_run(tmp_path)
    other = identity_of(0)[:12] + "0" * 52
    with pytest.raises(DamagedRunError, match=rf"is of another identity, {identity_of(0)}: move it away") as refused:
        find_run(tmp_path, other)
    assert refused.value.path is None, "no --force may replace a run of another identity"


def test_a_file_with_the_name_of_a_run_is_damage_when_it_is_looked_for(tmp_path: Path) -> None:
    (tmp_path / f"default-{identity_of(0)[:12]}").touch()
    assert list_runs(tmp_path) == []
    with pytest.raises(DamagedRunError, match="Not a directory"):
        find_run(tmp_path, identity_of(0))


def test_a_study_with_one_run_opens_it(tmp_path: Path) -> None:
    folder = make_run(tmp_path)
    assert open_run(tmp_path).path == folder
    assert repr(open_run(str(folder))) == f"Run('{folder}', completed)"


def test_a_study_with_none_or_many_runs_says_so(tmp_path: Path) -> None:
    with pytest.raises(MissingRunError) as refused:
        open_run(tmp_path)
    assert str(refused.value) == f"{tmp_path} is not a run folder and holds none; rnnlab ls shows what there is"
    for seed in range(4):
        make_run(tmp_path, seed, f"seed={seed}")
    with pytest.raises(MissingRunError) as refused:
        open_run(tmp_path)
    names = ", ".join(f"seed={seed}-{identity_of(seed)[:12]}" for seed in range(3))
    assert str(refused.value) == f"{tmp_path} holds 4 runs; name one of them, e.g. {names}"
    with pytest.raises(MissingRunError, match="there is no folder"):
        open_run(tmp_path / "missing")
    assert refused.value.exit_code == 2


def test_a_run_folder_under_another_name_opens(tmp_path: Path) -> None:
    folder = make_run(tmp_path).rename(tmp_path / "kept")
    assert open_run(folder).identity == identity_of(0)


def test_a_run_gives_its_arrays_and_its_facts(tmp_path: Path) -> None:
    run = open_run(make_run(tmp_path))
    assert (run.status, run.summary["final_loss"]) == ("completed", 0.25)
    assert sorted(run.metrics) == sorted(METRICS)
    assert run.weights["final/weight_hh_l0"].tolist() == [[1, 0], [0, 1]]
    assert run.config.name == "study"


def test_studies_are_the_folders_that_hold_a_run(tmp_path: Path) -> None:
    make_run(tmp_path / "b")
    (tmp_path / "a" / f".{identity_of(0)[:12]}").mkdir(parents=True)
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_bytes(npz_bytes({}))
    assert [study.name for study in list_studies(tmp_path)] == ["a", "b"]
    assert list_studies(tmp_path / "missing") == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"seconds": float("nan")}, "'seconds'"),
        ({"config": {"model": {"cell": 5}}}, "'model.cell' is of another type"),
        ({"config": {"model": 5}}, "is of another type"),
        ({"files": {"../other": {"bytes": 1, "sha256": ""}}}, "'../other' is no file of the folder"),
        ({"files": {"/etc/passwd": {"bytes": 1, "sha256": ""}}}, "'/etc/passwd' is no file of the folder"),
        ({"status": "done"}, "'status'"),
        ({"identity": ""}, "it is no sha256 in hexadecimal digits"),
        ({"identity": "./" * 32}, "it is no sha256 in hexadecimal digits"),
    ],
)
def test_a_run_json_of_other_types_is_damage_and_named(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    folder = make_run(tmp_path)
    edit_info(folder, **changes)
    (entry,) = list_runs(tmp_path)
    assert said in str(entry.damage)
    with pytest.raises(DamagedRunError) as refused:
        open_run(folder)
    assert refused.value.exit_code == 2


def test_a_key_that_is_missing_from_run_json_is_a_sentence_where_it_is_read(tmp_path: Path) -> None:
    folder = make_run(tmp_path)
    edit_info(folder, files={}, config={"model": {}}, summary={})
    record = open_run(folder).record
    reads: list[Callable[[], object]] = [
        lambda: record.config["task"],
        lambda: record.config["model"]["cell"],
        lambda: record.summary["final_loss"],
        lambda: record.files["metrics.npz"],
    ]
    for read in reads:
        with pytest.raises(DamagedRunError, match=r"run\.json is damaged: it has no '"):
            read()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"step": METRICS["step"].astype(float)}, r"'step' is float64 of shape \(2,\), not \(R,\) i8"),
        ({"probe_loss": METRICS["probe_loss"][None]}, r"'probe_loss' is float64 of shape \(1, 2\)"),
        ({"probe_loss": np.zeros(3)}, "'probe_loss' has 3 places along its record, not 2"),
        ({"step": np.zeros(0, int), "probe_loss": np.zeros(0)}, "'step' has 0 places along its record"),
    ],
)
def test_arrays_of_other_types_and_shapes_are_damage_and_named(
    tmp_path: Path, changes: dict[str, np.ndarray], said: str
) -> None:
    files = make_files({**METRICS, **changes})
    with Workspace(tmp_path, identity_of(0), "default") as workspace:
        folder = workspace.publish(files, make_record(files, make_info(identity_of(0))))
    with pytest.raises(DamagedRunError, match=said):
        open_run(folder)["probe_loss"]


@pytest.mark.parametrize("shape", [b"(999999999,)", b"(3, 2)", b"(-1, 2)", b"(1, 2)"])
def test_no_shape_that_a_header_claims_is_allocated(tmp_path: Path, shape: bytes) -> None:
    content, claimed = npz_bytes({"a": np.zeros((2, 2))}), b"'shape': " + shape + b", }"
    start = content.index(b"'shape': ")
    path = tmp_path / "a.npz"
    path.write_bytes(content[:start] + claimed.ljust(30) + content[start + 30 :])
    for read in (read_npz, lambda path: read_npz_shapes(path, ["a"])):
        with pytest.raises(DamagedRunError, match=r"a\.npz is damaged"):
            read(path)


def test_an_archive_that_unfolds_is_not_read(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", a=np.zeros(10**6))
    with pytest.raises(DamagedRunError, match="not stored as rnnlab stores them"):
        read_npz(tmp_path / "a.npz")


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "run.json")
    with pytest.raises(DamagedRunError, match="it is a pipe or a device"):
        read_json(tmp_path / "run.json")


@pytest.mark.parametrize("identity", ["", ".", "/", "../../etc/passwd", "x" * 64])
def test_what_is_no_identity_names_no_workspace(tmp_path: Path, identity: str) -> None:
    with pytest.raises(DamagedRunError, match="is no identity of a run"):
        Workspace(tmp_path, identity, "default")


def test_tidying_by_the_name_of_a_point_removes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_run(tmp_path)
    monkeypatch.chdir(folder)
    before = contents(folder)
    tidy(Path())
    assert contents(folder) == before
