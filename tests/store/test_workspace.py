"""The lock, the states, and the one rename: what holds when processes die or meet."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import socket
import subprocess
import threading
from pathlib import Path

import numpy as np
import pytest

from rnnlab.store import (
    DamagedRunError,
    RunBusyError,
    StudyLock,
    Workspace,
    find_run,
    list_runs,
    open_run,
    remove_leftovers,
)
from rnnlab.store import workspace as module
from rnnlab.store.atomic import write_bytes
from tests.store.samples import contents, holder, identity_of, make_files, make_run

IDENTITY = identity_of(0)


def test_a_second_process_is_refused_and_told_who_holds_the_run(tmp_path: Path) -> None:
    with holder(tmp_path, IDENTITY) as process:
        with pytest.raises(RunBusyError) as refused, Workspace(tmp_path, IDENTITY, "default"):
            pass
        assert f"process {process.pid} on {socket.gethostname()} has been working on it since" in str(refused.value)
        assert refused.value.exit_code == 75


def test_the_lock_falls_with_a_killed_holder(tmp_path: Path) -> None:
    with holder(tmp_path, IDENTITY) as process:
        process.kill()
        process.wait()
        with Workspace(tmp_path, IDENTITY, "default") as workspace:
            assert workspace.path.is_dir()


def test_one_process_cannot_hold_a_run_twice(tmp_path: Path) -> None:
    with Workspace(tmp_path, IDENTITY, "default"):
        with pytest.raises(RunBusyError, match=f"process {os.getpid()} on"), Workspace(tmp_path, IDENTITY, "other"):
            pass
        with Workspace(tmp_path, identity_of(1), "default"):
            pass


def test_a_holder_whose_name_cannot_be_read_is_still_refused(tmp_path: Path) -> None:
    with Workspace(tmp_path, IDENTITY, "default", patience=0.0) as workspace:
        (workspace.path / "owner.json").write_text("{")
        with pytest.raises(RunBusyError, match=r"^another process is working on it$"):
            Workspace(tmp_path, IDENTITY, "default", patience=0.0).__enter__()


def test_a_workspace_held_for_an_instant_is_waited_for(tmp_path: Path) -> None:
    first = Workspace(tmp_path, IDENTITY, "default")
    first.__enter__()
    timer = threading.Timer(0.05, first.__exit__)
    timer.start()
    with Workspace(tmp_path, IDENTITY, "default", patience=60.0) as second:
        assert second.path.is_dir()
    timer.join()


def test_a_folder_removed_between_opening_and_locking_is_not_taken_for_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its owner publishes, and so removes the workspace, just before our lock on it succeeds."""
    path = tmp_path / f".{IDENTITY[:12]}"
    real = fcntl.flock
    removed: list[int] = []

    def lock_late(descriptor: int, operation: int) -> None:
        if not removed:
            removed.append(path.stat().st_ino)
            shutil.rmtree(path)
        real(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", lock_late)
    with Workspace(tmp_path, IDENTITY, "default"):
        monkeypatch.undo()
        assert path.is_dir()
        with pytest.raises(RunBusyError):
            Workspace(tmp_path, IDENTITY, "default", patience=0.0).__enter__()


def test_a_start_that_fails_gives_the_lock_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        Workspace(tmp_path, IDENTITY, "default").__enter__()
    monkeypatch.undo()
    with Workspace(tmp_path, IDENTITY, "default", patience=0.0):
        pass


def test_states_are_kept_by_step_and_dropped_but_for_one(tmp_path: Path) -> None:
    with Workspace(tmp_path, IDENTITY, "default") as workspace:
        for step in (5, 100, 20):
            workspace.save_state(step, {"step": np.array(step)})
        (workspace.path / "state-x.npz").touch()
        (workspace.path / ".state-7.npz.123").touch()
        assert workspace.state_steps() == [100, 20, 5]
        assert int(workspace.load_state(20)["step"]) == 20
        workspace.drop_states(keep=20)
        assert workspace.state_steps() == [20]
        workspace.drop_states()
        assert workspace.state_steps() == []


def test_a_state_that_is_cut_short_is_a_sentence(tmp_path: Path) -> None:
    with Workspace(tmp_path, IDENTITY, "default") as workspace:
        workspace.save_state(5, {"step": np.array(5)})
        file = workspace.path / "state-5.npz"
        file.write_bytes(file.read_bytes()[:-30])
        with pytest.raises(DamagedRunError, match=r"state-5\.npz is damaged"):
            workspace.load_state(5)


def test_a_published_folder_is_whole_and_its_workspace_gone(tmp_path: Path) -> None:
    folder = make_run(tmp_path, label="weight_scale=1.5")
    assert folder == tmp_path / f"weight_scale=1.5-{IDENTITY[:12]}"
    assert sorted(path.name for path in tmp_path.iterdir()) == [folder.name]
    run = open_run(folder)
    assert sorted(contents(folder)) == ["config.yaml", "metrics.npz", "run.json", "weights.npz"]
    for name, content in make_files().items():
        assert (folder / name).read_bytes() == content
        assert run.info["files"][name] == {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    run.verify()


def test_run_json_is_written_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    real = write_bytes

    def note(path: Path, content: bytes, *, durable: bool = True) -> None:
        written.append(path.name)
        real(path, content, durable=durable)

    monkeypatch.setattr(module, "write_bytes", note)
    make_run(tmp_path)
    assert written == ["owner.json", "config.yaml", "metrics.npz", "weights.npz", "run.json"]


class _Killed(BaseException):
    """Stands for a process that ends at this very line."""


@pytest.mark.parametrize("last", ["config.yaml", "metrics.npz", "weights.npz", "run.json", "rename"])
def test_an_end_before_the_rename_leaves_nothing_under_the_final_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: str
) -> None:
    real_write, real_rename = write_bytes, Path.rename

    def write(path: Path, content: bytes, *, durable: bool = True) -> None:
        if path.name == last:
            raise _Killed
        real_write(path, content, durable=durable)

    def rename(self: Path, target: Path) -> Path:
        if self.name.startswith("made-"):
            raise _Killed
        return real_rename(self, target)

    monkeypatch.setattr(module, "write_bytes", write)
    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(_Killed):
        make_run(tmp_path)
    monkeypatch.undo()
    assert list_runs(tmp_path) == []
    assert find_run(tmp_path, IDENTITY) is None
    assert open_run(make_run(tmp_path)).identity == IDENTITY


def _leave_workspace(study: Path, identity: str, *, with_state: bool) -> Path:
    with Workspace(study, identity, "default") as workspace:
        if with_state:
            workspace.save_state(3, {"step": np.array(3)})
    return workspace.path


def test_leftovers_without_a_state_are_removed_and_those_with_one_are_kept(tmp_path: Path) -> None:
    empty = _leave_workspace(tmp_path, identity_of(1), with_state=False)
    kept = _leave_workspace(tmp_path, identity_of(2), with_state=True)
    before = contents(kept)["state-3.npz"]
    remove_leftovers(tmp_path)
    assert not empty.exists()
    assert contents(kept)["state-3.npz"] == before
    with Workspace(tmp_path, identity_of(2), "default", patience=0.0) as workspace:  # nor is it still locked
        assert workspace.state_steps() == [3]


def test_leftovers_of_finished_runs_are_removed(tmp_path: Path) -> None:
    make_run(tmp_path)
    left = _leave_workspace(tmp_path, IDENTITY, with_state=True)
    remove_leftovers(tmp_path)
    assert not left.exists()


def test_workspaces_that_are_held_are_left_alone(tmp_path: Path) -> None:
    with holder(tmp_path, IDENTITY) as process:
        remove_leftovers(tmp_path)
        assert (tmp_path / f".{IDENTITY[:12]}" / "owner.json").exists()
        with pytest.raises(RunBusyError, match=f"process {process.pid} on "), Workspace(tmp_path, IDENTITY, "default"):
            pass


def test_what_is_not_a_workspace_is_left_alone(tmp_path: Path) -> None:
    for name in (".git", ".0123456789abc", "notes"):
        (tmp_path / name).mkdir()
    (tmp_path / ".0123456789ab").touch()
    remove_leftovers(tmp_path)
    assert len(list(tmp_path.iterdir())) == 4


def test_a_temporary_file_is_removed_as_soon_as_its_writer_is_gone(tmp_path: Path) -> None:
    here, gone = socket.gethostname(), subprocess.Popen(["true"])
    gone.wait()
    dead, alive = tmp_path / f".index.csv.{gone.pid}@{here}", tmp_path / f".index.csv.{os.getpid()}@{here}"
    elsewhere, old = tmp_path / ".status.json.1@elsewhere", tmp_path / ".index.csv.1@elsewhere"
    for stray in (dead, alive, elsewhere, old):
        stray.touch()
    os.utime(old, (0, 0))
    remove_leftovers(tmp_path)
    assert {*tmp_path.iterdir()} == {alive, elsewhere}


def test_the_logs_of_workers_go_unless_a_sweep_is_at_work(tmp_path: Path) -> None:
    worker, failed = tmp_path / "logs" / "worker-1-1.log", tmp_path / "logs" / "default-0.log"
    worker.parent.mkdir()
    worker.touch()
    failed.touch()
    with StudyLock(tmp_path):
        remove_leftovers(tmp_path)
        assert worker.exists()
        remove_leftovers(tmp_path, alone=True)
        assert not worker.exists()
    failed.unlink()
    remove_leftovers(tmp_path)
    assert not worker.parent.exists()


def test_what_a_killed_measuring_leaves_in_a_finished_run_is_removed(tmp_path: Path) -> None:
    folder = make_run(tmp_path)
    gone = subprocess.Popen(["true"])
    gone.wait()
    (folder / f".lags.npz.{gone.pid}@{socket.gethostname()}").touch()
    _leave_workspace(tmp_path, IDENTITY, with_state=False)
    remove_leftovers(tmp_path)
    assert sorted(contents(folder)) == ["config.yaml", "metrics.npz", "run.json", "weights.npz"]


def test_leftovers_of_no_study_are_none(tmp_path: Path) -> None:
    remove_leftovers(tmp_path / "missing")
    assert list(tmp_path.iterdir()) == []
