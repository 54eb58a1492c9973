"""rnnlab check: the same gradients by independent ways, and a verdict."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnnlab.cli import options, text

if TYPE_CHECKING:
    from rnnlab.audit import CheckReport

_EXAMPLES = """\b
Examples:
  rnnlab check configs/cumulative_average.yaml
  rnnlab check configs/lstm.yaml model.layers=3 task.seq_len=20
  rnnlab check configs/vanishing.yaml --tolerance 1e-12

\b
Ways:
  flow          what runs record
  modules       autograd through the nn.Modules
  by hand       backpropagation through time in numpy (elman)
  paths         the sum over all paths to the loss (elman, while they are few)
  complex step  no derivative at all: the loss of a net nudged by 1e-100 i
Exit code 1 when one of them, or an engine, is wrong.
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=_EXAMPLES)(check)


def check(
    config: options.ConfigFile,
    overrides: options.Overrides = None,
    tolerance: Annotated[float, typer.Option(min=0.0, help="The largest relative difference that is rounding.")] = 1e-9,
    as_json: options.Json = False,
) -> None:
    """Compute a config's gradients by independent ways and compare."""
    from rnnlab.audit import run_check
    from rnnlab.config import load_config

    report = run_check(load_config(config, overrides or []), tolerance)
    print(json.dumps(_as_object(report), indent=2) if as_json else "\n".join(_lines(report)))
    if not report.agrees:
        raise typer.Exit(1)


def _lines(report: CheckReport) -> list[str]:
    ways = list(dict.fromkeys(way for finding in report.findings for way in finding.differences))
    rows = [
        [finding.name, *(_difference(finding.differences.get(way)) for way in ways), _ruling(finding)]
        for finding in report.findings
    ]
    steps = [
        [
            step.name,
            *map(_difference, (step.gradient, step.update, step.rounding)),
            "agrees" if step.agrees else f"WRONG ({step.worst})",
        ]
        for step in report.steps
    ]
    return [
        "Largest relative difference from the ways that agree, float64, at every timestep by itself:",
        text.table(["quantity", *ways, ""], rows),
        *([f"not gone here: {', '.join(report.missing)}"] if report.missing else []),
        *(f"{way}: {sentence}" for way, sentence in report.unknown.items()),
        "",
        "One training step of each engine, float32 unless it says otherwise, against the float64 gradient:",
        text.table(["", "gradient", "update", "rounding alone", ""], steps),
        "",
        _verdict(report),
    ]


def _difference(value: float | None) -> str:
    return text.MISSING if value is None else f"{value:.1e}" if value else "0"


def _ruling(finding: Any) -> str:
    if finding.undecided:
        return "UNDECIDED"
    return f"WRONG: {', '.join(finding.convicted)}" if finding.convicted else "agree"


def _verdict(report: CheckReport) -> str:
    if report.agrees:
        largest = max((d for f in report.findings for d in f.differences.values()), default=0.0)
        return f"All ways agree to {largest:.1e} (tolerance {report.tolerance:g}), and every engine to rounding."
    wrong = [f"wrong: {', '.join(report.convicted)}"] if report.convicted else []
    undecided = [finding.name for finding in report.findings if finding.undecided]
    open_ = [f"the ways disagree, and which is wrong cannot be told: {', '.join(undecided)}"] if undecided else []
    return "; ".join(wrong + open_)


def _as_object(report: CheckReport) -> dict[str, Any]:
    return {
        "agrees": report.agrees,
        "tolerance": report.tolerance,
        "convicted": report.convicted,
        "not_gone": report.missing,
        "quantities": [
            {"name": f.name, "differences": f.differences, "convicted": list(f.convicted), "undecided": f.undecided}
            for f in report.findings
        ],
        "engines": [{**vars(step), "tolerance": step.tolerance, "agrees": step.agrees} for step in report.steps],
    }
