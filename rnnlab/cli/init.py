"""rnnlab init: the configs that come with rnnlab."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from rnnlab.cli import text
from rnnlab.errors import UserError
from rnnlab.shipped import has_axes, shipped_configs
from rnnlab.words import unknown_name

_EXAMPLES = """\b
Examples:
  rnnlab init                         list them
  rnnlab init vanishing               copy one to ./vanishing.yaml
  rnnlab init lstm studies/mine.yaml  copy it there
"""


class InitError(UserError):
    """There is no such config, or the file exists."""

    exit_code = 2


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=_EXAMPLES)(init)


def init(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Which config; none: list them.")] = None,
    destination: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="Where to copy it; the default is ./NAME.yaml.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", "-f", help="Replace the file if it exists.")] = False,
) -> None:
    """List the configs that come with rnnlab, or copy one."""
    shipped = shipped_configs()
    if name is None:
        rows = [[known, question(file)] for known, file in shipped.items()]
        print(text.table(["config", "the question it asks"], rows))
        return
    wanted = name.removesuffix(".yaml").replace("-", "_")
    if wanted not in shipped:
        raise InitError(unknown_name("config", name, shipped))
    target = destination or Path(f"{Path(wanted).name}.yaml")
    if target.is_dir():
        target /= f"{Path(wanted).name}.yaml"
    if target.exists() and not force:
        raise InitError(f"{target} exists; name another file, or replace it with --force")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(shipped[wanted].read_bytes())
    command = "sweep" if has_axes(target) else "train"
    print(f"{target}\nnext: rnnlab {command} {shlex.quote(str(target))}")


def question(file: Path) -> str:
    """Give the first line of a config, which is the question that it asks."""
    return file.read_text(encoding="utf-8").split("\n", 1)[0].lstrip("# ")
