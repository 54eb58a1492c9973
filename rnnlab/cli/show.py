"""rnnlab show: one run, looked at closely, or a study as a whole."""

from __future__ import annotations

import itertools
import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rnnlab.cli import charts, naming, options, overview, report, text
from rnnlab.flow.group import find_quantity
from rnnlab.flow.quantity import BATCH, TIMESTEP

if TYPE_CHECKING:
    from rnnlab.store import Run

_EXAMPLES = """\b
Examples:
  rnnlab show runs/lstm                     the study: axes, ranges, best run
  rnnlab show runs/lstm/seed=3              a run, by what its config says
  rnnlab show runs/lstm/38d0                by the beginning of its hash
  rnnlab show lstm/weight_scale=1.5,seed=3  runs/ may be left out
  rnnlab show runs/lstm/@last               the one that was finished last
  rnnlab show @last --json | jq .summary    of all studies
"""

_LABEL = 12


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=_EXAMPLES)(show)


def show(
    path: Annotated[
        Path,
        typer.Argument(metavar="PATH", help="A run or a study: its folder, STUDY/seed=3, STUDY/@last, part of a hash."),
    ],
    runs: options.Runs = Path("runs"),
    as_json: options.Json = False,
) -> None:
    """Show a run: losses, gradients, config, origin. Of several, as in a study, what they have in common."""
    from rnnlab.store import open_run

    found = naming.places(path, runs)
    entries = [entry for place in found for entry in naming.runs_in(place)]
    if len(entries) > 1:
        overview.show(found[0] if len(found) == 1 else path, entries, as_json=as_json)
        return
    opened = open_run(found[0])
    opened.verify()
    if as_json:
        print(json.dumps({"path": str(opened.path), **opened.record.to_json()}, indent=2))
        return
    print("\n".join(_lines(opened)))


def _lines(run: Run) -> list[str]:
    return [
        str(run.path),
        report.outcome_line(run),
        "",
        *report.fact_lines(run),
        *_loss_curve(run),
        *_loss_chart(run),
        "",
        *report.gradient_lines(run),
        "",
        *_flow_chart(run),
        *_config(run),
        "",
        *_origin(run),
    ]


def _loss_curve(run: Run) -> list[str]:
    """Draw the probe loss of every record on one line."""
    probe_loss, steps = run.metrics["probe_loss"].tolist(), run.metrics["step"]
    if len(probe_loss) < 2:
        return []
    width = (text.terminal_width(sys.stdout) or 80) - 24
    line = text.sparkline(probe_loss, min(width, 60))
    return ["", f"probe loss, update {steps[0]} to {steps[-1]}", f"  {line}"]


def _loss_chart(run: Run) -> list[str]:
    """Draw the loss of every batch until it is no longer finite; a column of the chart is the mean of several."""
    losses = list(itertools.takewhile(math.isfinite, run.metrics["loss"].tolist()))
    if len(losses) < 2:
        return []
    wide = min(losses) > 0 and max(losses) > 5 * min(losses)
    scale = "logarithmic" if wide else "linear"
    lines = charts.chart([("loss", losses)], first=0, last=len(losses) - 1, across=BATCH.label, logarithmic=wide)
    return ["", f"training loss, {scale} scale", *lines]


def _flow_chart(run: Run) -> list[str]:
    """Draw ||dL/dh_t|| of layer 0 at the first and the last record."""
    norms_RLT, steps_R, last = run.metrics["grad_norm"], run.metrics["step"], report.last_record(run)
    layers, timesteps = norms_RLT.shape[1:]
    if timesteps < 2:
        return []
    records = [0] if last == 0 else [0, last]
    curves = [(f"update {steps_R[record]}", norms_RLT[record, 0].tolist()) for record in records]
    title = find_quantity("grad_norm").symbol + (f", {run.record.layer_name(0)}" if layers > 1 else "")
    lines = charts.chart(curves, first=1, last=timesteps, across=TIMESTEP.label, logarithmic=True)
    return [f"{title}, logarithmic scale", *lines, ""]


def _config(run: Run) -> list[str]:
    """Give the config, a section a line; what is null is left out."""
    sections = {key: value for key, value in run.record.config.items() if isinstance(value, dict)}
    lines = [f"{'seed':<{_LABEL}} {run.record.seed}"]
    for section, keys in sections.items():
        parts = [f"{key}={json.dumps(value).strip(chr(34))}" for key, value in keys.items() if value is not None]
        lines += _wrap(section, parts)
    return lines


def _wrap(label: str, parts: list[str], width: int = 80) -> list[str]:
    """Set parts behind a label, on as many lines as they need."""
    lines, line = [], f"{label:<{_LABEL}}"
    for part in parts:
        if len(line) + 1 + len(part) > width:
            lines.append(line)
            line = " " * _LABEL
        line += f" {part}"
    return [*lines, line]


def _origin(run: Run) -> list[str]:
    record, git, machine = run.record, run.record.git, run.record.machine
    commit = "none" if git is None else git.commit[:12] + (" with changes" if git.changed else "")
    facts = {
        "finished": record.finished[:19].replace("T", " ") + " UTC",
        "command": record.command or text.MISSING,
        "commit": commit,
        "versions": ", ".join(f"{name} {version}" for name, version in record.versions.items()),
        "machine": f"{machine.host}, {machine.processor} {machine.instructions}",
        "identity": record.identity,
    }
    return [f"{name:<{_LABEL}} {value}" for name, value in facts.items()]
