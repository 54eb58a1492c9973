"""Kernel locks on folders (flock): they fall with their holder, however that dies; and notes of who holds them."""

from __future__ import annotations

import fcntl
import os
import socket
import time
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from rnnlab.store.atomic import make_folder, read_json
from rnnlab.store.errors import DamagedRunError, RunBusyError
from rnnlab.store.status import read_status


class Owner(BaseModel):
    """What owner.json says: who holds a workspace."""

    model_config = ConfigDict(frozen=True, strict=True, extra="allow")

    pid: int
    host: str
    since: str


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
            self._lock = lock_folder(self.study)
        except RunBusyError:
            raise RunBusyError(f"{self.study} is being worked on: {_describe_holder(self.study)}") from None
        return self

    def __exit__(self, *_: object) -> None:
        """Give it back."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def lock_folder(path: Path, *, create: bool = True, patience: float = 0.0) -> int:
    """Make the folder if need be and lock it, waiting so many seconds; gives the descriptor that holds the lock."""
    deadline = time.monotonic() + patience
    while True:
        if create:
            make_folder(path.parent)
            path.mkdir(exist_ok=True)
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


def this_owner() -> Owner:
    """Give what this process says of itself."""
    return Owner(pid=os.getpid(), host=socket.gethostname(), since=datetime.now(UTC).isoformat(timespec="seconds"))


def _describe_holder(study: Path) -> str:
    """Say who holds a study, from the status that a sweep keeps there."""
    status = read_status(study)
    if status is None:
        return "another sweep has just begun"
    return f"process {status.pid} on {status.host} started a sweep there at {status.started}"


def _describe_owner(path: Path) -> str:
    """Say who holds a workspace, from the note that its owner keeps there."""
    try:
        owner = Owner.model_validate(read_json(path / "owner.json"))
    except (DamagedRunError, ValidationError):
        return "another process is working on it"
    return f"process {owner.pid} on {owner.host} has been working on it since {owner.since}"
