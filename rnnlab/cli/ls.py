"""rnnlab ls: the runs folder, a study, or a run."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnnlab.cli import options, text

if TYPE_CHECKING:
    from rnnlab.store import RunEntry

_EXAMPLES = """\b
Examples:
  rnnlab ls                              the studies under runs/
  rnnlab ls runs/cumulative-average      the runs of a study
  rnnlab ls runs/cumulative-average/default-38d0878c07c4
  rnnlab ls --json | jq '.[].study'
"""

_SHORT = {
    "final_loss": "final loss",
    "loss_over_floor": "/ floor",
    "final_gradient_slope": "slope",
    "initial_spectral_radius": "radius first",
    "final_spectral_radius": "last",
}
"""What a terminal shows of the index, under names that fit; --json has all of it."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="ls", epilog=_EXAMPLES)(list_runs)


def list_runs(
    path: Annotated[Path | None, typer.Argument(metavar="PATH", help="The runs folder, a study or a run.")] = None,
    runs: options.Runs = Path("runs"),
    as_json: options.Json = False,
) -> None:
    """List studies, the runs of a study, or the files of a run."""
    from rnnlab import store
    from rnnlab.store.folders import RUN_FOLDER

    folder = path or runs
    if not folder.is_dir():
        if path is None:
            print("[]" if as_json else f"There is no runs folder {folder} yet; rnnlab train CONFIG makes one.")
            return
        raise store.MissingRunError(f"there is no folder {folder}")
    if RUN_FOLDER.fullmatch(folder.resolve().name):
        _print_run(folder, as_json=as_json)
        return
    entries = store.list_runs(folder)
    if entries:
        _print_study(entries, as_json=as_json)
    else:
        _print_studies(folder, as_json=as_json)


def _print_run(folder: Path, *, as_json: bool) -> None:
    from rnnlab.store import open_run

    run = open_run(folder)
    if as_json:
        print(json.dumps([{"path": str(run.path), **run.info}], indent=2))
        return
    print(f"{run.path}: {run.status}")
    rows = [[name, text.size(facts["bytes"]), facts["sha256"][:16]] for name, facts in run.info["files"].items()]
    print(text.table(["file", "size", "sha256"], rows, indent="  "))


def _print_study(entries: list[RunEntry], *, as_json: bool) -> None:
    from rnnlab.store import index_rows

    header, lazy_rows = index_rows(lambda: entries)
    rows = list(lazy_rows)
    if as_json:
        print(json.dumps([_as_object(header, row, entry) for row, entry in zip(rows, entries, strict=True)], indent=2))
        return
    columns = [i for i, name in enumerate(header) if name in _SHORT or name not in _summary_names()]
    short = [_SHORT.get(header[i], header[i].rpartition(".")[2]) for i in columns]
    shown = [[row[i] for i in columns] for row in rows]
    print(text.table(short, shown, width=text.terminal_width(sys.stdout)))
    for entry in entries:
        if entry.damage:
            print(text.printable(f"damaged: {entry.path.name}: {entry.damage}"), file=sys.stderr)


def _summary_names() -> tuple[str, ...]:
    from rnnlab.store.index import SUMMARY_COLUMNS

    return SUMMARY_COLUMNS


def _as_object(header: list[str], row: list[Any], entry: RunEntry) -> dict[str, Any]:
    damage = {"damage": entry.damage} if entry.damage else {}
    return {"path": str(entry.path), **dict(zip(header, row, strict=True)), **damage}


def _print_studies(folder: Path, *, as_json: bool) -> None:
    from rnnlab import store

    rows = [_study_row(study) for study in store.list_studies(folder)]
    header = ["study", "runs", "completed", "diverged", "damaged", "unfinished", "last finished"]
    if as_json:
        names = [name.replace(" ", "_") for name in header]
        print(json.dumps([dict(zip(names, row, strict=True)) for row in rows], indent=2))
    elif rows:
        print(text.table(header, rows, width=text.terminal_width(sys.stdout)))
    else:
        print(f"{folder} holds no runs yet; rnnlab train CONFIG makes one.")


def _study_row(study: Path) -> list[Any]:
    from rnnlab import store
    from rnnlab.store.folders import list_workspaces

    entries = store.list_runs(study)
    statuses = [entry.status for entry in entries]
    finished = max((str(entry.info.get("finished", "")) for entry in entries), default="")
    return [
        study.name,
        len(entries),
        *(statuses.count(status) for status in ("completed", "diverged", "damaged")),
        len(list_workspaces(study)),
        finished[:16].replace("T", " ") or None,
    ]
