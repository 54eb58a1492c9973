"""A run in the making: a hidden folder that its owner holds by a kernel lock, and the one rename that finishes it.

The lock is on the folder itself (flock), so it falls with its holder, however that dies, and leaves nothing to
remove. Inside: `owner.json` (who), `state-<step>.npz` (how far), `folder/` (the finished files, until renamed) and,
while --force replaces a run, `replaced/` (the old one).
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnlab.store.atomic import json_bytes, npz_bytes, read_json, read_npz, sync_folder, write_bytes
from rnnlab.store.errors import DamagedRunError, RunBusyError
from rnnlab.store.folders import RUN_FOLDER, list_workspaces, short_hash
from rnnlab.store.record import RunRecord
from rnnlab.store.status import read_status

if TYPE_CHECKING:
    import numpy as np

_STRAY_SECONDS = 3600
"""An index is written in milliseconds: a temporary one of this age has lost its writer."""

_STRAYS = (".index.csv.*", ".status.json.*", "..replacing.json.*")
"""Temporary files of what is written into a study beside the runs."""

_PATIENCE_SECONDS = 0.5
"""Another start may hold a workspace for an instant, to see whether it is left over: worth waiting for."""

_REPLACING = "replacing"
"""The mark of a workspace in which --force makes a finished run again."""

_STATE = re.compile(r"state-(\d+)\.npz")


class Workspace:
    """The right to make one run. Use it as a context manager; what is unfinished stays for the next start."""

    def __init__(self, study: Path, identity: str, label: str, *, patience: float = _PATIENCE_SECONDS) -> None:
        self.study, self.identity, self.label = study, identity, label
        self._patience = patience
        self.path = study / f".{short_hash(identity)}"
        self._lock: int | None = None

    def __enter__(self) -> Workspace:
        """Take the lock.

        Raises:
            RunBusyError: another process holds it; the message says who.
        """
        self._lock = _lock_folder(self.path, patience=self._patience)
        try:
            write_bytes(self.path / "owner.json", json_bytes(_owner()), durable=False)
            self._restore_replaced()
        except BaseException:
            self.__exit__()  # a full disk must not leave it locked for as long as this process lives
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Give the lock back."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def save_state(self, step: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Keep how far the run has come; older states stay until `drop_states`.

        Not waited for on the disk: after a power cut a state may be damaged, and the run starts afresh.
        """
        write_bytes(self.path / f"state-{step}.npz", npz_bytes(arrays), durable=False)

    def state_steps(self) -> list[int]:
        """Give the steps of the saved states, the latest first."""
        names = (_STATE.fullmatch(path.name) for path in self.path.iterdir())
        return sorted((int(match[1]) for match in names if match), reverse=True)

    def load_state(self, step: int) -> dict[str, np.ndarray]:
        """Read a saved state.

        Raises:
            DamagedRunError: it is damaged.
        """
        return read_npz(self.path / f"state-{step}.npz")

    def drop_states(self, *, keep: int | None = None) -> None:
        """Remove the saved states, but for the one of step `keep`."""
        for step in self.state_steps():
            if step != keep:
                (self.path / f"state-{step}.npz").unlink()

    @property
    def is_replacing(self) -> bool:
        """Whether its states are those of a run that --force makes again."""
        return (self.path / _REPLACING).exists()

    def begin_replacing(self) -> None:
        """Start afresh, unless the states here are those of an interrupted replacement."""
        if not self.is_replacing:
            self.drop_states()
            write_bytes(self.path / _REPLACING, b"", durable=False)

    def discard(self) -> None:
        """Remove the workspace and all in it."""
        shutil.rmtree(self.path)

    def publish(self, files: Mapping[str, bytes], record: RunRecord, *, replacing: Path | None = None) -> Path:
        """Write the finished folder and give it its final name in one rename.

        Args:
            files: the content of every file but run.json.
            record: what run.json says, of these files too.
            replacing: the folder of an earlier run with this identity, whose place and name this one takes.

        Returns:
            The folder.
        """
        folder = self.path / "folder"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name, content in files.items():
            write_bytes(folder / name, content)
        write_bytes(folder / "run.json", json_bytes(record.to_json()))
        sync_folder(folder)
        final = replacing or self.study / f"{self.label}-{short_hash(self.identity)}"
        if replacing:
            (self.path / "replaced").mkdir(exist_ok=True)
            final.rename(self.path / "replaced" / final.name)
        folder.rename(final)
        sync_folder(self.study)
        with suppress(OSError):  # the run is published; what is left over, the next start removes
            self.discard()
        return final

    def _restore_replaced(self) -> None:
        """Put back a run that was moved aside when its replacement was interrupted."""
        aside = self.path / "replaced"
        if aside.is_dir():
            for old in aside.iterdir():
                if not (self.study / old.name).exists():
                    old.rename(self.study / old.name)


class StudyLock:
    """The right to work on a whole study: a kernel lock on its folder, gone with its holder. A context manager."""

    def __init__(self, study: Path) -> None:
        self.study = study
        self._lock: int | None = None

    def __enter__(self) -> StudyLock:
        """Take it.

        Raises:
            RunBusyError: another process holds it; the message says who.
        """
        try:
            self._lock = _lock_folder(self.study)
        except RunBusyError:
            raise RunBusyError(f"{self.study} is being worked on: {_describe_holder(self.study)}") from None
        return self

    def __exit__(self, *_: object) -> None:
        """Give it back."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def remove_leftovers(study: Path) -> None:
    """Remove workspaces that nobody owns and that hold nothing to go on from; put back what was moved aside."""
    finished = None
    for stray in (path for pattern in _STRAYS for path in study.glob(pattern)):
        with suppress(FileNotFoundError):  # its writer has just renamed it
            if time.time() - stray.stat().st_mtime > _STRAY_SECONDS:
                stray.unlink()
    for path in list_workspaces(study):
        finished = finished if finished is not None else _finished_hashes(study)
        short = path.name[1:]
        with suppress(RunBusyError, OSError), Workspace(study, short, "", patience=0.0) as workspace:
            if not workspace.state_steps() or (short in finished and not workspace.is_replacing):
                workspace.discard()


def _finished_hashes(study: Path) -> set[str]:
    matches = (RUN_FOLDER.fullmatch(path.name) for path in study.iterdir())
    return {match[1] for match in matches if match}


def _lock_folder(path: Path, *, create: bool = True, patience: float = 0.0) -> int:
    """Make the folder if need be and lock it, waiting so many seconds; gives the descriptor that holds the lock."""
    deadline = time.monotonic() + patience
    while True:
        if create:
            path.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            if create:
                continue  # its last owner finished between the two lines
            raise
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            if time.monotonic() < deadline:
                time.sleep(0.01)
                continue
            raise RunBusyError(_describe_owner(path)) from None
        except BaseException:
            os.close(descriptor)
            raise
        if _is_still(path, descriptor):
            return descriptor
        os.close(descriptor)  # locked a folder that its last owner has just removed


def _is_still(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _owner() -> dict[str, Any]:
    return {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _describe_holder(study: Path) -> str:
    """Say who holds a study, from the status that a sweep keeps there."""
    status = read_status(study)
    if status is None:
        return "another sweep has just begun"
    return f"process {status.pid} on {status.host} started a sweep there at {status.started}"


def _describe_owner(path: Path) -> str:
    """Say who holds a workspace, from the note that its owner keeps there."""
    try:
        owner = read_json(path / "owner.json")
        return f"process {owner['pid']} on {owner['host']} has been working on it since {owner['since']}"
    except (DamagedRunError, KeyError):
        return "another process is working on it"
