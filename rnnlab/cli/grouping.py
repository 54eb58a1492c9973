"""Runs that have some keys in common as one row: how many, and the middle of their numbers with its quartiles."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from rnnlab.cli import rows, text


class Spread(NamedTuple):
    """The middle of some numbers: their median and quartiles, of how many, and of how many runs without one."""

    median: float | None
    lower: float | None
    upper: float | None
    having: int
    missing: int

    def __str__(self) -> str:
        if self.median is None:
            return text.MISSING
        few = f" ({self.having} of {self.having + self.missing})" if self.missing else ""
        if self.having == 1:
            return text.number(self.median) + few
        return f"{text.number(self.median)} [{text.number(self.lower)}, {text.number(self.upper)}]{few}"


def spread_of(values: Sequence[Any]) -> Spread:
    """Give the median and the quartiles, linear between neighbours, of what is a finite number."""
    numbers = sorted(value for value in values if rows.is_number(value) and math.isfinite(value))
    missing = len(values) - len(numbers)
    if not numbers:
        return Spread(None, None, None, 0, missing)
    median, lower, upper = (_quantile(numbers, share) for share in (0.5, 0.25, 0.75))
    return Spread(median, lower, upper, len(numbers), missing)


def _quantile(ordered: Sequence[float], share: float) -> float:
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def group(
    header: Sequence[str], table: Sequence[rows.Row], keys: Sequence[str], numbers: Sequence[str]
) -> tuple[list[str], list[rows.Row]]:
    """Make one row of all that have the same values of some keys, in the order of these values.

    Args:
        header: the columns of the rows.
        table: the rows.
        keys: by what they are grouped, each as `rows.find_column` finds it.
        numbers: the columns of which the middle is given.

    Returns:
        The columns - the keys, `runs`, and the numbers as `Spread` - and the rows.

    Raises:
        ColumnError: there is no such column.
    """
    places = [rows.find_column(header, key) for key in keys]
    found: dict[tuple[Any, ...], list[rows.Row]] = {}
    for row in table:
        found.setdefault(tuple(row[place] for place in places), []).append(row)
    columns = [header.index(name) for name in numbers if name in header]
    grouped = [
        [*values, len(members), *(spread_of([row[column] for row in members]) for column in columns)]
        for values, members in found.items()
    ]
    grouped.sort(key=lambda row: tuple(_rank(value) for value in row[: len(places)]))
    return [*(header[place] for place in places), "runs", *(header[column] for column in columns)], grouped


def _rank(value: Any) -> tuple[bool, bool, Any]:
    """Order numbers first, then words, then what is not there."""
    return value is None, isinstance(value, str), value or 0


def sort_key(value: Any) -> tuple[bool, bool, Any]:
    """Give what to sort a column of groups by: a spread goes by its median."""
    return _rank(value.median if isinstance(value, Spread) else value)


def unfolded(header: Sequence[str], grouped: Sequence[rows.Row]) -> tuple[list[str], list[rows.Row]]:
    """Give the numbers of each `Spread` a column of their own, for programs."""
    is_spread = [any(isinstance(row[i], Spread) for row in grouped) for i in range(len(header))]
    names = [
        part
        for name, several in zip(header, is_spread, strict=True)
        for part in ([f"{name}_{field}" for field in _FIELDS] if several else [name])
    ]
    return names, [
        [part for value in row for part in (value[: len(_FIELDS)] if isinstance(value, Spread) else [value])]
        for row in grouped
    ]


_FIELDS = ("median", "q1", "q3", "runs")
