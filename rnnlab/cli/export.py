"""rnnlab export: the arrays of runs as long tables, one row a number's place, units in the column names."""

from __future__ import annotations

import csv
import io
import itertools
import json
import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from rnnlab.cli import choosing, naming, options, text
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
  rnnlab export runs/weight-scale --where nonlinearity=tanh -o tanh.csv
  rnnlab export runs/lstm/@last -t loss -o loss.json

\b
Tables (one row for each combination of what stands before the colon):
{describe_tables()}
A study gives the rows of all its runs, told apart by the first columns: the
folder, and a column for each axis.
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
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A run or a study: its folder, " + options.NAMES)],
    table: Annotated[
        str,
        typer.Option("--table", "-t", metavar="TABLE", callback=_known, help="Which of the tables below."),
    ] = _DEFAULT,
    format_: Annotated[
        Literal["csv", "json"] | None,
        typer.Option("--format", help="CSV, or a JSON list of objects; else what --out ends in says it, or CSV."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write to this file instead of stdout.")] = None,
    where: options.Where = None,
    runs: options.Runs = Path("runs"),
) -> None:
    """Write a run's or a study's numbers as CSV or JSON."""
    form = _form(format_, out)
    found = _find(naming.places(path, runs), declared_tables()[table], where or [])
    pieces = (_as_csv if form == "csv" else _as_json)(found)
    if out is None:
        for piece in pieces:
            sys.stdout.write(piece)
    else:
        from rnnlab.store.atomic import write_pieces

        out.parent.mkdir(parents=True, exist_ok=True)
        write_pieces(out, (piece.encode() for piece in pieces))


def _form(asked: str | None, out: Path | None) -> str:
    """Decide between CSV and JSON, so that a file holds what its name says.

    Raises:
        BadParameter: its name says something else.
    """
    suffix = out.suffix.lower().removeprefix(".") if out else ""
    if suffix in _OTHERS:
        wrong = f"'{out}' would be no {suffix} file: what is written is CSV or JSON. {_OTHERS[suffix]}"
        raise typer.BadParameter(wrong, param_hint="--out")
    if suffix in {"csv", "json"} and asked not in {None, suffix}:
        raise typer.BadParameter(f"'{out}' ends in .{suffix}, and --format says {asked}", param_hint="--out")
    return asked or ("json" if suffix == "json" else "csv")


_PANDAS = "In Python: pandas.read_csv('numbers.csv')"
_OTHERS = {
    **dict.fromkeys(("parquet", "pq"), f"{_PANDAS}.to_parquet('numbers.parquet')"),
    "feather": f"{_PANDAS}.to_feather('numbers.feather')",
    **dict.fromkeys(("xlsx", "xls"), "A spreadsheet opens CSV"),
    **dict.fromkeys(("h5", "hdf5"), f"{_PANDAS}.to_hdf('numbers.h5', key='numbers')"),
    **dict.fromkeys(("npz", "npy"), "The arrays themselves are in metrics.npz of each run folder"),
    "tsv": f"{_PANDAS}.to_csv('numbers.tsv', sep='\\t')",
}
"""What a name may end in that says another format, and how to come by it."""


def _find(folders: Sequence[Path], table: Table, conditions: Sequence[str]) -> _Found:
    """Find the table of a run, or of all whole runs of a study; damaged ones are named and left out."""
    from rnnlab.store import RunEntry, open_run
    from rnnlab.store.tables import find_table

    entries = [entry for folder in folders for entry in naming.entries_in(folder)]
    if len(entries) < 2 and not conditions:
        run = open_run(folders[0])
        entries = [RunEntry(run.path, run.record)]
    elif conditions:
        entries = choosing.require(entries, conditions, folders[0])
    found = []
    for entry in entries:
        if entry.damage:
            text.tell(f"left out: {entry.path} is damaged: {entry.damage}")
        elif its_table := find_table(entry, table):
            found.append(its_table)
    return _Found.of(found)


@dataclass(frozen=True)
class _Found:
    """The tables of some runs, and what sets the runs apart.

    Attributes:
        tables: a run each.
        names: what the first column says of each run: its folder, with the study where there are several.
        axes: the keys that were swept, as columns.
        values: of each run, one for each axis.
    """

    tables: Sequence[RunTable]
    names: Sequence[str]
    axes: Sequence[str]
    values: Sequence[tuple[Any, ...]]

    @classmethod
    def of(cls, tables: Sequence[RunTable]) -> _Found:
        """Find what sets runs apart."""
        from rnnlab.store.index import flat_config
        from rnnlab.store.swept import swept_keys

        axes = swept_keys(dict(table.config) for table in tables)
        flat = [flat_config(dict(table.config), axes) for table in tables]
        several = len({table.folder.parent for table in tables}) > 1
        names = [
            f"{table.folder.parent.name}/{table.folder.name}" if several else table.folder.name for table in tables
        ]
        return cls(tables, names, axes, [tuple(each.get(key) for key in axes) for each in flat])

    def __iter__(self) -> Iterator[tuple[RunTable, tuple[Any, ...]]]:
        """Give each table with what its rows begin with."""
        for table, name, values in zip(self.tables, self.names, self.values, strict=True):
            yield table, (name, *values)

    @property
    def header(self) -> list[str]:
        """The names of the columns that rows begin with."""
        return ["run", *self.axes] if self.tables else []


def _as_csv(found: _Found) -> Iterator[str]:
    """Lay rows out, a block at a time; a column that a run lacks is empty there."""
    columns = list(dict.fromkeys(column for table in found.tables for column in table.columns))
    yield _csv_text([[*found.header, *columns]])
    for table, beginning in found:
        own = table.columns
        order = [1 + own.index(column) if column in own else 0 for column in columns]
        for block in table.read_blocks():
            if own == columns:
                yield _csv_text((*beginning, *row) for row in block)
            else:
                wider = ((None, *row) for row in block)
                yield _csv_text((*beginning, *(row[place] for place in order)) for row in wider)


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


def _as_json(found: _Found) -> Iterator[str]:
    """Lay rows out as one list, a block at a time."""
    before = "["
    for table, beginning in found:
        names = [*found.header, *table.columns]
        for block in table.read_blocks():
            rows = [dict(zip(names, map(_plain, (*beginning, *row)), strict=True)) for row in block]
            yield before + json.dumps(rows, indent=1)[1:-2]
            before = ","
    yield "[]\n" if before == "[" else "\n]\n"


def _plain(value: Any) -> Any:
    """Write what is not finite as a string, `inf`, `-inf` or `nan`: JSON has no number for it."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
