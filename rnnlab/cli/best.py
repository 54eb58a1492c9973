"""rnnlab best: the runs whose number is the least, the greatest, or the nearest to a value."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rnnlab.cli import choosing, naming, options, rows, text

if TYPE_CHECKING:
    from rnnlab.store import RunEntry

_EXAMPLES = """\b
Examples:
  rnnlab best runs/weight-scale               the least final loss
  rnnlab best runs/weight-scale --by final_exponent --near 0
  rnnlab best runs/weight-scale --by final_gradient_ratio --largest --first 3
  rnnlab best runs/weight-scale --where nonlinearity=relu --json

The paths of the runs are printed, the best first, also for other commands:
$(rnnlab best runs/weight-scale) is the path of a run.
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=_EXAMPLES)(best)


def best(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help=options.PathHelp)],
    by: Annotated[str, typer.Option(metavar="NUMBER", help="A number of the index.")] = "final_loss",
    largest: Annotated[bool, typer.Option("--largest", help="The greatest is best, not the least.")] = False,
    near: Annotated[float | None, typer.Option(metavar="VALUE", help="The nearest to this value is best.")] = None,
    first: Annotated[int, typer.Option(min=1, metavar="COUNT", help="How many.")] = 1,
    where: options.Where = None,
    runs: options.Runs = Path("runs"),
    as_json: options.Json = False,
) -> None:
    """Find the runs with the least loss, or another number."""
    if largest and near is not None:
        raise typer.BadParameter("choose one of --largest and --near")
    folders = naming.chosen_places(paths, where or [], runs)
    entries = [entry for folder in folders for entry in naming.entries_in(folder) if entry.found]
    name, numbers = _numbers(entries, by)
    ranked = sorted(numbers, key=lambda pair: _rank(pair[1], largest=largest, near=near))[:first]
    if not ranked:
        raise choosing.NothingFoundError(f"no run in {folders[0]} has a finite {name}")
    without = len(entries) - len(numbers)
    if without:
        text.tell(f"{without} of {len(entries)} runs have no finite {name}")
    if as_json:
        print(json.dumps([{"path": str(entry.path), name: value} for entry, value in ranked], indent=2))
    else:
        print("\n".join(str(entry.path) for entry, _ in ranked))


def _numbers(entries: list[RunEntry], by: str) -> tuple[str, list[tuple[RunEntry, float]]]:
    """Give the name of the number in full, and the runs that have it.

    Raises:
        ColumnError: no run has such a number.
    """
    names = list(dict.fromkeys(name for entry in entries for name in entry.record.summary))
    name = names[rows.find_column(names, by)] if entries else by
    values = ((entry, entry.record.summary.get(name)) for entry in entries)
    return name, [(entry, value) for entry, value in values if value is not None and math.isfinite(value)]


def _rank(value: float, *, largest: bool, near: float | None) -> float:
    return -value if largest else abs(value - near) if near is not None else value
