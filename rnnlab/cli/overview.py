"""Several runs in a few lines: what was swept, in which ranges the numbers lie, which run is best, which failed."""

from __future__ import annotations

import json
import math
import shlex
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnlab.cli import text
from rnnlab.flow.group import iterate_summaries

if TYPE_CHECKING:
    from rnnlab.store import RunEntry

_BEST_BY = "final_loss"

_NAMED = 5  # runs that diverged or are damaged, and values of an axis

_STATUSES = ("completed", "diverged", "unfinished", "damaged")


def show(path: Path, entries: Sequence[RunEntry], *, as_json: bool) -> None:
    """Print what several runs have in common, and what sets them apart.

    Args:
        path: the study, or how the runs were named.
        entries: several runs.
        as_json: print it as one object.
    """
    found = _overview(path, entries)
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        print("\n".join(_lines(found)))


def _overview(path: Path, entries: Sequence[RunEntry]) -> dict[str, Any]:
    from rnnlab.store.index import flat_config
    from rnnlab.store.swept import axis_values, swept_keys

    whole = [entry for entry in entries if entry.found]
    keys = swept_keys(entry.record.config for entry in whole)
    axes = axis_values(keys, [flat_config(entry.record.config, keys) for entry in whole])
    statuses = [entry.status for entry in entries]
    ranked = [entry for entry in whole if _number(entry, _BEST_BY) is not None]
    best = min(ranked, key=lambda entry: _number(entry, _BEST_BY) or 0.0, default=None)
    return {
        "path": str(path),
        "runs": len(entries),
        **{status: statuses.count(status) for status in _STATUSES},
        "axes": {key: list(values) for key, values in axes.items()},
        "summary": _ranges(whole),
        "best": None if best is None else {"path": str(best.path), "by": _BEST_BY, "value": _number(best, _BEST_BY)},
        "failures": [
            {"path": str(entry.path), "why": entry.damage or f"diverged at update {entry.record.diverged_at}"}
            for entry in entries
            if entry.status in {"damaged", "diverged"}
        ],
    }


def _ranges(whole: Sequence[RunEntry]) -> dict[str, dict[str, float | int]]:
    """Give for each number of the summary its least, middle and greatest value, and how many runs have it."""
    ranges = {}
    for name in dict.fromkeys(name for entry in whole for name in entry.record.summary):
        values = [value for entry in whole if (value := _number(entry, name)) is not None]
        if values:
            ends = {"min": min(values), "median": statistics.median(values), "max": max(values)}
            ranges[name] = {**ends, "count": len(values)}
    return ranges


def _number(entry: RunEntry, name: str) -> float | None:
    value = entry.record.summary.get(name)
    return value if value is not None and math.isfinite(value) else None


def _lines(found: dict[str, Any]) -> list[str]:
    counts = ", ".join(f"{found[status]} {status}" for status in _STATUSES if found[status])
    lines = [f"{found['path']}: {found['runs']} runs, {counts}", ""]
    for key, values in found["axes"].items():
        written = text.values(values)
        some = [*written[:_NAMED], "...", written[-1]] if len(written) > _NAMED + 2 else written
        lines.append(f"{key:<22} {len(values)} values: {', '.join(some)}")
    lines += ["", *_table(found["summary"], found["runs"]), ""]
    if best := found["best"]:
        lines.append(f"best by {best['by']}, {text.number(best['value'], 4)}:\n  {best['path']}")
    failures = found["failures"]
    lines += [f"{Path(each['path']).name}:\n  {each['why']}" for each in failures[:_NAMED]]
    if len(failures) > _NAMED:
        lines.append(f"... and {len(failures) - _NAMED} more; rnnlab ls {found['path']} --where status!=completed")
    example = best["path"] if best else f"{found['path']}/@last"
    return [*lines, f"next: rnnlab show {shlex.quote(example)}"]


def _table(summary: dict[str, dict[str, float | int]], runs: int) -> list[str]:
    """Lay out the ranges of the numbers that `ls` shows, too."""
    shown = {each.name: each.words for each in iterate_summaries() if each.short}
    rows = []
    for name, its in summary.items():
        if name in shown:
            few = f"{its['count']} runs" if its["count"] < runs else ""
            rows.append([shown[name], its["min"], its["median"], its["max"], few])
    if not rows:
        return []
    header = ["", "least", "median", "most", ""]
    return text.table(header, rows, width=text.terminal_width(sys.stdout)).split("\n")
