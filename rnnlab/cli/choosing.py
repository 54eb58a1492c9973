"""Choosing runs by what they are: conditions on any key of the config, any number of the summary, status, tags."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rnnlab.cli import rows, text
from rnnlab.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

    from rnnlab.store import RunEntry


class NothingFoundError(UserError):
    """There are runs, and none is as was asked for."""

    exit_code = 1


def choose(entries: Sequence[RunEntry], conditions: Sequence[str]) -> list[RunEntry]:
    """Give the runs that meet every condition.

    Raises:
        ColumnError: a condition names nothing that these runs have, or a value that none can have.
    """
    if not conditions:
        return list(entries)
    header, table, listed = _facts(entries)
    indexed = [[*row, i] for i, row in enumerate(table)]
    return [entries[row[-1]] for row in rows.keep(header, indexed, conditions, listed)]


def require(entries: Sequence[RunEntry], conditions: Sequence[str], where: Path) -> list[RunEntry]:
    """Give the runs that meet every condition, at least one.

    Raises:
        NothingFoundError: there is none.
    """
    found = choose(entries, conditions)
    if not found:
        raise NothingFoundError(nothing(entries, conditions, where))
    return found


def nothing(entries: Sequence[RunEntry], conditions: Sequence[str], where: Path) -> str:
    """Say that no run meets the conditions, and what the runs have instead."""
    header, table, listed = _facts(entries)
    there = []
    for condition in map(rows.read_condition, conditions):
        column = rows.find_column(header, condition.name, listed)
        values = sorted({row[column] for row in table if rows.is_number(row[column])})
        if values and condition.is_equality:
            some = text.values(values if len(values) <= _SHOWN else [*values[:_SHOWN], values[-1]])
            dots = ["..."] if len(values) > _SHOWN else []
            there.append(f"{condition.name} is {', '.join([*some[:_SHOWN], *dots, *some[_SHOWN:]])}")
        elif values:
            low, high = text.values([values[0], values[-1]])
            there.append(f"{condition.name} is {low} to {high}")
    said = f" ({'; '.join(there)})" if there else ""
    asked = f"{' and '.join(conditions)}{said}"
    if len(entries) == 1:
        return f"the only run in {where} does not meet {asked}"
    return f"none of the {len(entries)} runs in {where} meets {asked}"


def _facts(entries: Sequence[RunEntry]) -> tuple[list[str], list[rows.Row], list[str]]:
    """Lay out all that can be asked of runs: the columns of the index, then every other key of their configs.

    Returns:
        The names of the columns, the rows, and the names that a message should list.
    """
    from rnnlab.nested import flatten
    from rnnlab.store import index_rows
    from rnnlab.store.index import flat_config
    from rnnlab.store.labels import read_labels

    header, lazy_rows = index_rows(lambda: entries)
    listed = [name for name in header if name not in {"flags", "tags", "note"}]
    every = dict.fromkeys(key for entry in entries if entry.found for key in flatten(entry.record.config))
    further = [key for key in every if key not in header]
    table = []
    for entry, row in zip(entries, lazy_rows, strict=True):
        named: dict[str, Any] = dict(zip(header, row, strict=True))
        flat = flat_config(entry.record.config, further) if entry.found else {}
        labels = read_labels(entry.path)
        flags = entry.record.flags if entry.found else []
        named |= {"flags": flags or None, "tags": labels.tags or None, "note": labels.note or None}
        table.append([*(named[name] for name in (*listed, *_LABELS)), *(flat.get(key) for key in further)])
    return [*listed, *_LABELS, *further], table, listed


_LABELS = ("flags", "tags", "note")

_SHOWN = 8  # values that a message lists
