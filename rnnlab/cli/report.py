"""A run in a few lines of text: what `train` ends with and `show` begins with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rnnlab.cli import text
from rnnlab.flow.agreement import disagreement
from rnnlab.flow.group import addable_groups, find_quantity
from rnnlab.picking import pick

if TYPE_CHECKING:
    import numpy as np

    from rnnlab.store import Run

_TIMESTEPS = 10
"""Rows of the gradient table: more do not fit a screen with all the rest."""

_LAYERS = 4

_WIDTH = 80  # of notes

_WHEN = ("initial", "final")
_EXPONENT = ("exponent", "exponent_stderr")


def outcome_line(run: Run) -> str:
    """Say how the run ended."""
    record = run.record
    ending = f"diverged at update {record.diverged_at}" if record.status == "diverged" else record.status
    flags = "".join(f", {flag}" for flag in record.flags)
    made_by = f"recorded from a training {record.engine}" if record.is_watched else f"{record.engine} engine"
    return f"{ending}{flags} in {text.duration(record.seconds)} ({made_by}, {record.device})"


def fact_lines(run: Run) -> list[str]:
    """Give the final loss and, against it, the floors; the spectral radius and norm, first and last record."""
    final = run.summary["final_loss"]
    rows = [["final loss", text.number(final, 4), ""]]
    for name, floor in run.record.floors.items():
        share = "" if final is None or floor == 0 else f"final loss is {final / floor:.3g} times that"
        rows.append([f"loss of: {name}", text.number(floor, 4), share])
    return [*_columns(rows + _spectrum_rows(run) + _rate_rows(run) + _other_rows(run)), *_transients(run)]


def _spectrum_rows(run: Run) -> list[list[str]]:
    metrics = run.metrics
    if "eigenvalues" not in metrics:
        governed = "what was watched" if run.record.is_watched else run.record.config["model"]["cell"]
        return [["spectral radius", text.MISSING, f"no single matrix governs {governed}"]]
    layers = metrics["eigenvalues"].shape[1]
    rows = []
    for layer in range(layers):
        where = f", {run.record.layer_name(layer)}" if layers > 1 else ""
        records = (0, last_record(run))
        if math.isnan(metrics["singular_values"][0, layer, 0]) and run.record.is_watched:
            rows.append([f"spectral radius{where}", text.MISSING, "no single matrix governs it"])
            continue
        radius = [abs(metrics["eigenvalues"][record, layer, 0]) for record in records]
        norm = [metrics["singular_values"][record, layer, 0] for record in records]
        rows.append([f"spectral radius{where}", _change(radius), f"spectral norm {_change(norm)}"])
    return rows


def _rate_rows(run: Run) -> list[list[str]]:
    """Give the two measures of how fast gradients vanish or explode, first and last record."""
    found = {name: [run.summary.get(f"{when}_{name}") for when in _WHEN] for name in ("gradient_slope", *_EXPONENT)}
    rows = [["finite-T slope", _change(found["gradient_slope"]), f"ln ||dL/dh_t|| over T = {_timesteps(run)}"]]
    if "final_exponent" in run.summary:
        error = found["exponent_stderr"][-1]
        known = "" if error is None else f"+- {text.number(error, 2)}, "
        rows.append(["exponent", _change(found["exponent"]), f"{known}vanishing below 0"])
    return rows


def _transients(run: Run) -> list[str]:
    """Say where the slope misleads."""
    if "final_exponent" not in run.summary:
        return []
    last_timestep_only = _is_last_only(run)
    notes = []
    for when in _WHEN:
        slope, exponent, error = (run.summary.get(f"{when}_{name}") for name in ("gradient_slope", *_EXPONENT))
        notes.append(disagreement(slope, exponent, error, _timesteps(run), last_timestep_only=last_timestep_only))
    if notes[0] == notes[1]:
        lines = [f"note: {notes[0]}"] if notes[0] else []
    else:
        lines = [f"note, {when} record: {note}" for when, note in zip(_WHEN, notes, strict=True) if note]
    return [part for line in lines for part in text.wrapped(line, _WIDTH).split("\n")]


def _is_last_only(run: Run) -> bool:
    """Tell whether the loss is that of the last timestep, without executing code that belongs to the run."""
    if run.record.config.get("extensions"):
        return bool(run.record.config["task"].get("last_timestep_only"))
    return run.config.task.loss.last_timestep_only


def _timesteps(run: Run) -> int:
    timesteps: int = run.metrics["grad_norm"].shape[-1]
    return timesteps


def _other_rows(run: Run) -> list[list[str]]:
    """Give the numbers of what is measured besides, as far as a terminal shows them."""
    others = (summary for group in addable_groups().values() for summary in group.summaries)
    shown = (each for each in others if each.short and each.name in run.summary and each.name != "final_exponent")
    return [[each.words, text.number(run.summary[each.name], 4), each.unit] for each in shown]


def _change(values: Sequence[float | None]) -> str:
    first, last = map(text.number, values)
    return first if first == last else f"{first} -> {last}"


def _columns(rows: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(part.ljust(width) for part, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def gradient_lines(run: Run) -> list[str]:
    """Give ||dL/dh_t|| at some timesteps, first and last record, with a bar of its logarithm; a table a layer."""
    norms_RLT, steps_R, last = run.metrics["grad_norm"], run.metrics["step"], last_record(run)
    layers, timesteps = norms_RLT.shape[1:]
    shown = pick(timesteps, _TIMESTEPS)
    lines = []
    for layer in range(min(layers, _LAYERS)):
        title = find_quantity("grad_norm").symbol + (f", {run.record.layer_name(layer)}" if layers > 1 else "")
        records = [0] if last == 0 else [0, last]
        header = ["t", *(part for record in records for part in (f"update {steps_R[record]}", ""))]
        low, high = _log_range(norms_RLT[records, layer])
        rows = [
            [t + 1, *(part for record in records for part in _norm_and_bar(norms_RLT[record, layer, t], low, high))]
            for t in shown
        ]
        note = f"   ({len(shown)} of {timesteps} timesteps)" if len(shown) < timesteps else ""
        lines += [f"{title}, bars on a logarithmic scale{note}", *_gradient_table(header, rows), ""]
    if layers > _LAYERS:
        lines += [f"... and {layers - _LAYERS} more layers", ""]
    return lines[:-1]


def last_record(run: Run) -> int:
    """Give the index of the last record that was made: before the net diverged, if it did."""
    diverged_at = run.record.diverged_at
    steps_R = run.metrics["step"]
    return len(steps_R) - 1 if diverged_at is None else int((steps_R <= diverged_at).sum()) - 1


def _gradient_table(header: list[str], rows: list[list[Any]]) -> list[str]:
    return text.table(header, rows, indent="  ").split("\n")


def _log_range(norms: np.ndarray) -> tuple[float, float]:
    logs = [math.log10(value) for value in norms.ravel().tolist() if 0 < value < math.inf]
    # At least a decade: what hardly differs should not look as if it did.
    return (min(*logs, max(logs) - 1), max(logs)) if logs else (0.0, 0.0)


def _norm_and_bar(value: float, low: float, high: float) -> tuple[str, str]:
    """Draw a norm; the smallest drawn still has a tenth of a bar, and only a true zero has none."""
    written = text.number(float(value))
    if not 0 < value < math.inf:
        return written.rjust(9), ""
    share = (math.log10(value) - low) / (high - low) if high > low else 1.0
    return written.rjust(9), text.bar(0.1 + 0.9 * share, 20)
