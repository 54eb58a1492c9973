"""What several groups declare alike: a number of two records, and why a cell lacks what others have."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from rnnlab.flow.quantity import Arrays, Summary

if TYPE_CHECKING:
    from rnnlab.nets import Cell


def no_derivatives(cell: Cell) -> str | None:
    """Say why a cell lacks what is taken from the derivatives of its steps; None if it has them."""
    from rnnlab.flow.partials import has_partials

    return None if has_partials(cell) else "the derivatives of this cell's steps are not written down"


def no_recurrent_matrix(cell: Cell) -> str | None:
    """Say why a cell lacks what is a property of W_hh along its steps; None if it has such a matrix and derivatives."""
    return no_derivatives(cell) if cell.has_recurrent_matrix else f"{cell.noun} has no recurrent matrix"


def no_slopes(cell: Cell) -> str | None:
    """Say why a cell lacks what is a property of one matrix and one nonlinearity; None if it consists of these."""
    return no_governing_matrix(cell) or no_derivatives(cell)


def no_governing_matrix(cell: Cell) -> str | None:
    """Say why a cell lacks what is a property of its one recurrent matrix; None if it has such a matrix."""
    return None if cell.governing_matrix else cell.why_no_matrix


def of_two_records(
    name: str,
    words: str,
    meaning: str,
    take: Callable[[Arrays, int], float | None],
    *,
    needs: str,
    unit: str = "",
    short: tuple[str, str] = ("", ""),
    middle: float | None = None,
    explodes: Literal["above", "below"] = "above",
    headline: bool = False,
) -> tuple[Summary, Summary]:
    """Declare a number of the first and one of the last record."""
    first = Summary(
        f"initial_{name}",
        f"{words}, first record",
        f"{meaning}, at the first record",
        lambda arrays, _floors: take(arrays, 0),
        needs=needs,
        record=0,
        unit=unit,
        short=short[0],
        middle=middle,
        explodes=explodes,
    )
    last = Summary(
        f"final_{name}",
        f"{words}, last record",
        f"{meaning}, at the last record",
        lambda arrays, _floors: take(arrays, -1),
        needs=needs,
        record=-1,
        unit=unit,
        short=short[1],
        middle=middle,
        explodes=explodes,
        headline=headline,
    )
    return first, last
