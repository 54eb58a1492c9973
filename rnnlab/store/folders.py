"""Where runs stand under the runs folder, and the short look at each that `ls` and the index need."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from rnnlab.store.atomic import read_json
from rnnlab.store.errors import DamagedRunError
from rnnlab.store.record import RunRecord, problem_of

RUN_FOLDER = re.compile(r".+-([0-9a-f]{12})")
WORKSPACE_FOLDER = re.compile(r"\.([0-9a-f]{12})")


@dataclass(frozen=True)
class RunEntry:
    """A run folder as found, with nothing but its run.json read: whole, or damaged."""

    path: Path
    found: RunRecord | None
    damage: str | None = None
    """What is wrong with it."""

    @property
    def status(self) -> str:
        """Give `completed`, `diverged` or `damaged`."""
        return "damaged" if self.found is None else self.found.status

    @property
    def record(self) -> RunRecord:
        """What its run.json says.

        Raises:
            DamagedRunError: it is not whole.
        """
        if self.found is None:
            raise DamagedRunError(f"{self.path} is damaged: {self.damage}", self.path)
        return self.found

    @property
    def info(self) -> dict[str, Any]:
        """Give the record as plain data; empty for a damaged run."""
        return {} if self.found is None else self.found.to_json()


def short_hash(identity: str) -> str:
    """Give the part of an identity that stands in folder names."""
    return identity[:12]


def is_run_folder(folder: Path) -> bool:
    """Tell a run folder, damaged ones too, from a study whose name happens to look like one."""
    if (folder / "run.json").exists():
        return True
    return bool(RUN_FOLDER.fullmatch(Path(os.path.realpath(folder)).name)) and not any(map(_holds_run, _names(folder)))


def list_studies(runs: Path) -> list[Path]:
    """Give the study folders under the runs folder, by name: those that hold a run, finished or in the making."""
    return [
        folder
        for folder in _subfolders(runs)
        if any(_holds_run(name) for name in _names(folder)) or any(_renamed(folder))
    ]


def _holds_run(name: str) -> bool:
    return bool(RUN_FOLDER.fullmatch(name) or WORKSPACE_FOLDER.fullmatch(name))


def iterate_runs(study: Path) -> Iterator[RunEntry]:
    """Look at every run folder of a study, by name; a damaged one is named, never an error."""
    return (look_at(folder) for folder in run_folders(study))


def run_folders(study: Path) -> list[Path]:
    """Give the run folders of a study, by name: one that a person has renamed is known by its run.json."""
    return [folder for folder in _subfolders(study) if RUN_FOLDER.fullmatch(folder.name) or _is_renamed(folder)]


def _is_renamed(folder: Path) -> bool:
    """Tell whether it is a run whose name does not end in its hash; what is hidden is in the making."""
    return not folder.name.startswith(".") and os.path.isfile(folder / "run.json")  # noqa: PTH113 (one that cannot be read is none)


def _renamed(study: Path) -> Iterator[Path]:
    return (each for each in _subfolders(study) if not RUN_FOLDER.fullmatch(each.name) and _is_renamed(each))


def list_runs(study: Path) -> list[RunEntry]:
    """Give all of `iterate_runs`."""
    return list(iterate_runs(study))


def list_workspaces(study: Path) -> list[Path]:
    """Give the workspaces of runs in the making or interrupted."""
    return [folder for folder in _subfolders(study) if WORKSPACE_FOLDER.fullmatch(folder.name)]


def folder_hashes(study: Path) -> dict[str, Path]:
    """Give every run folder by the hash in its name; only one that was renamed is opened."""
    matches = ((RUN_FOLDER.fullmatch(name), name) for name in _names(study))
    named = {match[1]: study / name for match, name in matches if match}
    entries = map(look_at, _renamed(study))
    return {short_hash(entry.record.identity): entry.path for entry in entries if entry.found} | named


def find_run(study: Path, identity: str) -> RunEntry | None:
    """Give the finished run with this identity, whatever its label.

    Raises:
        DamagedRunError: its folder is there, but damaged or of another identity.
    """
    for name in sorted(_names(study)):
        match = RUN_FOLDER.fullmatch(name)
        if match and match[1] == short_hash(identity):
            entry = look_at(study / name)
            if entry.found and entry.found.identity != identity:
                raise DamagedRunError(f"{entry.path} is of another identity, {entry.found.identity}: move it away")
            if entry.damage:
                raise DamagedRunError(
                    f"{entry.path} is damaged: {entry.damage}. Look at it and remove it, or make it again with --force",
                    entry.path,
                )
            return entry
    renamed = map(look_at, _renamed(study))
    return next((entry for entry in renamed if entry.found and entry.found.identity == identity), None)


def look_at(folder: Path) -> RunEntry:
    """Read a folder's run.json and compare the sizes of the other files with it."""
    try:
        record = RunRecord.model_validate(read_json(folder / "run.json"))
        damage = _find_damage(folder, record)
        return RunEntry(folder, None, damage) if damage else RunEntry(folder, record)
    except DamagedRunError as error:
        damage = str(error).removeprefix(f"{folder}{os.sep}")
    except FileNotFoundError as error:
        damage = f"{Path(str(error.filename)).name} is missing"
    except OSError as error:
        damage = f"{error.filename} cannot be read: {error.strerror}"
    except ValidationError as error:
        damage = f"run.json is not what rnnlab writes: {problem_of(error)}"
    except ValueError:  # a name that no system takes
        damage = "run.json is not what rnnlab writes"
    return RunEntry(folder, None, damage)


def _find_damage(folder: Path, record: RunRecord) -> str | None:
    for name, facts in record.files.items():
        facts_now = (folder / name).stat()
        if not stat.S_ISREG(facts_now.st_mode):
            return f"{name} is not a file"
        size = facts_now.st_size
        if size != facts.bytes:
            return f"{name} has {size} bytes where run.json says {facts.bytes}"
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
