"""rnnlab train: one config, one run."""

from __future__ import annotations

import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rnnlab.cli import options, report, text
from rnnlab.cli.progress import Form, Standing, display
from rnnlab.cli.recorded import recorded_command
from rnnlab.cli.signals import STOP

if TYPE_CHECKING:
    from rich.progress import ProgressColumn

    from rnnlab.config import Config, Scalar
    from rnnlab.store import Run
    from rnnlab.studies.hooks import Hooks, Progress

_SECONDS_BETWEEN_LINES = 10.0
"""How often progress is told where no person watches a bar: a log should show life, not every step."""

_EXAMPLES = """\b
Examples:
  rnnlab train vanishing                       a config of rnnlab's own
  rnnlab train vanishing.yaml                  a file
  rnnlab train vanishing seed=1 model.hidden_size=64
  rnnlab train lstm training.batches=0         initial weights only
  rnnlab train study.yaml --quiet                      only errors are printed
  rnnlab train runs/lstm/default-*/config.yaml         that run again

The same command goes on where it was stopped, and does nothing when the run exists.
rnnlab validate --keys lists every key.
"""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=_EXAMPLES)(train)


def train(
    config: options.ConfigFile,
    overrides: options.Overrides = None,
    extensions: options.Extensions = None,
    runs: options.Runs = Path("runs"),
    engine: options.EngineName = "auto",
    device: options.Device = "cpu",
    force: options.Force = False,
    dry_run: options.DryRun = False,
    quiet: options.Quiet = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the run's run.json on stdout.")] = False,
) -> None:
    """Train one net and record how its gradients flow."""
    from rnnlab.config import load_run

    read = load_run(config, overrides or [], extensions or [])
    loaded, values = read.config, read.changed
    if read.has_axes and not quiet:
        text.tell(f"{config} has axes, which train leaves aside; rnnlab sweep makes all of its runs")
    if not quiet:
        for sentence in read.left_aside:
            text.tell(sentence)
    if dry_run:
        _announce(loaded, values, runs)
        return
    from rnnlab.studies.run import run_one

    shown = _ShownProgress(loaded, quiet=quiet)
    try:
        outcome = run_one(
            loaded,
            runs=runs,
            values=values,
            engine=engine,
            device=device,
            force=force,
            command=recorded_command(),
            hooks=shown.hooks(),
        )
    finally:
        shown.close()
    if as_json:
        _print_json(outcome.run)
    elif not quiet:
        _print_outcome(outcome.run, made=outcome.made)


def _announce(config: Config, values: dict[str, Scalar], runs: Path) -> None:
    """Say what a run would be."""
    from rnnlab.config import identity, label, write_config
    from rnnlab.store import find_run

    whole = identity(config)
    entry = find_run(runs / config.name, whole)
    where = entry.path if entry else runs / config.name / f"{label(values)}-{whole[:12]}"
    print(f"{'exists already' if entry else 'to be made'}: {where}\n")
    print(write_config(config), end="")


def _print_json(run: Run) -> None:
    import json

    print(json.dumps({"path": str(run.path), **run.record.to_json()}, indent=2))


def _print_outcome(run: Run, *, made: bool) -> None:
    if not made:
        print(f"{run.path} exists: {report.outcome_line(run)}. Nothing to do; --force makes it again.")
        return
    lines = [report.outcome_line(run), "", *report.fact_lines(run), "", *report.gradient_lines(run)]
    print("\n".join(lines))
    print(f"\n{run.path}\nnext: rnnlab show {shlex.quote(str(run.path))}")


class _ShownProgress:
    """The hooks of a run: tells loss, steps per second and time left, and hears the signals."""

    def __init__(self, config: Config, *, quiet: bool) -> None:
        self._name = config.name
        first = {"loss": "-", "rate": "-"}
        form = Form(config.training.batches, _columns, first, _SECONDS_BETWEEN_LINES)
        self._display = display(form, quiet=quiet or config.training.batches == 0)
        self._first: tuple[float, int] | None = None

    def hooks(self) -> Hooks:
        """Give what run_one calls."""
        from rnnlab.studies.hooks import Hooks

        return Hooks(on_progress=self._show, should_stop=STOP.asked)

    def _show(self, progress: Progress) -> None:
        now = time.monotonic()
        self._first = self._first or (now, progress.step)
        since, step = self._first
        rate = (progress.step - step) / max(now - since, 1e-9)
        self._display.show(lambda: self._standing(progress, rate))

    def _standing(self, progress: Progress, rate: float) -> Standing:
        loss = text.number(progress.losses[0])
        left = f", {text.duration((progress.batches - progress.step) / rate)} left" if rate > 0 else ""
        line = f"{self._name}: update {progress.step} of {progress.batches}, loss {loss}, {rate:.0f} steps/s{left}"
        return Standing(progress.step, {"loss": loss, "rate": f"{rate:.0f}" if rate > 0 else "-"}, line)

    def close(self) -> None:
        """Leave the terminal as it was."""
        self._display.close()


def _columns() -> list[ProgressColumn]:
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

    return [
        TextColumn("loss {task.fields[loss]}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]} steps/s"),
        TimeRemainingColumn(compact=True),
    ]
