"""The index of a study, one row a run: derived from the folders, so it may be rebuilt at any time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rnnlab.store.files import csv_text, write_bytes
from rnnlab.store.folders import RunEntry

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


def varied_keys(configs: Sequence[dict[str, Any]]) -> list[str]:
    """Give the dotted keys in which the runs differ, in config order; not the name and not the seed."""
    flats = [flatten(config) for config in configs]
    keys = dict.fromkeys(key for flat in flats for key in flat)
    return [key for key in keys if key not in {"name", "seed"} and len({repr(flat.get(key)) for flat in flats}) > 1]


def index_rows(entries: Sequence[RunEntry]) -> tuple[list[str], list[list[Any]]]:
    """Give the header and one row a run: id, status, what varies, seed, summary; a damaged run has little to say."""
    configs = [entry.info.get("config", {}) for entry in entries if not entry.damage]
    varied = varied_keys(configs)
    header = ["run", "status", *varied, "seed", *SUMMARY_COLUMNS]
    return header, [_row(entry, varied) for entry in entries]


def _row(entry: RunEntry, varied: Sequence[str]) -> list[Any]:
    if entry.damage:
        return [entry.path.name, "damaged", *[None] * (len(varied) + 1 + len(SUMMARY_COLUMNS))]
    flat, summary = flatten(entry.info.get("config", {})), entry.info["summary"]
    return [
        entry.path.name,
        entry.status,
        *(flat.get(key) for key in varied),
        flat.get("seed"),
        *(summary.get(column) for column in SUMMARY_COLUMNS),
    ]


def write_index(study: Path, entries: Sequence[RunEntry]) -> None:
    """Write index.csv anew, in one replacement."""
    header, rows = index_rows(entries)
    write_bytes(study / "index.csv", csv_text(header, rows).encode(), durable=False)
