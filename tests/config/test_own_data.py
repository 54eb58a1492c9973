"""Data of one's own in a config: where paths begin, what counts for the identity, and where faults are shown."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnlab.config import (
    Config,
    ConfigError,
    canonical_json,
    config_from_mapping,
    identity,
    json_schema,
    load_config,
    load_sweep,
    write_config,
)
from rnnlab.config.limits import TooLargeError, check_memory, memory_bytes
from rnnlab.config.loading import load_run
from rnnlab.tasks import DataError, Task
from rnnlab.tasks.data_file import _parsed
from rnnlab.training import PROBE, make_stream

CONFIG = "task:\n  kind: arrays\n  file: data/a.npz\nmodel: {hidden_size: 3}\n"


def save(path: Path, seed: int = 0) -> None:
    generator = np.random.default_rng(seed)
    path.parent.mkdir(exist_ok=True, parents=True)
    np.savez(path, inputs=generator.normal(size=(9, 5, 2)), targets=generator.normal(size=(9, 5, 1)))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder with a config and its data, and stand in another."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    save(tmp_path / "data" / "a.npz")
    save(tmp_path / "data" / "b.npz", seed=1)
    (tmp_path / "study.yaml").write_text(CONFIG)
    return tmp_path


def sentences(folder: Path, *overrides: str) -> list[str]:
    """Give what is wrong with the config, without its folder's name."""
    with pytest.raises(ConfigError) as caught:
        load_config(folder / "study.yaml", overrides)
    return [str(problem).replace(f"{folder}/", "") for problem in caught.value.problems]


def sampled(task: Task) -> bytes:
    return task.sample(make_stream(0, PROBE), 4)[0].tobytes()


def test_a_relative_path_begins_at_the_config_file_wherever_one_stands(folder: Path) -> None:
    config = load_config(folder / "study.yaml")
    assert config.task.model_dump()["file"] == str(folder / "data" / "a.npz")
    assert load_config("../study.yaml", ["task.file=data/b.npz"]).task.model_dump()["file"].endswith("/data/b.npz")
    os.chdir(folder)
    assert identity(load_config("study.yaml")) == identity(config)
    assert identity(config_from_mapping({"name": "x", "task": {"kind": "arrays", "file": "data/a.npz"}}))


def test_home_is_where_a_tilde_points(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder))
    assert load_config(folder / "study.yaml", ["task.file=~/data/b.npz"]).task.model_dump()["file"].startswith("/")


def test_the_content_is_the_identity_and_the_place_is_not(folder: Path) -> None:
    before = load_config(folder / "study.yaml")
    shutil.copy(folder / "data" / "a.npz", folder / "moved.npz")
    moved = load_config(folder / "study.yaml", ["task.file=moved.npz"])
    assert moved != before
    assert identity(moved) == identity(before)
    assert str(folder) not in canonical_json(before)
    save(folder / "data" / "a.npz", seed=2)
    assert identity(load_config(folder / "study.yaml")) != identity(before)


def test_the_config_of_a_run_needs_no_file_until_sequences_are_drawn(folder: Path) -> None:
    config = load_config(folder / "study.yaml")
    (folder / "run.yaml").write_text(write_config(config))
    shutil.rmtree(folder / "data")
    again = load_config(folder / "run.yaml")
    assert again == config
    assert Config.model_validate_json(config.model_dump_json()) == config
    with pytest.raises(DataError, match=r"task\.file: there is no file .*/data/a\.npz"):
        again.task.floors(linear=False)


def test_sequences_are_never_drawn_from_a_file_that_has_changed(folder: Path) -> None:
    config = load_config(folder / "study.yaml")
    save(folder / "data" / "a.npz", seed=2)
    with pytest.raises(DataError, match=r"a\.npz has changed: its sha256 begins with .* another run"):
        sampled(config.task)
    save(folder / "data" / "a.npz")
    drawn = sampled(config.task)
    save(folder / "data" / "a.npz", seed=2)
    assert sampled(config.task) == drawn, "what was read once is kept: an edit does not reach a run in training"


def test_a_checksum_in_the_config_is_held_against_the_file(folder: Path) -> None:
    found = load_config(folder / "study.yaml").task.model_dump()["sha256"]
    assert load_config(folder / "study.yaml", [f"task.sha256={found}"]) == load_config(folder / "study.yaml")
    (problem,) = sentences(folder, f"task.sha256={'0' * 64}")
    assert f"task.sha256={'0' * 40}" in problem
    assert problem.endswith(f"but data/a.npz has {found}; leave the key out, or name another file")


def test_faults_are_shown_where_the_file_is_named(folder: Path) -> None:
    (folder / "data" / "a.npz").unlink()
    assert sentences(folder) == [
        "study.yaml:3:9: task.file: there is no file data/a.npz. Did you mean 'b.npz'?",
    ]
    assert sentences(folder, "task.file=data") == ["command line: task.file=data: data: this is a folder; name a file"]
    assert sentences(folder, "task.file=3") == [
        "command line: task.file=3: got 3; valid: text. Did you mean '3', in quotes?"
    ]
    (folder / "study.yaml").write_text("task:\n  kind: text\n")
    assert sentences(folder) == ["study.yaml:2:3: task.file: it is missing; name the file that holds the data"]


def test_every_other_fault_of_the_config_is_told_with_it(folder: Path) -> None:
    (folder / "study.yaml").write_text(CONFIG.replace("a.npz", "c.npz").replace("3}", "0}"))
    first, second = sentences(folder)
    assert "there is no file data/c.npz" in first
    assert "model.hidden_size: got 0" in second


def test_the_label_of_a_run_names_the_file_and_none_of_its_facts(folder: Path) -> None:
    assert load_run(folder / "study.yaml", ["task.file=data/b.npz"]).changed == {"task.file": f"{folder}/data/b.npz"}


def test_files_are_an_axis(folder: Path) -> None:
    runs = load_sweep(folder / "study.yaml", ["task.file=data/a.npz,data/b.npz", "seed=0,1"]).expand().runs
    assert [Path(str(run.values["task.file"])).name for run in runs] == ["a.npz", "a.npz", "b.npz", "b.npz"]
    assert len({run.identity for run in runs}) == 4
    shutil.copy(folder / "data" / "a.npz", folder / "data" / "b.npz")
    same = load_sweep(folder / "study.yaml", ["task.file=data/a.npz,data/b.npz"]).expand()
    assert (len(same.runs), same.merged) == (1, 1), "the same content is the same run"
    with pytest.raises(
        ConfigError, match=r"there is no file .*/data/c\.npz.*\(in the combination task\.file='data/c\.npz'\)"
    ):
        load_sweep(folder / "study.yaml", ["task.file=data/a.npz,data/c.npz"]).expand()


def test_data_that_do_not_fit_into_memory_are_refused_where_a_run_is_made(folder: Path) -> None:
    config = load_config(folder / "study.yaml")
    much = config.model_copy(update={"task": config.task.model_copy(update={"examples": 10**9})})
    assert memory_bytes(much) > memory_bytes(config)
    with pytest.raises(
        TooLargeError, match=r"task\.file: .*a\.npz needs about 120 GB of memory for its data, and this"
    ):
        check_memory(much, 10**9)


def test_editors_are_told_that_the_file_is_needed() -> None:
    tasks: dict[str, Any] = {
        one["properties"]["kind"]["const"]: one
        for one in json_schema()["properties"]["task"]["anyOf"]
        if one != {"type": "null"}
    }
    assert tasks["arrays"]["required"] == tasks["text"]["required"] == ["kind", "file"]


def test_an_edit_that_leaves_size_and_time_alone_is_noticed_while_the_file_is_new(folder: Path) -> None:
    path = folder / "data" / "a.npz"
    before, time = identity(load_config(folder / "study.yaml")), path.stat().st_mtime_ns
    save(path, seed=5)
    os.utime(path, ns=(time, time))
    assert identity(load_config(folder / "study.yaml")) != before


def test_a_file_that_lies_there_for_long_is_read_once_for_a_whole_sweep(folder: Path) -> None:
    path, reads = folder / "data" / "a.npz", _parsed.cache_info().misses
    os.utime(path, (1e9, 1e9))
    assert len(load_sweep(folder / "study.yaml", ["seed=range(0,50,1)"]).expand().runs) == 50
    assert _parsed.cache_info().misses == reads + 1
