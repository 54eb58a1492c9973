"""rnnlab measure: more quantities of runs that are finished, in a file of their own beside the others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rnnlab.cli import options, text
from rnnlab.cli.naming import chosen_places
from rnnlab.cli.signals import STOP
from rnnlab.errors import UserError
from rnnlab.flow.group import addable_groups, named_groups

if TYPE_CHECKING:
    from rnnlab.store import Run


def describe_groups() -> str:
    """Give a line for each group: its name and its first arrays."""
    lines = []
    for name, group in addable_groups().items():
        arrays = [quantity.name for quantity in group.quantities if not quantity.is_axis]
        shown = ", ".join(arrays[:3]) + (", ..." if len(arrays) > 3 else "")
        lines.append(f"  {name:<10}  {shown}")
    return "\n".join(lines)


_EXAMPLES = f"""\b
Examples:
  rnnlab measure runs/cumulative-average --quantities lags
  rnnlab measure runs/weight-scale --quantities lyapunov,bounds
  rnnlab measure runs/lstm --quantities all
  rnnlab export runs/cumulative-average --table lags

\b
Groups (rnnlab validate --quantities says what each array is):
{describe_groups()}

A run gains a file for each group, `<group>.npz`, and its numbers in the index; nothing that it has is changed. Without
the weights of its records (record.weights) it is trained again, and refused if its losses are not the same bits.
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=_EXAMPLES)(measure)


def measure(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help=options.PathHelp)],
    quantities: Annotated[
        str, typer.Option(metavar="GROUPS", help="Names of groups, with commas between them; or all.")
    ],
    where: options.Where = None,
    runs: options.Runs = Path("runs"),
    quiet: options.Quiet = False,
) -> None:
    """Measure more of finished runs: lags, exponents, gates."""
    from rnnlab.store import write_index
    from rnnlab.studies.hooks import Hooks, StoppedError
    from rnnlab.studies.remeasuring import add_quantities

    try:
        names = named_groups(quantities)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    hooks = Hooks(should_stop=lambda: STOP.signal is not None)
    failed, studies = 0, set[Path]()
    try:
        for run in _runs(chosen_places(paths, where or [], runs)):
            try:
                added = add_quantities(run, names, hooks)
            except StoppedError:
                raise
            except (UserError, OSError) as error:
                failed += 1
                text.tell(f"{run.path} was not measured: {error}")
                continue
            studies |= {run.path.parent} if added else set()
            if not quiet:
                print(f"{run.path}: {', '.join(added) or 'nothing to add'}")
    finally:  # after a stop, too
        for study in studies:
            write_index(study)
    if failed:
        raise typer.Exit(1)


def _runs(paths: list[Path]) -> list[Run]:
    """Open the runs of some run folders and study folders; damaged ones are named and left out."""
    from rnnlab.store import Run, list_runs, open_run

    runs = []
    for path in paths:
        entries = list_runs(path)
        for entry in entries:
            if entry.found is None:
                text.tell(f"left out: {entry.path} is damaged: {entry.damage}")
            else:
                runs.append(Run(entry))
        if not entries:
            runs.append(open_run(path))
    return runs
