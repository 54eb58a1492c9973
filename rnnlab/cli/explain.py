"""rnnlab explain: what the numbers of a run say, in sentences."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from rnnlab.cli import options, text
from rnnlab.cli.naming import one_place

if TYPE_CHECKING:
    from rnnlab.explain import Explanation, RunFinding

_EXAMPLES = """\b
Examples:
  rnnlab explain runs/vanishing                 the study's only run
  rnnlab explain runs/lstm/default-1f5ba5b6fd8e
  rnnlab explain runs/lstm --json | jq -r '.findings[].sentence'

\b
Sentences are of three kinds:
  fact      a number that was measured
  reading   what it means, by the rules in rnnlab/explain/rules.py
  advice    what could be done

What the run has not recorded is measured anew from its first and last weights; nothing is written. `rnnlab measure`
records it.
"""

_INDENT = 11


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=_EXAMPLES)(explain)


def explain(run: options.RunPath, runs: options.Runs = Path("runs"), as_json: options.Json = False) -> None:
    """Say in sentences why a run's gradients vanish or explode."""
    from rnnlab.explain import explain_run
    from rnnlab.store import open_run

    opened = open_run(one_place(run, runs))
    opened.verify()
    explanation = explain_run(opened)
    if as_json:
        print(json.dumps(explanation.to_json(), indent=2))
    else:
        print("\n".join(_lines(explanation)))


def _lines(explanation: Explanation) -> Iterator[str]:
    width = text.terminal_width(sys.stdout) or 80
    yield str(explanation.path)
    for question, findings in explanation.by_question():
        yield f"\n{question}"
        for update, its in groupby(findings, key=lambda finding: finding.update):
            if update is not None and len(explanation.updates) > 1:
                yield f"  at update {update}"
            for finding in its:
                yield from _sentence(finding, width)
    yield ""
    yield from textwrap.wrap(_LEGEND, width)


_LEGEND = (
    "In brackets stand the arrays that a sentence comes from; those with a * are not in the run folder: they were "
    "measured for this."
)


def _sentence(finding: RunFinding, width: int) -> list[str]:
    """Set a sentence beside its level, its arrays behind it."""
    arrays = ", ".join(f"{source.array}{'' if source.recorded else '*'}" for source in finding.sources)
    whole = f"{finding.sentence} [{arrays}]" if arrays else finding.sentence
    return textwrap.wrap(
        whole,
        max(width, 40),
        initial_indent=f"  {finding.level:<{_INDENT - 2}}",
        subsequent_indent=" " * _INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )
