"""rnnlab export: the arrays of runs as long tables, one row a number's place, units in the column names."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from rnnlab.cli import text

if TYPE_CHECKING:
    import numpy as np

    from rnnlab.store import Run

_EXAMPLES = """\b
Examples:
  rnnlab export runs/cumulative-average    gradient norms as CSV on stdout
  rnnlab export runs/cumulative-average --table loss --out loss.csv
  rnnlab export runs/cumulative-average --table spectrum --format json

\b
Tables (one row for each combination of what stands before the colon):
  flow        update, layer, timestep: gradient and hidden norms
  loss        batch: training loss
  probe       update: probe loss
  spectrum    update, layer, rank: eigenvalues, singular values (elman only)
  parameters  update, parameter: gradient norm
A study gives the rows of all its runs, told apart by the first column.
"""

Table = Literal["flow", "loss", "probe", "spectrum", "parameters"]
Rows = Iterator[dict[str, Any]]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=_EXAMPLES)(export)


def export(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A run folder or a study folder.")],
    table: Annotated[Table, typer.Option("--table", "-t", help="Which table.")] = "flow",
    format_: Annotated[
        Literal["csv", "json"], typer.Option("--format", help="CSV, or a JSON list of objects.")
    ] = "csv",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write to this file instead of stdout.")] = None,
) -> None:
    """Write a run's or a study's numbers as CSV or JSON."""
    rows = [{"run": run.path.name, **row} for run in _open(path) for row in _TABLES[table](run.metrics)]
    content = _as_csv(rows) if format_ == "csv" else json.dumps([_plain(row) for row in rows], indent=1) + "\n"
    if out is None:
        sys.stdout.write(content)
    else:
        from rnnlab.store.atomic import write_bytes

        out.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(out, content.encode())


def _open(path: Path) -> list[Run]:
    """Open a run, or all whole runs of a study; damaged ones are named and left out."""
    from rnnlab.store import Run, list_runs, open_run

    entries = list_runs(path)
    if not entries:
        return [open_run(path)]
    for entry in entries:
        if entry.damage:
            text.tell(f"left out: {entry.path} is damaged: {entry.damage}")
    return [Run(entry) for entry in entries if not entry.damage]


def _flow(metrics: dict[str, np.ndarray]) -> Rows:
    names = {
        "grad_norm": "grad_norm_l2",
        "grad_log_norm": "grad_log_norm_ln",
        "hidden_norm": "hidden_norm_l2",
        "cell_grad_norm": "cell_grad_norm_l2",
    }
    present = {name: column for name, column in names.items() if name in metrics}
    for record, update in enumerate(metrics["step"].tolist()):
        for layer, timestep in _places(metrics["grad_norm"].shape[1:]):
            row = {"update": update, "layer_from_0": layer, "timestep_from_1": timestep + 1}
            yield row | {column: float(metrics[name][record, layer, timestep]) for name, column in present.items()}


def _places(shape: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    return ((i, j) for i in range(shape[0]) for j in range(shape[1]))


def _loss(metrics: dict[str, np.ndarray]) -> Rows:
    for batch, loss in enumerate(metrics["loss"].tolist()):
        yield {"batch_from_0": batch, "training_loss": loss}


def _probe(metrics: dict[str, np.ndarray]) -> Rows:
    for update, loss in zip(metrics["step"].tolist(), metrics["probe_loss"].tolist(), strict=True):
        yield {"update": update, "probe_loss": loss}


def _spectrum(metrics: dict[str, np.ndarray]) -> Rows:
    for record, update in enumerate(metrics["step"].tolist() if "eigenvalues" in metrics else []):
        for layer, rank in _places(metrics["eigenvalues"].shape[1:]):
            value = complex(metrics["eigenvalues"][record, layer, rank])
            yield {
                "update": update,
                "layer_from_0": layer,
                "rank_from_1": rank + 1,
                "eigenvalue_real": value.real,
                "eigenvalue_imaginary": value.imag,
                "eigenvalue_magnitude": abs(value),
                "singular_value": float(metrics["singular_values"][record, layer, rank]),
            }


def _parameters(metrics: dict[str, np.ndarray]) -> Rows:
    for record, update in enumerate(metrics["step"].tolist()):
        for index, name in enumerate(metrics["param_names"].tolist()):
            norm = float(metrics["param_grad_norm"][record, index])
            yield {"update": update, "parameter": name, "param_grad_norm_l2": norm}


_TABLES = {"flow": _flow, "loss": _loss, "probe": _probe, "spectrum": _spectrum, "parameters": _parameters}


def _as_csv(rows: list[dict[str, Any]]) -> str:
    from rnnlab.store.atomic import csv_text

    columns = list(dict.fromkeys(key for row in rows for key in row))
    return csv_text(columns, [[row.get(column) for column in columns] for row in rows])


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """Write what is not finite as a string, `inf`, `-inf` or `nan`: JSON has no number for it."""
    return {k: str(v) if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()}
