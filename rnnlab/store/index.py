"""The index of a study, one row a run: derived from the folders, so it may be rebuilt at any time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from rnnlab.flow.quantity import GROUPS, iterate_summaries
from rnnlab.nested import flatten
from rnnlab.store.atomic import csv_text, write_bytes
from rnnlab.store.folders import RunEntry, iterate_runs


def varied_keys(configs: Iterable[dict[str, Any]]) -> list[str]:
    """Give the dotted keys in which configs differ, in config order; not the name and not the seed."""
    seen: dict[str, set[str]] = {}
    counts: Counter[str] = Counter()
    total = 0
    for config in configs:
        flat = flatten(config)
        total += 1
        counts.update(flat.keys())
        for key, value in flat.items():
            seen.setdefault(key, set()).add(repr(value))
    varied = (key for key in seen if len(seen[key]) > 1 or counts[key] < total)
    return [key for key in varied if key not in {"name", "seed"}]


def index_rows(entries: Callable[[], Iterable[RunEntry]]) -> tuple[list[str], Iterator[list[Any]]]:
    """Give the header and one row a run: id, status, what varies, seed, summary; a damaged run has little to say.

    Args:
        entries: gives the runs; called twice, so that a study of 10,000 runs need not be held in memory.
    """
    seen: dict[str, None] = {}

    def iterate_configs() -> Iterator[dict[str, Any]]:
        for entry in entries():
            if entry.found:
                seen.update(dict.fromkeys(entry.found.summary))
                yield entry.found.config

    varied = varied_keys(iterate_configs())
    numbers = _summary_columns(seen)
    return ["run", "status", *varied, "seed", *numbers], (_row(entry, varied, numbers) for entry in entries())


def _summary_columns(seen: Iterable[str]) -> list[str]:
    """Give what every run has, then what else some have: in the declared order, then what is declared nowhere now."""
    base = [summary.name for summary in GROUPS["base"].summaries]
    declared = [summary.name for summary in iterate_summaries() if summary.name in seen]
    return list(dict.fromkeys([*base, *declared, *seen]))


def _row(entry: RunEntry, varied: Sequence[str], numbers: Sequence[str]) -> list[Any]:
    if entry.damage:
        return [entry.path.name, "damaged", *[None] * (len(varied) + 1 + len(numbers))]
    flat, summary = flatten(entry.record.config), entry.record.summary
    return [
        entry.path.name,
        entry.status,
        *(flat.get(key) for key in varied),
        flat.get("seed"),
        *(summary.get(name) for name in numbers),
    ]


def write_index(study: Path) -> None:
    """Write index.csv anew from the folders, in one replacement."""
    header, rows = index_rows(lambda: iterate_runs(study))
    write_bytes(study / "index.csv", csv_text(header, rows).encode(), durable=False)
