"""rnnlab diff: what differs between two runs, in their configs and in their results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnnlab.cli import options, text
from rnnlab.cli.naming import one_place

if TYPE_CHECKING:
    from rnnlab.store import Run

_EXAMPLES = """\b
Examples:
  rnnlab diff runs/vanishing runs/exploding
  rnnlab diff runs/lstm/seed=0 runs/lstm/seed=1 --json
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=_EXAMPLES)(diff)


def diff(
    run: options.RunPath,
    other: Annotated[Path, typer.Argument(metavar="OTHER", help="The run to compare it with.")],
    runs: options.Runs = Path("runs"),
    as_json: options.Json = False,
) -> None:
    """Compare two runs: their configs and their results."""
    from rnnlab.store import open_run

    left, right = (open_run(one_place(name, runs)) for name in (run, other))
    config, results = _config_rows(left, right), _result_rows(left, right)
    if as_json:
        objects = {
            name: [{"key": k, "left": a, "right": b} for k, a, b in rows]
            for name, rows in (("config", config), ("results", results))
        }
        print(json.dumps({"left": str(left.path), "right": str(right.path), **objects}, indent=2))
        return
    print(f"left   {left.path}\nright  {right.path}\n")
    print(text.table(["config", "left", "right"], config) if config else "The configs are the same.")
    print("\n" + text.table(["result", "left", "right"], results))
    if config == [] and left.record.files["metrics.npz"] == right.record.files["metrics.npz"]:
        print("\nThe metrics are the same to the byte.")


def _config_rows(left: Run, right: Run) -> list[list[Any]]:
    from rnnlab.config.later import only_follows
    from rnnlab.store.index import flat_config

    first, second = flat_config(left.record.config, ()), flat_config(right.record.config, ())
    first, second = flat_config(left.record.config, second), flat_config(right.record.config, first)
    keys = dict.fromkeys([*first, *second])
    different = [key for key in keys if first.get(key) != second.get(key)]
    return [
        [key, _word(first, key), _word(second, key)]
        for key in different
        if not only_follows(key, first.get(key), second.get(key))
    ]


def _word(flat: dict[str, Any], key: str) -> str:
    if key not in flat:
        return text.MISSING
    value = flat[key]
    return value if isinstance(value, str) else json.dumps(value)


def _result_rows(left: Run, right: Run) -> list[list[Any]]:
    rows: list[list[Any]] = [["status", left.status, right.status]]
    rows += [[key, left.summary.get(key), right.summary.get(key)] for key in left.summary | right.summary]
    return [*rows, ["seconds", left.record.seconds, right.record.seconds]]
