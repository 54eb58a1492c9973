"""Options that several commands share, so that they mean and say the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ConfigFile = Annotated[Path, typer.Argument(metavar="CONFIG", help="A YAML file; rnnlab init lists ready ones.")]
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
RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, or a study folder with one run.")]
Runs = Annotated[Path, typer.Option("--runs", metavar="DIR", envvar="RNNLAB_RUNS", help="The runs folder.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout instead of text.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
Force = Annotated[bool, typer.Option("--force", "-f", help="Make a finished run again and replace it.")]
DryRun = Annotated[bool, typer.Option("--dry-run", "-n", help="Say what would be done, and do nothing.")]
EngineName = Annotated[str, typer.Option("--engine", metavar="auto|torch|native", help="What trains.")]
Device = Annotated[
    str, typer.Option("--device", metavar="cpu|cuda|auto", help="Where it trains; nets this small run best on a CPU.")
]
