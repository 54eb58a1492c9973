"""The index of a study, one row a run: derived from the folders, so it may be rebuilt at any time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from rnnlab.store.atomic import csv_text, write_bytes
from rnnlab.store.folders import RunEntry, iterate_runs

SUMMARY_COLUMNS = (
    "final_loss",
    "loss_over_floor",
    "initial_gradient_ratio",
    "final_gradient_ratio",
    "initial_gradient_slope",
    "final_gradient_slope",
    "initial_spectral_radius",
    "final_spectral_radius",
)
"""The numbers of a run's summary that the index shows; rnnlab.studies.summary says what each means."""


def flatten(config: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Give a nested config as dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        flat |= flatten(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat


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
    varied = varied_keys(entry.record.config for entry in entries() if not entry.damage)
    header = ["run", "status", *varied, "seed", *SUMMARY_COLUMNS]
    return header, (_row(entry, varied) for entry in entries())


def _row(entry: RunEntry, varied: Sequence[str]) -> list[Any]:
    if entry.damage:
        return [entry.path.name, "damaged", *[None] * (len(varied) + 1 + len(SUMMARY_COLUMNS))]
    flat, summary = flatten(entry.record.config), entry.record.summary
    return [
        entry.path.name,
        entry.status,
        *(flat.get(key) for key in varied),
        flat.get("seed"),
        *(summary.get(column) for column in SUMMARY_COLUMNS),
    ]


def write_index(study: Path) -> None:
    """Write index.csv anew from the folders, in one replacement."""
    header, rows = index_rows(lambda: iterate_runs(study))
    write_bytes(study / "index.csv", csv_text(header, rows).encode(), durable=False)
