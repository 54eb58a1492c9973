"""rnnlab tag, rnnlab note: what a person says of a run, kept beside its results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rnnlab.cli import naming, options, text
from rnnlab.errors import UserError

_TAG_EXAMPLES = """\b
Examples:
  rnnlab tag runs/lstm/seed=3 good paper       give a run two tags
  rnnlab tag runs/lstm/seed=3 --remove paper   take one away
  rnnlab tag runs/lstm/@last                   which has it?
  rnnlab ls --where tags=good                  all runs that have it

Tags change nothing of a run: its files, its checksums and its identity are as before.
"""

_NOTE_EXAMPLES = """\b
Examples:
  rnnlab note runs/lstm/seed=3 "the one of figure 2"
  rnnlab note runs/lstm/seed=3                 print it
  rnnlab note runs/lstm/seed=3 ""              take it away
"""


class LabelError(UserError):
    """A word cannot be a tag."""

    exit_code = 2


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(epilog=_TAG_EXAMPLES)(tag)
    app.command(epilog=_NOTE_EXAMPLES)(note)


def tag(
    path: options.RunPath,
    words: Annotated[list[str] | None, typer.Argument(metavar="WORD...", help="The tags; none: print them.")] = None,
    remove: Annotated[list[str] | None, typer.Option(metavar="WORD", help="Take this tag away.")] = None,
    runs: options.Runs = Path("runs"),
) -> None:
    """Give runs tags, or print those that they have."""
    from rnnlab.store import write_index
    from rnnlab.store.labels import read_labels, write_labels

    added, removed = set(words or []), set(remove or [])
    for word in added | removed:
        if not word or any(character in " ,=\t\n" for character in word) or not word.isprintable():
            raise LabelError(f"got '{word}'; valid: a tag is one word, without blanks, commas and '='")
    folders = _runs(path, runs)
    for folder in folders:
        labels = read_labels(folder)
        if added or removed:
            labels = labels.with_tags(added, removed)
            write_labels(folder, labels)
        print(f"{folder}: {' '.join(labels.tags) or text.MISSING}")
    if added or removed:
        for study in dict.fromkeys(folder.parent for folder in folders):
            write_index(study)


def note(
    path: options.RunPath,
    words: Annotated[str | None, typer.Argument(metavar="TEXT", help="The note; none: print it.")] = None,
    runs: options.Runs = Path("runs"),
) -> None:
    """Write a note on a run, or print it."""
    from rnnlab.store import write_index
    from rnnlab.store.labels import read_labels, write_labels

    for folder in _runs(path, runs):
        labels = read_labels(folder)
        if words is not None:
            labels = labels.with_note(words.strip())
            write_labels(folder, labels)
            write_index(folder.parent)
        print(f"{folder}: {labels.note or text.MISSING}")


def _runs(path: Path, runs: Path) -> list[Path]:
    """Give the folders of the runs that are meant.

    Raises:
        MissingRunError: there is none.
    """
    from rnnlab.store import open_run

    folders = [entry.path for place in naming.places(path, runs) for entry in naming.runs_in(place)]
    return folders or [open_run(path).path]
