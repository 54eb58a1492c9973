"""Choosing and ordering the rows of an index: `--where final_loss<0.01`, `--sort final_loss`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from typing import Any

from rnnlab.errors import UserError
from rnnlab.words import unknown_name

_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "!=": operator.ne,
    "=": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
}

Row = list[Any]


class ColumnError(UserError):
    """There is no such column, or a condition is not one."""

    exit_code = 2


def find_column(header: Sequence[str], name: str) -> int:
    """Give the place of a column by its name, or by the last part of it (`weight_scale`).

    Raises:
        ColumnError: there is none; the message lists them.
    """
    for wanted in (name, name.replace("-", "_")):
        for index, column in enumerate(header):
            if wanted in {column, column.rpartition(".")[2]}:
                return index
    raise ColumnError(unknown_name("column", name, header, where=" in this study"))


def keep(header: Sequence[str], rows: list[Row], conditions: Sequence[str]) -> list[Row]:
    """Keep the rows that meet every condition, such as `status=diverged`, `seed!=0` or `final_loss<0.01`."""
    for condition in conditions:
        match = re.fullmatch(r"([\w.\-]+)\s*(<=|>=|!=|=|<|>)\s*(.*)", condition)
        if not match:
            raise ColumnError(f"got '{condition}'; valid: a condition such as status=diverged or final_loss<0.01")
        column, holds = find_column(header, match[1]), _OPERATORS[match[2]]
        rows = [row for row in rows if _holds(row[column], holds, match[3])]
    return rows


def _holds(value: Any, holds: Callable[[Any, Any], bool], wanted: str) -> bool:
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return holds(value, float(wanted))
        except ValueError:
            return holds is operator.ne
    word = "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    return holds in {operator.eq, operator.ne} and holds(word, wanted)


def order(header: Sequence[str], rows: list[Row], by: str, *, reverse: bool) -> list[Row]:
    """Sort by a column; rows without a value come last either way."""
    column = find_column(header, by)
    present = [row for row in rows if row[column] is not None]
    missing = [row for row in rows if row[column] is None]
    return sorted(present, key=lambda row: _sort_key(row[column]), reverse=reverse) + missing


def _sort_key(value: Any) -> tuple[bool, Any]:
    return (True, value) if isinstance(value, str) else (False, value)
