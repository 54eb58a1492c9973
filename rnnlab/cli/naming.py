"""Runs as people name them: a folder, or the study and after a slash what tells a run apart in it.

| name | the run |
|---|---|
| `runs/lstm/default-38d0878c07c4` | of this folder |
| `runs/lstm/seed=3`, `runs/lstm/weight_scale=1.5,seed=3` | whose config says so |
| `runs/lstm/38d0` | whose hash, or whose folder, begins so, if no other does |
| `runs/lstm/@last` | that was finished last |

The folder of runs may be left out (`lstm/@last`), and so may the study, where the runs of all of them are meant.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rnnlab.cli import choosing
from rnnlab.words import did_you_mean, nearest

if TYPE_CHECKING:
    from rnnlab.store import RunEntry

LAST = "@last"

_NAMED = 3  # runs that a message names


def one_place(name: Path, runs: Path) -> Path:
    """Give the folder, of a run or of a study, that a name means.

    Raises:
        MissingRunError: there is none, or it means several runs.
    """
    from rnnlab.store import MissingRunError

    found = places(name, runs)
    if len(found) == 1:
        return found[0]
    raise MissingRunError(f"{name} is the name of {len(found)} runs; name one of them, {_some(found)}")


def _some(folders: Sequence[Path]) -> str:
    return "e.g. " + ", ".join(map(str, folders[:_NAMED]))


def chosen_places(names: Sequence[Path], conditions: Sequence[str], runs: Path) -> list[Path]:
    """Give the folders that some names mean, each once; with conditions, the run folders in them that meet all.

    One of several names that means nothing is given as it is: whoever reads the others says what is wrong with it.

    Raises:
        MissingRunError: a name means nothing.
        NothingFoundError: no run meets the conditions.
        ColumnError: a condition names nothing that these runs have, or a value that none can have.
    """
    from rnnlab.store import MissingRunError

    given: list[Path] = []
    for name in names:
        try:
            given += places(name, runs)
        except MissingRunError:
            if len(names) == 1:
                raise
            given.append(name)
    found = list(dict.fromkeys(given))
    if not conditions:
        return found
    entries = [entry for place in found for entry in entries_in(place)]
    where = found[0] if len(found) == 1 else runs
    return [entry.path for entry in choosing.require(entries, conditions, where)]


def runs_in(folder: Path) -> list[RunEntry]:
    """Give the run of a run folder, or the runs of a study."""
    from rnnlab.store import list_runs, look_at
    from rnnlab.store.folders import is_run_folder

    return [look_at(folder)] if is_run_folder(folder) else list_runs(folder)


def entries_in(folder: Path) -> list[RunEntry]:
    """Give the runs of a folder: of a run, of a study, or of the studies of a folder of runs."""
    from rnnlab.store import list_runs, list_studies

    return runs_in(folder) or [entry for study in list_studies(folder) for entry in list_runs(study)]


def places(name: Path, runs: Path) -> list[Path]:
    """Give the folder that a name means, or the run folders, if it is one that several runs share.

    Raises:
        MissingRunError: there is no such folder and no such run.
        ColumnError: it is of the form key=value, and no run has the key or can have the value.
    """
    folder = name if name.exists() else find_folder(name, runs)
    if folder is not None:
        return [folder]
    studies = _studies(name.parent, runs)
    entries = [entry for study in studies for entry in entries_in(study)]
    return [entry.path for entry in _select(entries, name, runs)]


def find_folder(name: Path, runs: Path) -> Path | None:
    """Give the folder of this name, from here or in the folder of runs."""
    for folder in (name, runs / name):
        if folder.is_dir():
            return folder
    return None


def _studies(parent: Path, runs: Path) -> list[Path]:
    """Give the studies in which a run is looked for: the one before the slash, or all."""
    from rnnlab.store import list_studies

    if parent == Path():
        return list_studies(runs)
    study = find_folder(parent, runs)
    return [] if study is None else [study]


def _select(entries: Sequence[RunEntry], name: Path, runs: Path) -> list[RunEntry]:
    """Choose among the runs of the studies that were named.

    Raises:
        MissingRunError: none is meant.
    """
    from rnnlab.store import MissingRunError

    selector = name.name
    if not entries:
        raise MissingRunError(_no_folder(name, runs))
    if selector == LAST:
        whole = [entry for entry in entries if entry.found]
        if not whole:
            raise MissingRunError(f"no run in {_where(name, runs)} is whole; rnnlab verify says what is damaged")
        return [max(whole, key=lambda entry: entry.record.finished)]
    if "=" in selector:
        conditions = selector.split(",")
        found = choosing.choose(entries, conditions)
        if not found:
            raise MissingRunError(choosing.nothing(entries, conditions, _where(name, runs)))
        return found
    found = _beginning_with(entries, selector)
    if found:
        return found
    labels = [LAST, *(_label(entry) for entry in entries)]
    hint = did_you_mean(selector, labels)
    in_study = name.parent != Path() and bool(runs_in(_where(name, runs)))
    if not in_study and not hint:
        raise MissingRunError(_no_folder(name, runs))
    raise MissingRunError(f"{_where(name, runs)} has no run '{selector}'; rnnlab ls shows what there is{hint}")


def _where(name: Path, runs: Path) -> Path:
    return (find_folder(name.parent, runs) or name.parent) if name.parent != Path() else runs


def _no_folder(name: Path, runs: Path) -> str:
    """Say that there is no such folder, and which was probably meant."""
    from rnnlab.store import list_studies

    wanted = name if name.parent in {Path(), runs} else name.parent
    near = nearest(wanted.name, [study.name for study in list_studies(runs)], least=0.75)
    hint = f". Did you mean '{wanted.with_name(near)}'?" if near else ""
    return f"there is no folder {name}{hint}"


def _beginning_with(entries: Sequence[RunEntry], prefix: str) -> list[RunEntry]:
    """Give the runs with this label, else those whose folder's name or hash begins so; several are too many.

    Raises:
        MissingRunError: several begin so.
    """
    from rnnlab.store import MissingRunError

    labelled = [entry for entry in entries if _label(entry) == prefix]
    found = labelled or [
        entry for entry in entries if entry.path.name.startswith(prefix) or _hash(entry).startswith(prefix)
    ]
    if len(found) > 1:
        raise MissingRunError(
            f"'{prefix}' is the beginning of {len(found)} runs; name one of them, {_some([e.path for e in found])}"
        )
    return found


def _label(entry: RunEntry) -> str:
    return entry.path.name.rpartition("-")[0] or entry.path.name


def _hash(entry: RunEntry) -> str:
    return entry.record.identity if entry.found else entry.path.name.rpartition("-")[2]
