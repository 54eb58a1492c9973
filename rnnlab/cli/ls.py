"""rnnlab ls: the runs folder, a study, or a run."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from rnnlab.cli import choosing, grouping, markup, naming, options, rows, text
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
  rnnlab ls --where status=diverged      in all studies
  rnnlab ls runs/weight-scale --csv > index.csv
  rnnlab ls runs/weight-scale --group-by weight_scale
  rnnlab ls runs/weight-scale --group-by weight_scale --format latex
  rnnlab ls runs/cumulative-average/seed=3
  rnnlab ls --json | jq '.[].study'

\b
--where and --group-by take any key of the config; --where any number, status,
flags and tags as well. A row of --group-by holds the median of its runs and,
in brackets, their quartiles.
Where nothing is found, the exit code is 1.
"""

_Form = Literal["table", "markdown", "latex", "csv", "json"]


@dataclass(frozen=True)
class _Shape:
    """Which rows of a study are printed, in which order and form."""

    sort: str | None
    reverse: bool
    where: list[str]
    group_by: list[str]
    form: _Form


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="ls", epilog=_EXAMPLES)(list_runs)


def list_runs(
    path: Annotated[
        Path | None, typer.Argument(metavar="PATH", help="The runs folder, a study or a run; " + options.NAMES)
    ] = None,
    runs: options.Runs = Path("runs"),
    sort: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Sort the runs of a study, e.g. by final_loss.")
    ] = None,
    reverse: Annotated[bool, typer.Option("--reverse", "-r", help="Sort from the largest down.")] = False,
    where: options.Where = None,
    group_by: Annotated[
        str | None,
        typer.Option(metavar="KEYS", help="One row for all runs with the same weight_scale, or cell,layers."),
    ] = None,
    form: Annotated[
        _Form | None, typer.Option("--format", metavar="table|markdown|latex|csv|json", help="How it is printed.")
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print all columns of a study as CSV.")] = False,
    as_json: options.Json = False,
) -> None:
    """List studies, the runs of a study, or the files of a run."""
    wanted = {*([form] if form else []), *(["csv"] if as_csv else []), *(["json"] if as_json else [])}
    if len(wanted) > 1:
        raise typer.BadParameter("choose one of --csv, --json and --format")
    shape = _Shape(sort, reverse, where or [], group_by.split(",") if group_by else [], form or _form(as_csv, as_json))
    if path is None and not runs.is_dir():
        print("[]" if shape.form == "json" else f"There is no runs folder {runs} yet; rnnlab train CONFIG makes one.")
        return
    _list([runs] if path is None else naming.places(path, runs), shape)


def _form(as_csv: bool, as_json: bool) -> _Form:
    return "csv" if as_csv else "json" if as_json else "table"


def _list(folders: list[Path], shape: _Shape) -> None:
    """List what some folders hold; they are several only where runs were named."""
    from rnnlab.store import list_runs
    from rnnlab.store.folders import is_run_folder

    folder = folders[0]
    is_asked = bool(shape.sort or shape.where or shape.group_by or shape.form not in {"table", "json"})
    if len(folders) == 1 and not is_asked and is_run_folder(folder):
        _print_run(folder, as_json=shape.form == "json")
        return
    entries = [entry for each in folders for entry in naming.runs_in(each)]
    if not entries and is_asked:
        entries = naming.entries_in(folder)
        if not entries:
            raise typer.BadParameter(
                f"--sort, --where, --group-by, --format and --csv are for runs, and {folder} holds none"
            )
    if not entries:
        _print_studies(folder, as_json=shape.form == "json")
        return
    is_whole = len(folders) == 1 and not is_run_folder(folder) and bool(list_runs(folder))
    _print_runs(entries, shape, folder, is_study=is_whole)


def _print_run(folder: Path, *, as_json: bool) -> None:
    from rnnlab.store import open_run

    run = open_run(folder)
    if as_json:
        print(json.dumps([{"path": str(run.path), **run.record.to_json()}], indent=2))
        return
    print(f"{run.path}: {run.status}")
    files = [[name, bytes_text(facts.bytes), facts.sha256[:16]] for name, facts in run.record.files.items()]
    print(text.table(["file", "size", "sha256"], files, indent="  "))


def _print_runs(entries: list[RunEntry], shape: _Shape, folder: Path, *, is_study: bool) -> None:
    from rnnlab.store import index_rows
    from rnnlab.store.index import renew_index

    header, lazy_rows = index_rows(lambda: entries)
    table = list(lazy_rows)
    if is_study and (gone := renew_index(folder, header, table)):
        text.tell(f"no longer there, though index.csv named them: {', '.join(gone)}; it is written anew")
    several = len({entry.path.parent for entry in entries}) > 1
    by_path = {}
    for entry, row in zip(entries, table, strict=True):
        row[0] = f"{entry.path.parent.name}/{entry.path.name}" if several else entry.path.name
        by_path[entry.path] = row
    kept = choosing.choose(entries, shape.where)
    by_name = {by_path[entry.path][0]: entry for entry in kept}
    chosen = [by_path[entry.path] for entry in kept]
    if shape.group_by:
        _print_groups(*_with_all_keys(header, chosen, kept, shape.group_by), shape)
    else:
        chosen = rows.order(header, chosen, shape.sort, reverse=shape.reverse) if shape.sort else chosen
        if shape.form == "json":
            print(json.dumps([_as_object(header, row, by_name[row[0]]) for row in chosen], indent=2))
        else:
            _print_rows(header, chosen, shape)
    if shape.form == "table":
        for entry in kept:
            if entry.damage:
                text.tell(f"damaged: {entry.path.name}: {entry.damage}")
    if not kept:
        raise choosing.NothingFoundError(choosing.nothing(entries, shape.where, folder))


def _print_rows(header: list[str], chosen: list[rows.Row], shape: _Shape) -> None:
    """Print a row a run: all columns for programs, what a person wants to see of them otherwise."""
    if shape.form == "csv":
        from rnnlab.store.atomic import csv_text

        print(csv_text(header, chosen), end="")
        return
    headings = {summary.name: summary.short for summary in iterate_summaries()}  # --json and --csv have all of it
    empty = {name for name in _OFTEN_EMPTY if all(row[header.index(name)] is None for row in chosen)}
    columns = [i for i, name in enumerate(header) if headings.get(name, name) and name not in empty]
    short = [headings.get(header[i], header[i].rpartition(".")[2]) for i in columns]
    axes = range(2, header.index("seed") if "seed" in header else 2)
    shown = [[row[i] for i in columns] for row in chosen]
    for place, i in enumerate(columns):
        if i in axes and any(isinstance(row[i], float) for row in chosen):
            for line, value in zip(shown, text.values([row[i] for row in chosen]), strict=True):
                line[place] = text.Number(value)
    if shape.form == "table":
        loud = [row[1] in {"diverged", "damaged"} for row in chosen]
        print(text.table(short, shown, width=text.terminal_width(sys.stdout), loud=loud))
    else:
        print((markup.latex if shape.form == "latex" else markup.markdown)(short, shown), end="")


_OFTEN_EMPTY = ("flags",)


def _with_all_keys(
    header: list[str], chosen: list[rows.Row], entries: list[RunEntry], keys: list[str]
) -> tuple[list[str], list[rows.Row]]:
    """Add the keys of the configs that do not vary, where they are asked for."""
    from rnnlab.nested import flatten

    flat = [flatten(entry.record.config) if entry.found else {} for entry in entries]
    further = [key for key in dict.fromkeys(key for each in flat for key in each) if key not in header]
    wanted = [key for key in further if any(name in {key, key.rpartition(".")[2]} for name in keys)]
    return [*header, *wanted], [
        [*row, *(each.get(key) for key in wanted)] for row, each in zip(chosen, flat, strict=True)
    ]


def _print_groups(header: list[str], chosen: list[rows.Row], shape: _Shape) -> None:
    """Print a row for all runs that have some keys in common."""
    headings = {summary.name: summary.short for summary in iterate_summaries() if summary.short}
    for_programs = shape.form in {"csv", "json"}
    numbers = [summary.name for summary in iterate_summaries()] if for_programs else list(headings)
    names, grouped = grouping.group(header, chosen, shape.group_by, numbers)
    if shape.sort:
        column = rows.find_column(names, shape.sort)
        grouped.sort(key=lambda row: grouping.sort_key(row[column]), reverse=shape.reverse)
    if for_programs:
        names, grouped = grouping.unfolded(names, grouped)
        if shape.form == "json":
            print(json.dumps([dict(zip(names, row, strict=True)) for row in grouped], indent=2))
            return
        from rnnlab.store.atomic import csv_text

        print(csv_text(names, grouped), end="")
        return
    short = [headings.get(name, name.rpartition(".")[2]) for name in names]
    if shape.form == "table":
        print(text.table(short, grouped, width=text.terminal_width(sys.stdout)))
    else:
        print((markup.latex if shape.form == "latex" else markup.markdown)(short, grouped), end="")


def _as_object(header: list[str], row: list[Any], entry: RunEntry) -> dict[str, Any]:
    damage = {"damage": entry.damage} if entry.damage else {}
    return {"path": str(entry.path), **dict(zip(header, row, strict=True)), **damage}


def _print_studies(folder: Path, *, as_json: bool) -> None:
    from rnnlab import store
    from rnnlab.store.folders import list_workspaces

    studies = [_study_row(study) for study in store.list_studies(folder)]
    header = ["study", "runs", "completed", "diverged", "damaged", "unfinished", "last finished"]
    in_making = len(list_workspaces(folder))
    if as_json:
        names = [name.replace(" ", "_") for name in header]
        print(json.dumps([dict(zip(names, row, strict=True)) for row in studies], indent=2))
    elif studies:
        header[-1] += " (UTC)"
        loud = [bool(row[3] or row[4]) for row in studies]
        print(text.table(header, studies, width=text.terminal_width(sys.stdout), loud=loud))
    elif in_making:
        print(f"{folder}: {in_making} run{'' if in_making == 1 else 's'} in the making, none finished yet.")
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
