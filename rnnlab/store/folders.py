"""Where runs stand under the runs folder, and the short look at each that `ls` and the index need."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnnlab.store.errors import DamagedRunError
from rnnlab.store.files import read_json

RUN_FOLDER = re.compile(r".+-([0-9a-f]{12})")
WORKSPACE_FOLDER = re.compile(r"\.([0-9a-f]{12})")

_FACTS: dict[str, Any] = {
    "identity": str,
    "status": str,
    "flags": list,
    "diverged_at": int | None,
    "floors": dict,
    "summary": dict,
    "config": dict,
    "seed": int,
    "finished": str,
    "seconds": int | float,
    "engine": str,
    "device": str,
    "command": str | None,
    "git": dict | None,
    "versions": dict,
    "machine": dict,
}
"""What readers of run.json count on, and of which types."""


@dataclass(frozen=True)
class RunEntry:
    """A run folder as found: what its run.json says, or what is wrong with it."""

    path: Path
    info: dict[str, Any]
    damage: str | None = None

    @property
    def status(self) -> str:
        """Give `completed`, `diverged` or `damaged`."""
        return "damaged" if self.damage else str(self.info.get("status"))


def short_hash(identity: str) -> str:
    """Give the part of an identity that stands in folder names."""
    return identity[:12]


def is_run_folder(folder: Path) -> bool:
    """Tell a run folder, damaged ones too, from a study whose name happens to look like one."""
    if (folder / "run.json").exists():
        return True
    return bool(RUN_FOLDER.fullmatch(folder.resolve().name)) and not any(map(_holds_run, _names(folder)))


def list_studies(runs: Path) -> list[Path]:
    """Give the study folders under the runs folder, by name: those that hold a run, finished or in the making."""
    return [folder for folder in _subfolders(runs) if any(_holds_run(name) for name in _names(folder))]


def _holds_run(name: str) -> bool:
    return bool(RUN_FOLDER.fullmatch(name) or WORKSPACE_FOLDER.fullmatch(name))


def iterate_runs(study: Path) -> Iterator[RunEntry]:
    """Look at every run folder of a study, by name; a damaged one is named, never an error."""
    return (look_at(folder) for folder in _subfolders(study) if RUN_FOLDER.fullmatch(folder.name))


def list_runs(study: Path) -> list[RunEntry]:
    """Give all of `iterate_runs`."""
    return list(iterate_runs(study))


def list_workspaces(study: Path) -> list[Path]:
    """Give the workspaces of runs in the making or interrupted."""
    return [folder for folder in _subfolders(study) if WORKSPACE_FOLDER.fullmatch(folder.name)]


def folder_hashes(study: Path) -> dict[str, Path]:
    """Give every run folder by the hash in its name; nothing is opened."""
    matches = ((RUN_FOLDER.fullmatch(name), name) for name in _names(study))
    return {match[1]: study / name for match, name in matches if match}


def find_run(study: Path, identity: str) -> RunEntry | None:
    """Give the finished run with this identity, whatever its label.

    Raises:
        DamagedRunError: its folder is there, but damaged or of another identity.
    """
    for name in sorted(_names(study)):
        match = RUN_FOLDER.fullmatch(name)
        if match and match[1] == short_hash(identity):
            entry = look_at(study / name)
            if not entry.damage and entry.info["identity"] != identity:
                raise DamagedRunError(f"{entry.path} is of another identity, {entry.info['identity']}: move it away")
            if entry.damage:
                raise DamagedRunError(
                    f"{entry.path} is damaged: {entry.damage}. Look at it and remove it, or make it again with --force",
                    entry.path,
                )
            return entry
    return None


def look_at(folder: Path) -> RunEntry:
    """Read a folder's run.json and compare the sizes of the other files with it."""
    try:
        info = read_json(folder / "run.json")
        damage = _find_damage(folder, info)
    except DamagedRunError as error:
        damage = str(error).removeprefix(f"{folder}{os.sep}")
    except FileNotFoundError as error:
        damage = f"{Path(str(error.filename)).name} is missing"
    except OSError as error:
        damage = f"{error.filename} cannot be read: {error.strerror}"
    except (KeyError, TypeError, AttributeError, ValueError):
        damage = "run.json is not what rnnlab writes"
    return RunEntry(folder, {}, damage) if damage else RunEntry(folder, info)


def _find_damage(folder: Path, info: dict[str, Any]) -> str | None:
    for name, facts in info["files"].items():
        size = (folder / name).stat().st_size
        if size != facts["bytes"]:
            return f"{name} has {size} bytes where run.json says {facts['bytes']}"
    if not all(isinstance(info[key], kind) for key, kind in _FACTS.items()):
        return "run.json is not what rnnlab writes"
    return None


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 (names alone are needed; 10,000 of them)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _subfolders(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return sorted(Path(entry.path) for entry in entries if entry.is_dir())
    except (FileNotFoundError, NotADirectoryError):
        return []
