"""rnnlab critical: the weight scale at which gradients of the initial net neither vanish nor explode."""

from __future__ import annotations

import json
import math
import sys
import textwrap
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from rnnlab.cli import options, text
from rnnlab.cli.progress import Form, Standing, display
from rnnlab.cli.signals import STOP

if TYPE_CHECKING:
    from rich.progress import ProgressColumn

    from rnnlab.explain import CriticalScales, SeedScale

_EXAMPLES = """\b
Examples:
  rnnlab critical weight_scale
  rnnlab critical weight_scale model.nonlinearity=relu --seeds 20
  rnnlab critical lstm --range 1 30
  rnnlab critical gru --json | jq .median

\b
The scale multiplies all matrices of the recurrent net, as model.weight_scale
does, whose value does not count here. Sought is where the leading exponent is
zero on sequences of the task. Beside it stands what the spectrum of W_hh says
alone: 1/rho, right for linear nets, and 1/sigma: below it gradients vanish.
"""

_SECONDS_BETWEEN_LINES = 10.0


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=_EXAMPLES)(critical)


def critical(
    config: options.ConfigFile,
    overrides: options.Overrides = None,
    extensions: options.Extensions = None,
    seeds: Annotated[
        int, typer.Option(min=1, max=10_000, help="How many initial nets, from the config's seed on.")
    ] = 5,
    between: Annotated[
        tuple[float, float], typer.Option("--range", metavar="LOW HIGH", help="The scales to look between.")
    ] = (1 / 16, 16.0),
    quiet: options.Quiet = False,
    as_json: options.Json = False,
) -> None:
    """Find the scale at which gradients neither vanish nor explode."""
    from rnnlab.config import load_config
    from rnnlab.explain import find_critical_scales
    from rnnlab.explain.critical import nets_to_measure

    low, high = between
    if not 0 < low < high < math.inf:
        raise typer.BadParameter(f"--range takes two scales, 0 < LOW < HIGH; got {low:g} and {high:g}")
    loaded = load_config(config, overrides or [], extensions or [])
    shown, started = _CountedNets(nets_to_measure(seeds, low, high), quiet=quiet or as_json), time.perf_counter()
    try:
        found = find_critical_scales(loaded, seeds, low=low, high=high, on_nets=shown.on_nets)
    finally:
        shown.close()
    if as_json:
        print(json.dumps(found.to_json(), indent=2))
    elif not quiet:
        print("\n".join(_lines(found, time.perf_counter() - started)))


def _lines(found: CriticalScales, seconds: float) -> Iterator[str]:
    yield f"{_headline(found)} ({text.duration(seconds)})"
    yield ""
    yield text.table(["seed", "critical scale", "+-", "1/rho", "1/sigma"], [_row(each) for each in found.seeds])
    yield ""
    for sentence in _remarks(found):
        yield textwrap.fill(sentence, text.terminal_width(sys.stdout) or 80)


def _headline(found: CriticalScales) -> str:
    count = len(found.seeds)
    if found.median is None:
        low, high = found.scanned[0], found.scanned[-1]
        return f"no critical weight scale between {low:g} and {high:g} for any of {count} seeds"
    if count == 1:
        return f"critical weight scale {text.number(found.median)} for seed {found.seeds[0].seed}"
    crossed = (
        f"{count} seeds" if len(found.scales) == count else f"the {len(found.scales)} of {count} seeds that have one"
    )
    spread = f"{text.number(found.scales[0])} to {text.number(found.scales[-1])}"
    return f"critical weight scale {text.number(found.median)}: the median of {crossed}, {spread}"


def _row(each: SeedScale) -> list[object]:
    inverse = [None if not value else 1 / value for value in (each.spectral_radius, each.spectral_norm)]
    known = each.stderr if math.isfinite(each.stderr) else None
    return [each.seed, each.scale, None if known is None else text.number(known, 1), *inverse]


def _remarks(found: CriticalScales) -> Iterator[str]:
    """Say what the numbers are of, and what is unusual about some seeds."""
    from rnnlab.explain.critical import SEQUENCES, TIMESTEPS, WASHOUT

    yield (
        f"There the leading exponent of the initial net is zero, along {SEQUENCES} sequences of the task joined to "
        f"{TIMESTEPS} timesteps, the first {WASHOUT} not counted; +- is what its standard error moves the scale by."
    )
    yield from _unusual(found)


def _unusual(found: CriticalScales) -> Iterator[str]:
    """Tell of seeds that have no crossing, or more than one, or one downwards; those that are alike together."""
    low, high = found.scanned[0], found.scanned[-1]
    for stays, sign in (("vanish", -1), ("explode", 1)):
        seeds = [each.seed for each in found.seeds if not each.crossings and sign * each.exponents[0] >= 0]
        if seeds:
            yield f"{_seeds(seeds)}: none from {low:g} to {high:g}; gradients {stays} at every scale of the scan."
    for each in found.seeds:
        if len(each.crossings) > 1:
            others = ", ".join(text.number(one.scale) for one in each.crossings[1:])
            yield f"{_seeds([each.seed])}: the exponent changes its sign again at {others}."
    jumps = [each.seed for each in found.seeds if each.crossings and each.crossings[0].jumps]
    if jumps:
        yield f"{_seeds(jumps)}: there the exponent jumps; on one side gradients die altogether, or leave float64."
    falls = [each.seed for each in found.seeds if each.crossings and not each.crossings[0].rises]
    if falls:
        yield f"{_seeds(falls)}: gradients explode below the scale, and vanish above."


def _seeds(seeds: list[int]) -> str:
    shown = ", ".join(map(str, seeds[:10])) + (", ..." if len(seeds) > 10 else "")
    return f"Seed {shown}" if len(seeds) == 1 else f"Seeds {shown}"


class _CountedNets:
    """Tells how many nets have been measured, and hears the signals."""

    def __init__(self, total: int, *, quiet: bool) -> None:
        self._total, self._done = total, 0
        self._display = display(Form(total, _columns, {}, _SECONDS_BETWEEN_LINES), quiet=quiet)

    def on_nets(self, count: int) -> None:
        """Count some more."""
        if STOP.asked():
            raise typer.Abort
        self._done += count
        line = f"{self._done} of about {self._total} nets measured"
        self._display.show(lambda: Standing(min(self._done, self._total), {}, line))

    def close(self) -> None:
        """Leave the terminal as it was."""
        self._display.close()


def _columns() -> list[ProgressColumn]:
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

    return [TextColumn("nets"), BarColumn(bar_width=None), MofNCompleteColumn(), TimeRemainingColumn(compact=True)]
