"""rnnlab init: the configs that come with rnnlab."""

from __future__ import annotations

import re
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
  rnnlab init --extension             an example of code of your own: mine.py
"""

_EXAMPLE = Path(__file__).with_name("example.py")
_EXAMPLE_NAME = "mine"


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
    extension: Annotated[
        bool,
        typer.Option(
            "--extension", help="Write NAME.py, an example of code of your own, and NAME.yaml, which uses it."
        ),
    ] = False,
    force: Annotated[bool, typer.Option("--force", "-f", help="Replace the file if it exists.")] = False,
) -> None:
    """List the configs that come with rnnlab, or copy one."""
    if extension:
        if destination is not None:
            raise typer.BadParameter(f"--extension writes NAME.py and NAME.yaml; got also the FILE {destination}")
        _write_example(Path(name or _EXAMPLE_NAME), force=force)
        return
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
    _check_free(target, force=force)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(shipped[wanted].read_bytes())
    command = "sweep" if has_axes(target) else "train"
    print(f"{target}\nnext: rnnlab {command} {shlex.quote(str(target))}")


def _check_free(target: Path, *, force: bool) -> None:
    if target.exists() and not force:
        raise InitError(f"{target} exists; name another file, or replace it with --force")


def _write_example(where: Path, *, force: bool) -> None:
    """Write the example of an extension and its config beside each other."""
    stem = where.with_suffix("") if where.suffix in {".py", ".yaml"} else where
    contents = {
        stem.with_name(f"{stem.name}{example.suffix}"): example.read_text(encoding="utf-8")
        for example in (_EXAMPLE, _EXAMPLE.with_suffix(".yaml"))
    }
    for target in contents:
        _check_free(target, force=force)
    stem.parent.mkdir(parents=True, exist_ok=True)
    for target, content in contents.items():
        target.write_text(re.sub(rf"\b{_EXAMPLE_NAME}(?=\.(?:py|yaml)\b)", stem.name, content), encoding="utf-8")
        print(target)
    print(f"next: rnnlab sweep {shlex.quote(str(stem.with_name(f'{stem.name}.yaml')))}")


def question(file: Path) -> str:
    """Give the first line of a config, which is the question that it asks."""
    return file.read_text(encoding="utf-8").split("\n", 1)[0].lstrip("# ")
