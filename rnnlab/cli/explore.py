"""rnnlab explore: sliders for the scales of the weights, and at once how the gradient flows."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rnnlab.cli import options
from rnnlab.cli.backend import BACKEND
from rnnlab.cli.signals import STOP
from rnnlab.errors import UserError

if TYPE_CHECKING:
    from rnnlab.explore.model import Explorer, Settings

_END_SECONDS = 0.9
"""A keyboard interrupt ends the server within two, even where a picture is being painted."""

_EXAMPLES = """\b
Examples:
  rnnlab explore vanishing     a window
  rnnlab explore lstm --web    a page for this machine's browser
  rnnlab explore vanishing model.layers=2 task.seq_len=20
  rnnlab explore vanishing --save flow.png --weight-scale 1.5

The scales multiply the weights of the config's seed as drawn at scale 1; one sequence is shown, the first of its
probe sequences. A notebook has the same: from rnnlab.explore import explore (needs rnnlab[notebook]).
"""

WeightScale = Annotated[
    float | None,
    typer.Option("--weight-scale", metavar="X", help="Where weight_scale starts, -5 to 5; else the config's."),
]
BiasScale = Annotated[
    float | None, typer.Option("--bias-scale", metavar="Y", help="Where bias_scale starts, -5 to 5; else the config's.")
]


class ExploreError(UserError):
    """Options that do not go together."""

    exit_code = 2


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=_EXAMPLES)(explore)


def explore(
    config: options.ConfigFile,
    overrides: options.Overrides = None,
    extensions: options.Extensions = None,
    web: Annotated[bool, typer.Option("--web", help="Serve it to a browser, at 127.0.0.1.")] = False,
    port: Annotated[
        int | None,
        typer.Option("--port", metavar="N", min=0, max=65535, help="Of --web; the default is 8988, or a free one."),
    ] = None,
    save: Annotated[
        Path | None, typer.Option("--save", metavar="FILE", help="Write the picture (.png, .svg, .pdf) instead.")
    ] = None,
    weight_scale: WeightScale = None,
    bias_scale: BiasScale = None,
) -> None:
    """Move sliders of weights and biases and see the gradient flow."""
    _check(web=web, port=port, save=save, scales={"--weight-scale": weight_scale, "--bias-scale": bias_scale})
    from rnnlab.config import load_config

    loaded = load_config(config, overrides or [], extensions or [])
    from rnnlab.explore.model import Explorer
    from rnnlab.explore.show import open_window, save_picture

    explorer = Explorer(loaded)
    settings = explorer.start.with_scales(weight_scale, bias_scale)
    if save is not None:
        save_picture(explorer, settings, save)
        print(save)
    elif web:
        _serve(explorer, settings, port)
    else:
        open_window(explorer, settings, STOP.asked, BACKEND.wanted)
    if STOP.asked():
        raise typer.Exit(STOP.exit_code)


def _check(*, web: bool, port: int | None, save: Path | None, scales: dict[str, float | None]) -> None:
    if save is not None and web:
        raise ExploreError("--save writes a file and --web serves a page; choose one of them")
    if port is not None and not web:
        raise ExploreError("--port goes with --web")
    for option, value in scales.items():
        if value is not None:
            _check_scale(option, value)
    if save is not None:
        from rnnlab.explore.show import check_target

        check_target(save)


def _check_scale(option: str, value: float) -> None:
    """Hold a scale to what its slider can show; a config may say more, and then the slider reaches there."""
    from rnnlab.explore.model import HIGHEST_SCALE, LOWEST_SCALE

    if not LOWEST_SCALE <= value <= HIGHEST_SCALE:  # also what is not a number
        got = str(value).removesuffix(".0")
        raise ExploreError(f"{option}: got '{got}'; valid: a number from {LOWEST_SCALE} to {HIGHEST_SCALE}")


def _serve(explorer: Explorer, settings: Settings, port: int | None) -> None:
    from rnnlab.explore.web import serve

    def announce(address: str) -> None:
        print(address, flush=True)
        print("open this address in a browser; Ctrl-C ends it", file=sys.stderr, flush=True)

    with STOP.ending_within(_END_SECONDS):
        serve(explorer, settings, port, announce, STOP.asked)
    sys.stdout.flush()
    os._exit(STOP.exit_code)  # the server is closed; to take PyTorch down in order would take another second
