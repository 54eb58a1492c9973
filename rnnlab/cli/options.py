"""Options that several commands share, so that they mean and say the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rnnlab.cli import text


def find_config(context: typer.Context, given: Path | None) -> Path | None:
    """Find a config that is no file here by its name: `vanishing` is vanishing.yaml, or the one of rnnlab's own."""
    from rnnlab.shipped import shipped_configs

    if given is None or given.is_file():
        return given
    named = given.with_suffix(".yaml") if not given.suffix else given
    if named.is_file():
        found, whose = named, "in this folder"
    else:
        shipped = shipped_configs()
        name = named.with_suffix("").as_posix().removeprefix("configs/").replace("-", "_")
        if name not in shipped:
            return given  # reading it will say what is wrong
        found, whose = shipped[name], "that comes with rnnlab"
    if not context.params.get("quiet"):
        text.tell(f"{given} is taken for the config {found.name} {whose}")
    return found


def _expand_home(given: Path) -> Path:
    """Take `~` as a shell does, which leaves it alone in quotes and in a crontab."""
    try:
        return given.expanduser()
    except RuntimeError:  # no such user
        return given


ConfigFile = Annotated[
    Path,
    typer.Argument(
        metavar="CONFIG",
        callback=find_config,
        help="A YAML file, or the name of a config that comes with rnnlab (rnnlab init lists them).",
    ),
]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(metavar="KEY=VALUE", help="Any key of the config, e.g. model.weight_scale=1.5 or seed=3."),
]
Extensions = Annotated[
    list[str] | None,
    typer.Option(
        "--extension",
        metavar="FILE",
        help="Code of your own, which is executed, besides the config's: a Python file or the name of an installed "
        "extension; may be given again.",
    ),
]
RunPath = Annotated[
    Path,
    typer.Argument(
        metavar="RUN",
        help="A run: its folder, STUDY/seed=3, STUDY/@last, the beginning of its hash; or a study with one run.",
    ),
]
NAMES = "STUDY/seed=3, STUDY/@last, the beginning of a hash."
PathHelp = f"Runs and studies: folders, or {NAMES}"
Runs = Annotated[
    Path,
    typer.Option("--runs", metavar="DIR", envvar="RNNLAB_RUNS", callback=_expand_home, help="The runs folder."),
]
Where = Annotated[
    list[str] | None,
    typer.Option(
        metavar="CONDITION",
        help="Only runs of which this holds: seed=3, status!=diverged, final_loss<0.01; several times: all of it.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout instead of text.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", is_eager=True, help="Print nothing but errors.")]
Force = Annotated[bool, typer.Option("--force", "-f", help="Make a finished run again and replace it.")]
DryRun = Annotated[bool, typer.Option("--dry-run", "-n", help="Say what would be done, and do nothing.")]
EngineName = Annotated[str, typer.Option("--engine", metavar="auto|torch|native", help="What trains.")]
Device = Annotated[
    str, typer.Option("--device", metavar="cpu|cuda|auto", help="Where it trains; nets this small run best on a CPU.")
]
