"""What a killed process leaves in a study: workspaces without a state, temporary files, the logs of its workers."""

from __future__ import annotations

import os
import re
import socket
import time
from contextlib import ExitStack, suppress
from pathlib import Path

from rnnlab.store.errors import RunBusyError
from rnnlab.store.folders import RUN_FOLDER, folder_hashes, list_workspaces
from rnnlab.store.locks import StudyLock
from rnnlab.store.workspace import Workspace

_TEMPORARY = re.compile(r"\..+\.([0-9]+)@(.*)")
"""A file in the writing: whose process, on which machine (rnnlab.store.atomic.temporary_name)."""

_STRAY_SECONDS = 3600
"""A file is written in milliseconds: one of another machine, of this age, has lost its writer."""


def remove_leftovers(study: Path, *, alone: bool = False) -> None:
    """Remove what nobody owns and nobody can go on from; bring to their end replacements that were interrupted.

    Args:
        study: the study's folder.
        alone: the caller holds the study's lock, so that no sweep is at work.
    """
    _remove_temporary(study)
    workspaces = list_workspaces(study)
    finished = folder_hashes(study) if workspaces else {}
    for path in workspaces:
        _remove_workspace(study, path.name[1:], finished.get(path.name[1:]))
    with suppress(OSError, RunBusyError):
        _remove_logs(study / "logs", alone=alone)


def tidy(folder: Path) -> None:
    """Remove what was left of a finished run when more of it was measured."""
    folder = Path(os.path.realpath(folder))  # by its name, also where it was called "."
    match = RUN_FOLDER.fullmatch(folder.name)
    _remove_temporary(folder)
    if match and (folder.parent / f".{match[1]}").exists():
        _remove_workspace(folder.parent, match[1], folder)


def _remove_workspace(study: Path, short: str, finished: Path | None) -> None:
    """Remove a workspace that nobody holds, and that holds nothing to go on from."""
    with suppress(RunBusyError, OSError), Workspace(study, short, "", patience=0.0) as workspace:
        if finished:
            _remove_temporary(finished)
        if not workspace.state_steps() or (finished and not workspace.is_replacing):
            workspace.discard()


def _remove_temporary(folder: Path) -> None:
    """Remove files whose writer is gone."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            match = _TEMPORARY.fullmatch(entry.name)
            if match and _is_stray(Path(entry.path), int(match[1]), match[2]):
                with suppress(OSError):
                    Path(entry.path).unlink()


def _is_stray(path: Path, process: int, host: str) -> bool:
    with suppress(FileNotFoundError):  # its writer has just renamed it
        is_old = time.time() - path.stat().st_mtime > _STRAY_SECONDS
        return is_old or (host == socket.gethostname() and not is_alive(process))
    return False


def is_alive(process: int) -> bool:
    """Tell whether there is such a process on this machine."""
    try:
        os.kill(process, 0)
    except PermissionError:  # it is, and someone else's
        return True
    except (OSError, OverflowError):
        return False
    return True


def _remove_logs(logs: Path, *, alone: bool) -> None:
    """Remove the logs of workers, which nobody reads any more, unless a sweep is at work."""
    if not logs.is_dir():
        return
    with ExitStack() as exits:
        if not alone:
            exits.enter_context(StudyLock(logs.parent))
        for log in logs.glob("worker-*.log"):
            log.unlink(missing_ok=True)
        if not any(logs.iterdir()):
            logs.rmdir()
