"""rnnlab graph: the unrolled computation graph of a config's net, and how its gradients run through it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from rnnlab.cli import options

_EXAMPLES = """\b
Examples:
  rnnlab graph cumulative_average
  rnnlab graph two_layers --format svg --out graph.svg
  rnnlab graph cumulative_average task.seq_len=3 --paths U
  rnnlab graph lstm --format dot | dot -Tpdf > graph.pdf

Nodes: log10 ||dL/dh_t||; edges: the norm of the step's Jacobian; at the initial weights.
More than 20 timesteps or 4 layers are abridged, and the figure says so; dot is always whole.
"""

_FORMATS = ("png", "svg", "pdf", "dot")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=_EXAMPLES)(graph)


def graph(
    config: options.ConfigFile,
    overrides: options.Overrides = None,
    extensions: options.Extensions = None,
    paths: Annotated[
        str | None, typer.Option(metavar="U|W|b", help="Count and mark the paths from a parameter to the loss.")
    ] = None,
    file_format: Annotated[
        str | None,
        typer.Option(
            "--format", metavar="png|svg|pdf|dot", help="Kind of file; else what --out ends in says it, or png."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Where to; NAME-graph.png, dot goes to stdout.")
    ] = None,
    style: Annotated[str, typer.Option(metavar="paper|screen|dark", help="Colours and sizes.")] = "screen",
) -> None:
    """Draw the unrolled graph of a net with its gradients."""
    from rnnlab.config import load_config
    from rnnlab.figures.saving import format_of
    from rnnlab.figures.style import find_style, render, using
    from rnnlab.graph.dot import write_dot
    from rnnlab.graph.drawing import draw_graph
    from rnnlab.graph.unrolled import make_graph
    from rnnlab.store.atomic import write_bytes

    looks, kind = find_style(style), format_of(file_format, str(out or ""), _FORMATS)
    made = make_graph(load_config(config, overrides or [], extensions or []))
    if paths is not None:
        print(f"{made.path_count(paths):,} paths from {paths} to L", file=sys.stderr)
    if kind == "dot" and out is None:
        print(write_dot(made), end="")
        return
    target = out or Path(f"{made.name}-graph.{kind}")
    if kind == "dot":
        content = write_dot(made).encode()
    else:
        with using(looks):
            content = render(draw_graph(made, looks, paths), kind)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(target, content, durable=False)
    print(target)
