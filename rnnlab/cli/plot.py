"""rnnlab plot: pictures of one run, of several, or of a sweep."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from rnnlab.cli import options, text
from rnnlab.cli.naming import chosen_places

if TYPE_CHECKING:
    from rnnlab.figures.choosing import Chosen

_EXAMPLES = """\b
Examples:
  rnnlab plot runs/cumulative-average                     a run, in one figure
  rnnlab plot runs/lstm --kind flow --format pdf --style paper
  rnnlab plot runs/weight-scale                           a sweep, all kinds
  rnnlab plot runs/weight-scale --x weight_scale --y final_gradient_slope
  rnnlab plot runs/nightly --kind phase --hue final_loss  two axes, and colour
  rnnlab plot runs/one-layer runs/two-layers --kind loss  several, overlaid

\b
Kinds of one run (default: {default}):
{run_kinds}
or any quantity by its name:
{quantities}

\b
Kinds of several runs (default: all that fit):
{sweep_kinds}
or a quantity with curves, by its name or its group's.
Further axes are told by --hue and --panel; in a phase, by --panel alone.

Curves are medians over the runs that the axes leave together, bands hold the middle half of them.
Figures go to runs/<name>/figures/; their paths are printed on stdout.
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(cls=_PlotCommand)(plot)


class _PlotCommand(TyperCommand):
    """The command, whose help is written from the kinds that there are: only when it is asked for."""

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write what stands below the options."""
        from rnnlab.figures.forms import drawable
        from rnnlab.figures.kind import RUN_KINDS, SWEEP_KINDS

        self.epilog = _EXAMPLES.format(
            default=next(iter(RUN_KINDS)),
            run_kinds="\n".join(f"  {kind.name:<13}{kind.help}" for kind in RUN_KINDS.values()),
            quantities=textwrap.fill(", ".join(drawable()), 76, initial_indent="  ", subsequent_indent="  "),
            sweep_kinds="\n".join(f"  {kind.name:<13}{kind.help}" for kind in SWEEP_KINDS.values()),
        )
        super().format_epilog(ctx, formatter)


def plot(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help=options.PathHelp)],
    kind: Annotated[str | None, typer.Option(metavar="KIND", help="One kind of figure only; listed below.")] = None,
    x: Annotated[str | None, typer.Option("--x", metavar="AXIS", help="What goes across.")] = None,
    y: Annotated[str | None, typer.Option("--y", metavar="NAME", help="What goes upward.")] = None,
    hue: Annotated[str | None, typer.Option(metavar="NAME", help="What is told by colour.")] = None,
    panel: Annotated[str | None, typer.Option(metavar="AXIS", help="What has a panel for each value.")] = None,
    file_format: Annotated[
        str | None,
        typer.Option("--format", metavar="png|svg|pdf", help="Kind of file; else what --out ends in says it, or png."),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(
            "--out", "-o", metavar="PREFIX", help="What the files' names begin with; of one figure, the name: flow.pdf."
        ),
    ] = None,
    style: Annotated[str, typer.Option(metavar="paper|screen|dark", help="Colours and sizes.")] = "screen",
    where: options.Where = None,
    runs: options.Runs = Path("runs"),
    quiet: options.Quiet = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list of what was written.")] = False,
) -> None:
    """Draw figures of a run, of several runs or of a sweep."""
    from rnnlab.figures.choosing import choose_runs, draw_figures
    from rnnlab.figures.saving import format_of, save, target_of
    from rnnlab.figures.style import FORMATS, find_style, using
    from rnnlab.figures.wish import Wish

    looks, kind_of_file = find_style(style), format_of(file_format, out, FORMATS)
    chosen = choose_runs(chosen_places(paths, where or [], runs), text.tell)
    target = target_of(out, chosen.folder)
    written = []
    with using(looks):
        for drawn in draw_figures(chosen, Wish(kind, x, y, hue, panel), looks, text.tell):
            written.append(save(drawn, target, kind_of_file))
            if not (quiet or as_json):
                print(written[-1])
    if as_json:
        _print_json(written, chosen, kind_of_file)


def _print_json(written: list[Path], chosen: Chosen, file_format: str) -> None:
    print(
        json.dumps([{"path": str(path), "format": file_format, "runs": len(chosen.runs)} for path in written], indent=2)
    )
