"""--force gives a run the name of another: at every moment and after every death one of the two is there."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rnnlab.store import Workspace, list_runs, open_run, remove_leftovers
from rnnlab.store import replacing as module
from rnnlab.store.replacing import exchange
from tests.store.samples import identity_of, make_files, make_info, make_record, make_run

IDENTITY = identity_of(0)


class _Killed(BaseException):
    """Stands for a process that ends at this very line."""


def _replace(study: Path, folder: Path, seconds: float = 2.0) -> Path:
    with Workspace(study, IDENTITY, "another-label") as workspace:
        workspace.begin_replacing()
        workspace.save_state(7, {"step": np.array(7)})
        return workspace.publish(
            make_files(), make_record(make_files(), make_info(IDENTITY, seconds=seconds)), replacing=folder
        )


def _cannot_exchange(*_: object) -> bool:
    return False


def _names(study: Path) -> list[str]:
    return sorted(path.name for path in study.iterdir())


def test_two_folders_change_names_in_one_step(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    if exchange(tmp_path / "a", tmp_path / "b"):
        assert ((tmp_path / "a" / "b").exists(), (tmp_path / "b" / "a").exists()) == (True, True)
    with pytest.raises(FileNotFoundError):
        exchange(tmp_path / "a", tmp_path / "missing")


@pytest.mark.parametrize("can", [True, False])
def test_a_replacement_takes_the_name_of_the_old_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, can: bool
) -> None:
    if not can:
        monkeypatch.setattr(module, "exchange", _cannot_exchange)
    folder = make_run(tmp_path, label="mine")
    assert _replace(tmp_path, folder) == folder
    assert open_run(folder).record.seconds == 2.0
    assert _names(tmp_path) == [folder.name]


def _die_at(monkeypatch: pytest.MonkeyPatch, number: int, refuse: Callable[[Path], bool]) -> None:
    """End the process at the n-th renaming of a folder; and let the system refuse to move some."""
    real, count = Path.rename, [0]

    def rename(self: Path, target: Path) -> Path:
        if self.is_dir():
            if refuse(self):
                raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), str(self))
            count[0] += 1
            if count[0] == number:
                raise _Killed
        return real(self, target)

    monkeypatch.setattr(Path, "rename", rename)


@pytest.mark.parametrize("overlay", [False, True])
@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_death_between_the_steps_leaves_a_run_visible_and_the_next_start_makes_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, overlay: bool
) -> None:
    """On an overlay file system a folder of a lower layer can be removed, but not renamed: "cross-device link"."""
    folder = make_run(tmp_path)
    monkeypatch.setattr(module, "exchange", _cannot_exchange)
    with monkeypatch.context() as dying:
        _die_at(dying, number, refuse=lambda path: overlay and path == folder)
        try:
            _replace(tmp_path, folder)
        except _Killed:
            pass
        else:
            assert number > 3 - overlay
    visible = list_runs(tmp_path)
    assert visible
    assert all(entry.damage is None for entry in visible)
    is_new = any(entry.record.seconds == 2.0 for entry in visible)
    remove_leftovers(tmp_path)
    open_run(folder).verify()
    assert open_run(folder).record.seconds == (2.0 if is_new else 1.0)
    if is_new:
        assert _names(tmp_path) == [folder.name]
    else:  # what was saved for the replacement stays for the next --force
        assert _names(tmp_path) == [f".{IDENTITY[:12]}", folder.name]
        assert sorted(path.name for path in (tmp_path / f".{IDENTITY[:12]}").iterdir()) == [
            "owner.json", "replacing", "state-7.npz",
        ]  # fmt: skip
    assert _replace(tmp_path, folder) == folder
    assert _names(tmp_path) == [folder.name]


def test_a_death_behind_the_exchange_leaves_the_new_run_and_no_state_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_run(tmp_path)

    def die(*_: object) -> None:
        raise _Killed

    with monkeypatch.context() as dying, pytest.raises(_Killed):
        dying.setattr(Workspace, "discard", die)
        _replace(tmp_path, folder)
    assert open_run(folder).record.seconds == 2.0
    remove_leftovers(tmp_path)
    assert _names(tmp_path) == [folder.name]


def test_an_old_run_that_cannot_be_removed_is_in_nobodys_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_run(tmp_path)
    real = os.unlink

    def fail(path: str, *, dir_fd: int | None = None) -> None:
        if str(path) == "weights.npz":
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
        real(path, dir_fd=dir_fd)

    with monkeypatch.context() as failing:
        failing.setattr(os, "unlink", fail)
        for seconds in (2.0, 3.0, 4.0):
            assert _replace(tmp_path, folder, seconds) == folder
            remove_leftovers(tmp_path)
            assert not list(tmp_path.glob(".*/state-*.npz"))
    open_run(folder).verify()
    assert open_run(folder).record.seconds == 4.0
    remove_leftovers(tmp_path)
    assert _names(tmp_path) == [folder.name]
