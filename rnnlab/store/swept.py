"""What was swept among some runs: the keys that differ, and the values that each of them takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rnnlab.nested import flatten
from rnnlab.store.index import varied_keys


def swept_keys(configs: Iterable[dict[str, Any]]) -> list[str]:
    """Give the dotted keys in which configs differ, in config order; `seed` comes last, and the name is none."""
    every = list(configs)
    seeds = {flatten(config).get("seed") for config in every}
    return [*varied_keys(every), *(["seed"] if len(seeds) > 1 else [])]


def axis_values(keys: Iterable[str], flat: Sequence[Mapping[str, Any]]) -> dict[str, tuple[Any, ...]]:
    """Give the values of each key in flat configs, sorted: numbers first, then words, then null."""
    return {key: tuple(sorted({each.get(key) for each in flat}, key=_rank)) for key in keys}


def _rank(value: Any) -> tuple[bool, bool, Any]:
    return value is None, isinstance(value, str), value or 0
