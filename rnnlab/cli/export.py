"""rnnlab export: the arrays of runs as long tables, one row a number's place, units in the column names."""

from __future__ import annotations

import csv
import io
import itertools
import json
import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from rnnlab.cli import text
from rnnlab.flow.group import declared_tables, iterate_quantities
from rnnlab.flow.quantity import Table

if TYPE_CHECKING:
    from rnnlab.store.tables import RunTable

_DEFAULT = "flow"


def _table_names() -> list[str]:
    """Give the tables that there are, first the one that is exported unless another is asked for."""
    return [_DEFAULT, *(name for name in declared_tables() if name != _DEFAULT)]


def describe_tables() -> str:
    """Say of each table what has a row in it, and what stands there."""
    lines = []
    for name in _table_names():
        table = declared_tables()[name]
        places = ", ".join(axis.column.partition("_from_")[0] for axis in table.axes)
        held = (quantity.name for quantity in iterate_quantities() if quantity.table == table and not quantity.is_axis)
        lines.append(f"  {name:<10}  {places}: {table.meaning or ', '.join(held)}")
    return "\n".join(lines)


_EXAMPLES = f"""\b
Examples:
  rnnlab export runs/cumulative-average    gradient norms as CSV on stdout
  rnnlab export runs/cumulative-average --table loss --out loss.csv
  rnnlab export runs/cumulative-average --table spectrum --format json

\b
Tables (one row for each combination of what stands before the colon):
{describe_tables()}
A study gives the rows of all its runs, told apart by the first column.
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=_EXAMPLES)(export)


def _known(name: str) -> str:
    """Refuse a table that does not exist; asked when the command runs, since tables may be declared until then."""
    names = _table_names()
    if name not in names:
        raise typer.BadParameter(f"{name!r} is not one of {', '.join(map(repr, names))}.")
    return name


def export(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A run folder or a study folder.")],
    table: Annotated[
        str,
        typer.Option("--table", "-t", metavar="TABLE", callback=_known, help="Which of the tables below."),
    ] = _DEFAULT,
    format_: Annotated[
        Literal["csv", "json"], typer.Option("--format", help="CSV, or a JSON list of objects.")
    ] = "csv",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write to this file instead of stdout.")] = None,
) -> None:
    """Write a run's or a study's numbers as CSV or JSON."""
    tables = _find(path, declared_tables()[table])
    pieces = (_as_csv if format_ == "csv" else _as_json)(tables)
    if out is None:
        for piece in pieces:
            sys.stdout.write(piece)
    else:
        from rnnlab.store.atomic import write_pieces

        out.parent.mkdir(parents=True, exist_ok=True)
        write_pieces(out, (piece.encode() for piece in pieces))


def _find(path: Path, table: Table) -> list[RunTable]:
    """Find the table of a run, or of all whole runs of a study; damaged ones are named and left out."""
    from rnnlab.store import RunEntry, open_run
    from rnnlab.store.folders import iterate_runs
    from rnnlab.store.tables import find_table

    entries = iterate_runs(path)
    first = next(entries, None)
    if first is None:
        run = open_run(path)
        first = RunEntry(run.path, run.record)
    found = []
    for entry in itertools.chain([first], entries):
        if entry.damage:
            text.tell(f"left out: {entry.path} is damaged: {entry.damage}")
        elif its_table := find_table(entry, table):
            found.append(its_table)
    return found


def _as_csv(tables: Sequence[RunTable]) -> Iterator[str]:
    """Lay rows out, a block at a time; a column that a run lacks is empty there."""
    columns = list(dict.fromkeys(column for table in tables for column in table.columns))
    yield _csv_text([["run", *columns] if tables else []])
    for table in tables:
        own = table.columns
        order = [1 + own.index(column) if column in own else 0 for column in columns]
        for block in table.read_blocks():
            name = table.folder.name
            if own == columns:
                yield _csv_text((name, *row) for row in block)
            else:
                wider = ((None, *row) for row in block)
                yield _csv_text((name, *(row[place] for place in order)) for row in wider)


def _csv_text(rows: Iterable[Sequence[Any]]) -> str:
    """Lay rows out of which the first shows in which columns text stands."""
    from rnnlab.store.atomic import csv_cell

    rows = iter(rows)
    first = next(rows, ())
    words = [place for place, value in enumerate(first) if isinstance(value, str)]

    def written(row: Sequence[Any]) -> Sequence[Any]:
        cells = list(row)
        for place in words:
            cells[place] = csv_cell(cells[place])
        return cells

    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(map(written, itertools.chain([first] if first else [], rows)))
    return stream.getvalue()


def _as_json(tables: Sequence[RunTable]) -> Iterator[str]:
    """Lay rows out as one list, a block at a time."""
    before = "["
    for table in tables:
        names = ["run", *table.columns]
        for block in table.read_blocks():
            rows = [dict(zip(names, map(_plain, (table.folder.name, *row)), strict=True)) for row in block]
            yield before + json.dumps(rows, indent=1)[1:-2]
            before = ","
    yield "[]\n" if before == "[" else "\n]\n"


def _plain(value: Any) -> Any:
    """Write what is not finite as a string, `inf`, `-inf` or `nan`: JSON has no number for it."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
