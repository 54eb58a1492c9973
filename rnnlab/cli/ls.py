"""rnnlab ls: the runs folder, a study, or a run."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnnlab.cli import options, rows, text
from rnnlab.flow.group import iterate_summaries
from rnnlab.words import bytes_text

if TYPE_CHECKING:
    from rnnlab.store import RunEntry

_EXAMPLES = """\b
Examples:
  rnnlab ls                              the studies under runs/
  rnnlab ls runs/cumulative-average      the runs of a study
  rnnlab ls runs/weight-scale --sort final_loss --where nonlinearity=tanh
  rnnlab ls runs/weight-scale --where seed=0 --where 'final_loss<0.05'
  rnnlab ls runs/weight-scale --csv > index.csv
  rnnlab ls runs/cumulative-average/default-38d0878c07c4
  rnnlab ls --json | jq '.[].study'
"""


@dataclass(frozen=True)
class _Shape:
    """Which rows of a study are printed, in which order and form."""

    sort: str | None
    reverse: bool
    where: list[str]
    as_csv: bool
    as_json: bool

    def apply(self, header: list[str], found: list[rows.Row]) -> list[rows.Row]:
        found = rows.keep(header, found, self.where)
        return rows.order(header, found, self.sort, reverse=self.reverse) if self.sort else found


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="ls", epilog=_EXAMPLES)(list_runs)


def list_runs(
    path: Annotated[Path | None, typer.Argument(metavar="PATH", help="The runs folder, a study or a run.")] = None,
    runs: options.Runs = Path("runs"),
    sort: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Sort the runs of a study, e.g. by final_loss.")
    ] = None,
    reverse: Annotated[bool, typer.Option("--reverse", "-r", help="Sort from the largest down.")] = False,
    where: Annotated[
        list[str] | None, typer.Option(metavar="CONDITION", help="Keep such runs: status=diverged, final_loss<0.01.")
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print all columns of a study as CSV.")] = False,
    as_json: options.Json = False,
) -> None:
    """List studies, the runs of a study, or the files of a run."""
    from rnnlab import store
    from rnnlab.store.folders import is_run_folder

    folder = path or runs
    if not folder.is_dir():
        if path is None:
            print("[]" if as_json else f"There is no runs folder {folder} yet; rnnlab train CONFIG makes one.")
            return
        raise store.MissingRunError(f"there is no folder {folder}")
    if is_run_folder(folder):
        _print_run(folder, as_json=as_json)
        return
    entries = store.list_runs(folder)
    if as_csv and as_json:
        raise typer.BadParameter("choose one of --csv and --json")
    if not entries and (sort or where or as_csv):
        raise typer.BadParameter(f"--sort, --where and --csv are for the runs of a study, and {folder} holds none")
    if entries:
        _print_study(entries, _Shape(sort, reverse, where or [], as_csv, as_json))
    else:
        _print_studies(folder, as_json=as_json)


def _print_run(folder: Path, *, as_json: bool) -> None:
    from rnnlab.store import open_run

    run = open_run(folder)
    if as_json:
        print(json.dumps([{"path": str(run.path), **run.record.to_json()}], indent=2))
        return
    print(f"{run.path}: {run.status}")
    files = [[name, bytes_text(facts.bytes), facts.sha256[:16]] for name, facts in run.record.files.items()]
    print(text.table(["file", "size", "sha256"], files, indent="  "))


def _print_study(entries: list[RunEntry], shape: _Shape) -> None:
    from rnnlab.store import index_rows

    header, lazy_rows = index_rows(lambda: entries)
    chosen = shape.apply(header, list(lazy_rows))
    if shape.as_json:
        by_name = {entry.path.name: entry for entry in entries}
        print(json.dumps([_as_object(header, row, by_name[row[0]]) for row in chosen], indent=2))
    elif shape.as_csv:
        from rnnlab.store.atomic import csv_text

        print(csv_text(header, chosen), end="")
    else:
        headings = {summary.name: summary.short for summary in iterate_summaries()}  # --json and --csv have all of it
        columns = [i for i, name in enumerate(header) if headings.get(name, name)]
        short = [headings.get(header[i], header[i].rpartition(".")[2]) for i in columns]
        shown = [[row[i] for i in columns] for row in chosen]
        print(text.table(short, shown, width=text.terminal_width(sys.stdout)))
        for entry in entries:
            if entry.damage:
                text.tell(f"damaged: {entry.path.name}: {entry.damage}")


def _as_object(header: list[str], row: list[Any], entry: RunEntry) -> dict[str, Any]:
    damage = {"damage": entry.damage} if entry.damage else {}
    return {"path": str(entry.path), **dict(zip(header, row, strict=True)), **damage}


def _print_studies(folder: Path, *, as_json: bool) -> None:
    from rnnlab import store

    studies = [_study_row(study) for study in store.list_studies(folder)]
    header = ["study", "runs", "completed", "diverged", "damaged", "unfinished", "last finished"]
    if as_json:
        names = [name.replace(" ", "_") for name in header]
        print(json.dumps([dict(zip(names, row, strict=True)) for row in studies], indent=2))
    elif studies:
        print(text.table(header, studies, width=text.terminal_width(sys.stdout)))
    else:
        print(f"{folder} holds no runs yet; rnnlab train CONFIG makes one.")


def _study_row(study: Path) -> list[Any]:
    from rnnlab import store
    from rnnlab.store.folders import list_workspaces

    entries = store.list_runs(study)
    statuses = [entry.status for entry in entries]
    finished = max((entry.record.finished for entry in entries if entry.found), default="")
    return [
        study.name,
        len(entries),
        *(statuses.count(status) for status in ("completed", "diverged", "damaged")),
        len(list_workspaces(study)) + statuses.count("unfinished"),
        finished[:16].replace("T", " ") or None,
    ]
