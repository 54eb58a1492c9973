"""Choosing and ordering the rows of an index: `--where final_loss<0.01`, `--sort final_loss`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rnnlab.errors import UserError
from rnnlab.words import did_you_mean, nearest

_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "!=": operator.ne,
    "==": operator.eq,
    "=": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
}
_CONDITION = re.compile(r"([\w.\-]+)\s*(<=|>=|!=|==|=|<|>)\s*(.*)", re.DOTALL)

_STATUSES = ("completed", "diverged", "damaged", "unfinished")
"""What the column of that name may hold, whether a run of the study does or not."""

_MOST_NAMED = 12  # values of a column that a message lists

Row = list[Any]


class ColumnError(UserError):
    """There is no such column, or a condition is not one."""

    exit_code = 2


@dataclass(frozen=True)
class Condition:
    """One condition, such as `final_loss<0.01`: the name as it was written, and what must hold."""

    name: str
    holds: Callable[[Any, Any], bool]
    wanted: str

    @property
    def is_equality(self) -> bool:
        """Whether it is one that words can meet."""
        return self.holds in {operator.eq, operator.ne}


def read_condition(written: str) -> Condition:
    """Read `status=diverged`, `seed!=0` or `final_loss<0.01`.

    Raises:
        ColumnError: it is no condition.
    """
    match = _CONDITION.fullmatch(written.strip())
    if not match:
        raise ColumnError(f"got '{written}'; valid: a condition such as status=diverged or final_loss<0.01")
    return Condition(match[1], _OPERATORS[match[2]], match[3].strip().strip("'\""))


def find_column(header: Sequence[str], name: str, listed: Sequence[str] | None = None) -> int:
    """Give the place of a column by its name, or by the last part of it (`weight_scale`).

    Args:
        header: the columns.
        name: as a person writes it.
        listed: those that a message names; the default is all of them.

    Raises:
        ColumnError: there is none; the message lists them.
    """
    for wanted in (name, name.replace("-", "_")):
        for index, column in enumerate(header):
            if wanted in {column, column.rpartition(".")[2]}:
                return index
    valid = ", ".join(header if listed is None else listed)
    raise ColumnError(f"there is no column '{name}' in this study; valid: {valid}{_meant(name, header)}")


def _meant(name: str, header: Sequence[str]) -> str:
    """Say which column was probably meant, by its whole name or by the end of it."""
    from rnnlab.config.all_keys import CALLED_ELSEWHERE

    elsewhere = CALLED_ELSEWHERE.get(name.rpartition(".")[2].lower())
    if elsewhere in header:
        return f". Did you mean '{elsewhere}'?"
    return did_you_mean(name.replace("-", "_"), [*header, *(column.rpartition(".")[2] for column in header)])


def keep(
    header: Sequence[str], rows: list[Row], conditions: Iterable[str], listed: Sequence[str] | None = None
) -> list[Row]:
    """Keep the rows that meet every condition, such as `status=diverged`, `seed!=0` or `final_loss<0.01`.

    Raises:
        ColumnError: a condition names no column, or a value that no row can have.
    """
    kept = rows
    for condition in map(read_condition, conditions):
        column = find_column(header, condition.name, listed)
        _check(header[column], [row[column] for row in rows], condition)
        kept = [row for row in kept if _holds(row[column], condition)]
    return kept


def _check(column: str, values: Sequence[Any], condition: Condition) -> None:
    """Refuse what can hold of no value of a column, whatever else is asked for."""
    wanted, present = condition.wanted, [value for value in values if value is not None]
    name = column.rpartition(".")[2]
    if wanted == "null" and condition.is_equality:
        return
    words = {_word(part) for value in present if not is_number(value) for part in _parts(value)}
    if not words and column != "status":
        if not is_number(_scalar(wanted)):
            whole = present and all(isinstance(value, int) for value in present)
            meant = wanted.replace(",", ".", 1)
            hint = f". Did you mean {meant}?" if not whole and is_number(_scalar(meant)) else ""
            raise ColumnError(f"got '{wanted}' for {name}, which is a number; valid: one number or null{hint}")
        return
    if words and len(words) < len(present) and is_number(_scalar(wanted)):
        return  # a column of words and numbers
    if not condition.is_equality:
        raise ColumnError(f"{name} is no number, so it has no order; valid: {name}=... and {name}!=...")
    valid = sorted(words | set(_STATUSES if column == "status" else ()))
    if wanted not in valid and (column == "status" or isinstance(_any(present), bool) or nearest(wanted, valid)):
        most = ", ".join(valid[:_MOST_NAMED]) + (", ..." if len(valid) > _MOST_NAMED else "")
        raise ColumnError(f"no run has {name}={wanted}; valid: {most}{did_you_mean(wanted, valid)}")


def _any(values: Sequence[Any]) -> Any:
    return values[0] if values else None


def _scalar(written: str) -> Any:
    """Read a value as in a config; of very many digits, as text."""
    from rnnlab.config.scalars import TooLongError, read_scalar

    try:
        return read_scalar(written)
    except TooLongError:
        return written


def is_number(value: Any) -> bool:
    """Tell whether a value of a column is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _parts(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _word(value: Any) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _holds(value: Any, condition: Condition) -> bool:
    if is_number(value):
        wanted = _scalar(condition.wanted)
        return bool(condition.holds(value, wanted)) if is_number(wanted) else condition.holds is operator.ne
    words = [_word(part) for part in _parts(value)]  # of several, such as tags, one is enough
    return condition.is_equality and (condition.wanted in words) == (condition.holds is operator.eq)


def order(header: Sequence[str], rows: list[Row], by: str, *, reverse: bool) -> list[Row]:
    """Sort by a column; rows without a value come last either way."""
    column = find_column(header, by)
    present = [row for row in rows if row[column] is not None]
    missing = [row for row in rows if row[column] is None]
    return sorted(present, key=lambda row: _sort_key(row[column]), reverse=reverse) + missing


def _sort_key(value: Any) -> tuple[bool, Any]:
    return (True, value) if isinstance(value, str) else (False, value)
