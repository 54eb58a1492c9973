"""rnnlab validate: is a config right, and what can one say?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from rnnlab.cli import options, text
from rnnlab.flow.group import GROUPS

_EXAMPLES = """\b
Examples:
  rnnlab validate cumulative_average
  rnnlab validate study.yaml model.hidden_size=64    prints the config in full
  rnnlab validate --keys                             every key and its meaning
  rnnlab validate --keys --extension mine.py         with those of your own
  rnnlab validate --quantities                       what can be measured
  rnnlab validate --schema > rnnlab.schema.json      for editors, to complete
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=_EXAMPLES)(validate)


def validate(
    config: Annotated[
        Path | None,
        typer.Argument(metavar="CONFIG", callback=options.find_config, help="A YAML file, or the name of a ready one."),
    ] = None,
    overrides: options.Overrides = None,
    extensions: options.Extensions = None,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of configs.")] = False,
    keys: Annotated[bool, typer.Option("--keys", help="List every key of a config.")] = False,
    quantities: Annotated[
        bool, typer.Option("--quantities", help="List every array and number that a run can have.")
    ] = False,
    quiet: options.Quiet = False,
) -> None:
    """Check a config and print it in full, with every default."""
    if (schema or keys or quantities) and (config or extensions):
        from rnnlab.config import load_extensions

        load_extensions(config, extensions or [])
    if quantities:
        print("\n".join(_quantity_lines()))
        return
    from rnnlab.config import describe_keys, json_schema, load_run, write_config
    from rnnlab.config.limits import memory_bytes, memory_of_machine, memory_problem

    if schema:
        print(json.dumps(json_schema(), indent=2))
    elif keys:
        for key in describe_keys():
            print(f"{key.key}  ({key.type}; default {key.default})")
            print(f"    {key.description}")
    elif config is None:
        raise typer.BadParameter("name a CONFIG, or give --schema, --keys or --quantities")
    else:
        read = load_run(config, overrides or [], extensions or [])
        loaded = read.config
        if quiet:
            return
        for sentence in read.left_aside:
            text.tell(sentence)
        print(write_config(loaded), end="")
        available = memory_of_machine()
        if available is not None and memory_bytes(loaded) > available:
            text.tell(f"valid, but not to be run on this machine: {memory_problem(loaded, available)}")


def _quantity_lines() -> Iterator[str]:
    """Give every array, and then every number, two lines each."""
    for group in GROUPS.values():
        yield f"arrays of {group.file}"
        for quantity in group.quantities:
            axes = ", ".join(axis.name for axis in quantity.axes)
            unit = f"; unit {quantity.unit}" if quantity.unit else ""
            yield f"  {quantity.name}  ({quantity.symbol}; by {axes}{unit})"
            yield f"      {quantity.meaning}"
    for group in GROUPS.values():
        if group.summaries:
            yield f"numbers of the index, from {group.file}"
        for summary in group.summaries:
            yield f"  {summary.name}" + (f"  (unit {summary.unit})" if summary.unit else "")
            yield f"      {summary.meaning}"
