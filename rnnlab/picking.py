"""A few of many, for what cannot show all."""

from __future__ import annotations


def pick(count: int, most: int) -> list[int]:
    """Choose at most so many indices, evenly, with the first and the last."""
    if count <= most:
        return list(range(count))
    return sorted({round(i * (count - 1) / (most - 1)) for i in range(most)})
