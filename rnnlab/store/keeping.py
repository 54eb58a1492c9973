"""Runs and studies put elsewhere: into the trash, out of it, under another name. Each in one rename.

    runs/.rnnlab-trash/<study>/<run>/   what `rnnlab rm` has removed; `rnnlab mv` brings it back

What another process is at work on is refused, and so is every folder that holds anything else than what rnnlab writes:
names alone say nothing here, since many programs name folders by hexadecimal digits.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from rnnlab.store.atomic import make_folder
from rnnlab.store.errors import MissingRunError, RunBusyError, StoreError
from rnnlab.store.folders import (
    RUN_FOLDER,
    folder_hashes,
    is_run_folder,
    list_runs,
    list_workspaces,
    look_at,
    run_folders,
    short_hash,
)
from rnnlab.store.index import write_index
from rnnlab.store.locks import StudyLock, lock_folder
from rnnlab.store.status import STATUS_FILE

TRASH = ".rnnlab-trash"

_DERIVED = {"index.csv", STATUS_FILE}
"""What stands in a study folder that says nothing without a run."""

_BESIDE_RUNS = {*_DERIVED, "figures", "logs"}
"""What else rnnlab writes into a study folder; hidden names are of runs in the making and of files in the writing."""


def require_own(path: Path) -> None:
    """Refuse a folder that is not a run, or a study with nothing else in it, by what it holds.

    Raises:
        MissingRunError: it is neither a run nor a study.
        StoreError: it holds what rnnlab has not written, or this process works inside of it.
    """
    if path.is_symlink():
        raise StoreError(f"{path} is a link; name the folder that it leads to")
    if (path / "run.json").is_file():
        if look_at(path).found is None:
            raise StoreError(f"{path} is a damaged run ({look_at(path).damage}): look at it, and remove it by hand")
    else:
        _require_study(path)
    here = Path.cwd()
    if here == path.resolve() or here.is_relative_to(path.resolve()):
        raise StoreError(f"{path} is the folder that you are in, or holds it; go elsewhere first")


def _require_study(path: Path) -> None:
    runs = [folder for folder in run_folders(path) if (folder / "run.json").is_file() and look_at(folder).found]
    workspaces = [folder for folder in list_workspaces(path) if (folder / "owner.json").is_file()]
    if not runs and not workspaces:
        raise MissingRunError(f"{path} is neither a run nor a study; rnnlab ls shows what there is")
    known = {folder.name for folder in (*runs, *workspaces)} | _BESIDE_RUNS
    others = sorted(entry.name for entry in path.iterdir() if entry.name not in known and not _is_temporary(entry))
    if others:
        some = ", ".join(others[:3]) + (", ..." if len(others) > 3 else "")
        raise StoreError(f"{path} also holds what is no whole run ({some}), so it stays; name its runs one by one")


def _is_temporary(path: Path) -> bool:
    """Tell whether it is a file that rnnlab was writing, whose name says by which process."""
    return path.name.startswith(".") and "@" in path.name and path.is_file()


@contextmanager
def nobody_at_work(path: Path) -> Iterator[None]:
    """Hold what a maker of this run, or of a run of this study, would hold.

    Raises:
        RunBusyError: another process holds it; the message says who.
    """
    with ExitStack() as exits:
        if is_run_folder(path):
            match = RUN_FOLDER.fullmatch(path.resolve().name)
            entry = look_at(path)
            short = short_hash(entry.record.identity) if entry.found else match[1] if match else ""
            workspaces = [path.parent / f".{short}"]
        else:
            exits.enter_context(StudyLock(path))
            workspaces = list_workspaces(path)
        for workspace in workspaces:
            with suppress(FileNotFoundError):
                try:
                    exits.callback(os.close, lock_folder(workspace, create=False))
                except RunBusyError as error:
                    raise RunBusyError(f"{path} is being made: {error}") from None
        yield


def remove(path: Path, *, now: bool) -> Path | None:
    """Move a run or a study to the trash of its runs folder, or remove it for good.

    Returns:
        Where it is now; None if it is gone.

    Raises:
        MissingRunError: it is neither a run nor a study.
        RunBusyError: somebody is at work on it.
    """
    require_own(path)
    is_run = (path / "run.json").is_file()
    runs = path.parent.parent if is_run else path.parent
    with nobody_at_work(path):
        if TRASH in path.absolute().parts:
            if not now:
                raise StoreError(f"{path} is in the trash already; --now removes it for good")
            shutil.rmtree(path)
            return None
        target = _free(runs / TRASH / path.parent.name / path.name if is_run else runs / TRASH / path.name)
        make_folder(target.parent)
        path.rename(target)
    if is_run:
        _tidy(path.parent)
    if now:
        shutil.rmtree(target)
        _remove_empty(target.parent, runs)
        return None
    return target


def in_trash(runs: Path) -> list[Path]:
    """Give the runs that lie in the trash of a runs folder, and the studies that were put there as a whole."""
    trash = runs / TRASH
    return sorted(folder for folder in trash.iterdir() if folder.is_dir()) if trash.is_dir() else []


def _free(path: Path) -> Path:
    """Give a name that nothing has yet."""
    number, name = 1, path
    while name.exists():
        number += 1
        name = path.with_name(f"{path.name}.{number}")
    return name


def _tidy(study: Path) -> None:
    """Renew the index of a study, or remove the folder if nothing but what was derived is left in it."""
    if run_folders(study) or list_workspaces(study):
        if TRASH not in study.absolute().parts:
            write_index(study)
        return
    names = {entry.name for entry in study.iterdir()}
    if names <= _DERIVED:
        for name in names:
            (study / name).unlink()
        study.rmdir()
    else:
        (study / "index.csv").unlink(missing_ok=True)


def _remove_empty(folder: Path, top: Path) -> None:
    """Remove folders that are empty, upward."""
    while folder not in {top, folder.parent}:
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent


def move(source: Path, target: Path) -> Path:
    """Give a run another label or another study, or a study another name.

    Args:
        source: a run folder or a study folder.
        target: of a run, a word without a slash, which becomes its label, or a study, or a study and a label; of a
            study, its new name or folder. A run's folder always ends in its hash, by which it is found.

    Returns:
        The folder that it has become.

    Raises:
        MissingRunError: the source is neither a run nor a study.
        RunBusyError: somebody is at work on it.
        StoreError: something is in its place already.
    """
    require_own(source)
    return _move_run(source, target) if is_run_folder(source) else _move_study(source, target)


def _move_run(source: Path, target: Path) -> Path:
    record = look_at(source).record
    short = short_hash(record.identity)
    old_label = source.name.removesuffix(f"-{short}")
    if target.parent == Path() and not target.is_dir():
        study, label = source.parent, target.name
    elif target.is_dir():
        study, label = target, old_label
    elif list_runs(target.parent):
        study, label = target.parent, target.name
    elif target.parent.resolve() in {source.parent.parent.resolve(), source.parent.parent.parent.resolve()}:
        study, label = target, old_label
    else:
        raise MissingRunError(f"{target.parent} is no study; a run goes to STUDY, or to STUDY/LABEL")
    if is_run_folder(study):
        raise StoreError(f"{study} is a run; a run goes to a study")
    new = study / f"{label.removesuffix(f'-{short}')}-{short}"
    if not label or label.startswith(".") or label in {"logs", "figures"}:
        raise StoreError(f"got '{label}'; valid: a label that does not begin with a dot")
    there = folder_hashes(study).get(short)
    if new.exists() or (there is not None and there.resolve() != source.resolve()):
        raise StoreError(f"{there or new} is there already, with the same identity; nothing was moved")
    with nobody_at_work(source):
        make_folder(study)
        source.rename(new)
    _tidy(source.parent)
    if study.resolve() != source.parent.resolve():
        write_index(study)
    return new


def _move_study(source: Path, target: Path) -> Path:
    new = source.with_name(target.name) if target.parent == Path() else target
    if new.exists():
        raise StoreError(f"{new} exists; name another folder, or move the runs one by one")
    if new.name.startswith("."):
        raise StoreError(f"got '{new.name}'; valid: a name that does not begin with a dot")
    with nobody_at_work(source):
        make_folder(new.parent)
        source.rename(new)
    return new
