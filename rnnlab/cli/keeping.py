"""rnnlab rm, mv, pack, unpack: runs thrown away and brought back, renamed, sent to somebody."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from rnnlab.cli import naming, options, text
from rnnlab.errors import UserError
from rnnlab.words import bytes_text

_RM_EXAMPLES = """\b
Examples:
  rnnlab rm runs/lstm/seed=3           move a run to runs/.rnnlab-trash
  rnnlab rm runs/lstm                  a study with all its runs
  rnnlab rm runs/lstm --where status=diverged
  rnnlab mv runs/.rnnlab-trash/lstm runs/     bring it back
  rnnlab rm runs/.rnnlab-trash --now          empty the trash

What is being made is refused. On a terminal it asks first, unless --yes is given.
"""

_MV_EXAMPLES = """\b
Examples:
  rnnlab mv runs/lstm/seed=3 best         another label: best-<hash>
  rnnlab mv runs/lstm/best runs/chosen    to another study
  rnnlab mv runs/lstm lstm-old            a study, renamed
  rnnlab mv runs/.rnnlab-trash/lstm runs/        out of the trash

A run's folder always ends in its hash, by which `train` and `sweep` know that it exists.
"""

_PACK_EXAMPLES = """\b
Examples:
  rnnlab pack runs/lstm                    lstm.tar.gz, to be sent to somebody
  rnnlab pack runs/lstm --where tags=good -o good.tar.gz
  rnnlab unpack lstm.tar.gz                there: into runs/, verified
"""

_UNPACK_EXAMPLES = """\b
Examples:
  rnnlab unpack lstm.tar.gz
  rnnlab unpack lstm.tar.gz --runs /data/runs

A run is taken if every byte is that of its checksum, and if it is not there already.
"""


class KeepingError(UserError):
    """Something is in the way, or nobody has agreed."""

    exit_code = 2


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(epilog=_RM_EXAMPLES)(rm)
    app.command(epilog=_MV_EXAMPLES)(mv)
    app.command(epilog=_PACK_EXAMPLES)(pack)
    app.command(epilog=_UNPACK_EXAMPLES)(unpack)


def rm(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help=options.PathHelp)],
    where: options.Where = None,
    now: Annotated[bool, typer.Option("--now", help="Remove it for good, past the trash.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    runs: options.Runs = Path("runs"),
) -> None:
    """Move runs or studies to the trash."""
    from rnnlab.store import keeping

    folders = []
    for folder in naming.chosen_places(paths, where or [], runs):
        folders += keeping.in_trash(folder.parent) if folder.name == keeping.TRASH else [folder]
    if not folders:
        print("There is nothing in the trash.")
        return
    for folder in folders:
        keeping.require_own(folder)
    if not yes:
        _ask(folders, now=now)
    for folder in folders:
        target = keeping.remove(folder, now=now)
        print(f"{folder} is removed" if target is None else f"{folder} -> {target}")


def _ask(folders: list[Path], *, now: bool) -> None:
    """Ask on a terminal; elsewhere only what can be brought back goes without a word.

    Raises:
        KeepingError: nobody can be asked.
        Abort: the answer is no.
    """
    what = f"{folders[0]}" if len(folders) == 1 else f"{len(folders)} folders, {folders[0]} to {folders[-1]},"
    if text.is_terminal(sys.stdin) and text.is_terminal(sys.stderr):
        question = f"Remove {what} for good?" if now else f"Move {what} to the trash?"
        typer.confirm(text.printable(question), abort=True, err=True)
    elif now:
        raise KeepingError(f"--now removes {what} for good, and nobody can be asked here; add --yes if that is meant")


def mv(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH... TARGET", help="What, and where to.")],
    runs: options.Runs = Path("runs"),
) -> None:
    """Rename runs or studies, or move runs to another study."""
    from rnnlab.store import keeping
    from rnnlab.store.folders import is_run_folder

    *sources, target = paths
    if not sources:
        raise typer.BadParameter("name what to move, and where to")
    target = naming.find_folder(target, runs) or target
    folders = naming.chosen_places(sources, [], runs)
    if len(folders) > 1 and not target.is_dir():
        raise KeepingError(f"{len(folders)} folders go to one that exists; {target} does not")
    for source in folders:
        # A study goes into a folder of runs that exists, as with mv, and never into another study.
        into = target.is_dir() and not is_run_folder(source) and not naming.runs_in(target)
        goal = target / source.name if into else target
        print(f"{source} -> {keeping.move(source, goal)}")


def pack(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help=options.PathHelp)],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="The archive; else NAME.tar.gz here.")
    ] = None,
    where: options.Where = None,
    force: Annotated[bool, typer.Option("--force", "-f", help="Replace the file if it exists.")] = False,
    runs: options.Runs = Path("runs"),
) -> None:
    """Put runs or a study into one file, to be sent to somebody."""
    from rnnlab.store import MissingRunError, packing

    folders = naming.chosen_places(paths, where or [], runs)
    entries = [entry for folder in folders for entry in naming.entries_in(folder)]
    if not entries:
        raise MissingRunError(f"{folders[0]} holds no runs; rnnlab ls shows what there is")
    studies = list(dict.fromkeys(entry.path.resolve().parent.name for entry in entries))
    target = out or Path(f"{studies[0] if len(studies) == 1 else 'runs'}.tar.gz")
    if not target.name.endswith((".tar.gz", ".tgz")):
        raise KeepingError(f"got '{target}'; valid: a name that ends in .tar.gz")
    if target.exists() and not force:
        raise KeepingError(f"{target} exists; name another file with --out, or replace it with --force")
    size = packing.pack([entry.path for entry in entries], target)
    print(f"{target}: {len(entries)} run{'' if len(entries) == 1 else 's'}, {bytes_text(size)}")
    print(f"next, where it goes: rnnlab unpack {shlex.quote(target.name)}")


def unpack(
    archive: Annotated[Path, typer.Argument(metavar="FILE", help="What rnnlab pack has written.")],
    runs: options.Runs = Path("runs"),
) -> None:
    """Take runs out of a file that was packed, each byte verified."""
    from rnnlab.store import packing

    if not archive.is_file():
        raise KeepingError(f"there is no file {archive}")
    result = packing.unpack(archive, runs)
    for path in result.made:
        print(path)
    existed = f", {len(result.existed)} existed" if result.existed else ""
    text.tell(f"{len(result.made)} taken{existed}")
    for reason in result.refused:
        text.tell(f"not taken: {reason}")
    if result.refused:
        raise typer.Exit(2)
