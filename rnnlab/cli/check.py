"""rnnlab check: the same gradients and quantities by independent ways, and a verdict."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnnlab.cli import options, text

if TYPE_CHECKING:
    from rnnlab.audit import CheckReport

_EXAMPLES = """\b
Examples:
  rnnlab check cumulative_average
  rnnlab check lstm model.layers=3 task.seq_len=20
  rnnlab check vanishing --tolerance 1e-12

\b
Ways:
  flow          what runs record
  modules       autograd through the nn.Modules
  by hand       backpropagation through time in numpy (elman)
  paths         the sum over all paths to the loss (elman, while they are few)
  complex step  no derivative at all: the loss of a net nudged by 1e-100 i
Groups of quantities (lags, exponents, ...) are held against dense Jacobians.
Exit code 1 when one of them, or an engine, is wrong.
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=_EXAMPLES)(check)


def check(
    config: options.ConfigFile,
    overrides: options.Overrides = None,
    extensions: options.Extensions = None,
    tolerance: Annotated[float, typer.Option(min=0.0, help="The largest relative difference that is rounding.")] = 1e-9,
    as_json: options.Json = False,
) -> None:
    """Compute a config's gradients and quantities by independent ways."""
    from rnnlab.audit import run_check
    from rnnlab.config import load_config

    report = run_check(load_config(config, overrides or [], extensions or []), tolerance)
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
        *_group_lines(report),
        "",
        _verdict(report),
    ]


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:2]) + (f" and {len(names) - 2} more" if len(names) > 2 else "")


def _group_lines(report: CheckReport) -> list[str]:
    """Write a row for each group of quantities: what differs most."""
    rows = [
        [
            group.name,
            _difference(group.differences[group.worst]),
            group.worst,
            "agree" if group.agrees else f"WRONG: {_some(group.wrong)}",
        ]
        for group in report.groups
    ]
    return [
        "",
        "Groups of quantities, each against dense Jacobians made by complex steps:",
        *([text.table(["group", "largest difference", "of", ""], rows)] if rows else []),
        *(f"{name}: not checked: {reason}" for name, reason in report.unchecked.items()),
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
        worst = max((group.differences[group.worst] for group in report.groups), default=None)
        groups = "" if worst is None else f", all groups to {worst:.1e}"
        return f"All ways agree to {largest:.1e}{groups} (tolerance {report.tolerance:g}), every engine to rounding."
    wrong = [f"wrong: {', '.join(report.convicted)}"] if report.convicted else []
    undecided = [finding.name for finding in report.findings if finding.undecided]
    open_ = [f"the ways disagree, and which is wrong cannot be told: {', '.join(undecided)}"] if undecided else []
    return "; ".join(wrong + open_)


def _finite(differences: Mapping[str, float]) -> dict[str, float | None]:
    """Give null for an infinite difference: only one of two has a NaN, an infinity, or the number at all."""
    return {name: value if math.isfinite(value) else None for name, value in differences.items()}


def _as_object(report: CheckReport) -> dict[str, Any]:
    return {
        "agrees": report.agrees,
        "tolerance": report.tolerance,
        "convicted": report.convicted,
        "not_gone": report.missing,
        "quantities": [
            {
                "name": f.name,
                "differences": _finite(f.differences),
                "convicted": list(f.convicted),
                "undecided": f.undecided,
            }
            for f in report.findings
        ],
        "groups": [
            {"name": g.name, "differences": _finite(g.differences), "wrong": list(g.wrong), "agrees": g.agrees}
            for g in report.groups
        ],
        "groups_not_checked": report.unchecked,
        "engines": [{**vars(step), "tolerance": step.tolerance, "agrees": step.agrees} for step in report.steps],
    }
