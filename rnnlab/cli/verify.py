"""rnnlab verify: every byte of finished runs against the checksums that were written with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from rnnlab.cli import options, text
from rnnlab.cli.naming import places

_EXAMPLES = """\b
Examples:
  rnnlab verify                                    everything under runs/
  rnnlab verify runs/cumulative-average            the runs of a study
  rnnlab verify runs/cumulative-average/default-38d0878c07c4
  rnnlab verify /backup/runs --json | jq .findings

It reads every file. The exit code is 2 where something is damaged or missing; files that somebody else has put there
are named, and do no harm.
"""

_DAMAGED = 2


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=_EXAMPLES)(verify)


def verify(
    path: Annotated[Path | None, typer.Argument(metavar="PATH", help="The runs folder, a study or a run.")] = None,
    runs: options.Runs = Path("runs"),
    as_json: options.Json = False,
) -> None:
    """Find what is damaged, missing or unexpected in finished runs."""
    from rnnlab.store import MissingRunError, verifying

    if path is None and not runs.is_dir():
        raise MissingRunError(f"there is no folder {runs}")
    folders = [runs] if path is None else places(path, runs)
    verified = [found for folder in folders for found in verifying.verify(folder)]
    findings = [finding for run in verified for finding in run.findings]
    whole = sum(run.is_whole for run in verified)
    if as_json:
        listed = [{"path": str(each.path), "kind": each.kind, "words": each.words} for each in findings]
        print(json.dumps({"runs": len(verified), "whole": whole, "findings": listed}, indent=2))
    else:
        for each in findings:
            print(f"{each.kind:<10}  {each.path}: {each.words}")
        print(f"{len(verified)} run{'' if len(verified) == 1 else 's'}: {whole} whole{_others(len(verified) - whole)}")
    if whole < len(verified):
        if not as_json:
            text.tell("make a damaged run again with --force, or take it back from a copy")
        raise typer.Exit(_DAMAGED)


def _others(count: int) -> str:
    return f", {count} not" if count else ""
