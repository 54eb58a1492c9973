"""Small charts of characters: curves over timesteps or batches, 80 columns wide, no colour, ASCII where need be."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from typing import TextIO

from rnnlab.cli import text

_WIDTH = 58  # of the drawing: with the labels beside it a chart stays within 80 columns
_HEIGHT = 8
_LABEL = 9  # letters that text.number may need
_LARGEST = 308.25  # the power of ten of the largest float64
_ASCII, _UNICODE = "o*", "○●"


def chart(
    curves: Sequence[tuple[str, Sequence[float]]],
    *,
    first: int,
    last: int,
    across: str,
    logarithmic: bool,
    stream: TextIO | None = None,
) -> list[str]:
    """Draw one or two curves as lines of characters.

    Args:
        curves: the name of each and its values, all of one length; what is not finite, and on a logarithmic scale what
            is not positive, is left out and counted in the line of its name.
        first: what stands below the first value.
        last: what stands below the last value.
        across: what runs across.
        logarithmic: the scale.
        stream: where it will be printed.

    Returns:
        The lines; a sentence where nothing can be drawn.
    """
    marks = _UNICODE if _can_show(_UNICODE, stream or sys.stdout) else _ASCII
    heights = [_columns([_height(value, logarithmic=logarithmic) for value in values]) for _, values in curves]
    drawable = [height for row in heights for height in row.values()]
    legend = [
        f"  {mark} {name}{_left_out(values, logarithmic=logarithmic)}"
        for mark, (name, values) in zip(marks, curves, strict=False)
    ]
    if not drawable:
        return [*legend, "  nothing that a chart could show"]
    low, high = min(drawable), max(drawable)
    grid = [[" "] * _WIDTH for _ in range(_HEIGHT)]
    for mark, row in zip(marks, heights, strict=False):
        _draw(grid, row, mark, low, high)
    return [*legend, *_framed(grid, low, high, logarithmic=logarithmic), *_foot(first, last, across)]


def _can_show(marks: str, stream: TextIO) -> bool:
    try:
        marks.encode(getattr(stream, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _height(value: float, *, logarithmic: bool) -> float | None:
    if not math.isfinite(value) or (logarithmic and value <= 0):
        return None
    return math.log10(value) if logarithmic else value


def _left_out(values: Sequence[float], *, logarithmic: bool) -> str:
    """Say what the curve does not show."""
    kinds = {
        "exactly 0": sum(value == 0 for value in values) if logarithmic else 0,
        "infinite": sum(math.isinf(value) for value in values),
        "NaN": sum(math.isnan(value) for value in values),
    }
    words = [f"{count} {kind}" for kind, count in kinds.items() if count]
    return f"   (not shown: {', '.join(words)})" if words else ""


def _columns(heights: Sequence[float | None]) -> dict[int, float]:
    """Give the height in every column that has one; of a long curve a column is the mean of what falls there."""
    shares: dict[int, list[float]] = {}
    for i, height in enumerate(heights):
        if height is not None:
            shares.setdefault(round(i * (_WIDTH - 1) / max(1, len(heights) - 1)), []).append(height)
    return {column: sum(share) / len(share) for column, share in shares.items()}


def _draw(grid: list[list[str]], heights: Mapping[int, float], mark: str, low: float, high: float) -> None:
    for column, height in heights.items():
        share = (height - low) / (high - low) if high > low else 0.5
        grid[_HEIGHT - 1 - round(share * (_HEIGHT - 1))][column] = mark


def _framed(grid: list[list[str]], low: float, high: float, *, logarithmic: bool) -> list[str]:
    """Put the highest and the lowest value beside the drawing."""
    labels = [""] * _HEIGHT
    labels[0], labels[-1] = (text.number(10 ** min(value, _LARGEST) if logarithmic else value) for value in (high, low))
    return [f"  {label:>{_LABEL}} |{''.join(row).rstrip()}" for label, row in zip(labels, grid, strict=True)]


def _foot(first: int, last: int, across: str) -> list[str]:
    left, right = str(first), str(last) if last != first else ""
    middle = _WIDTH - len(left) - len(right)
    return [f"  {'':>{_LABEL}} +{'-' * _WIDTH}", f"  {'':>{_LABEL}}  {left}{across:^{middle}}{right}".rstrip()]
