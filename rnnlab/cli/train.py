"""rnnlab train: one config, one run."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rnnlab.cli import options, report, text
from rnnlab.cli.signals import STOP
from rnnlab.shipped import has_axes

if TYPE_CHECKING:
    from rnnlab.config import Config, Scalar
    from rnnlab.store import Run
    from rnnlab.studies.hooks import Hooks, Progress

_SECONDS_BETWEEN_LINES = 10.0
"""How often progress is told where no person watches a bar: a log should show life, not every step."""

_EXAMPLES = """\b
Examples:
  rnnlab train configs/cumulative_average.yaml
  rnnlab train configs/vanishing.yaml seed=1 model.hidden_size=64
  rnnlab train configs/lstm.yaml training.batches=0    initial weights only
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
    runs: options.Runs = Path("runs"),
    engine: options.EngineName = "auto",
    device: options.Device = "cpu",
    force: options.Force = False,
    dry_run: options.DryRun = False,
    quiet: options.Quiet = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the run's run.json on stdout.")] = False,
) -> None:
    """Train one net and record how its gradients flow."""
    from rnnlab.config import changed_values, load_config

    loaded = load_config(config, overrides or [])
    values = changed_values(load_config(config), loaded) if overrides else {}
    if has_axes(config) and not quiet:
        text.tell(f"{config} has axes, which train leaves aside; rnnlab sweep makes all of its runs")
    if dry_run:
        _announce(loaded, values, runs)
        return
    from rnnlab.studies.run import run_one

    display = _display(loaded, quiet=quiet)
    try:
        outcome = run_one(
            loaded,
            runs=runs,
            values=values,
            engine=engine,
            device=device,
            force=force,
            command=shlex.join(["rnnlab", *sys.argv[1:]]),
            hooks=display.hooks(),
        )
    finally:
        display.close()
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


class _Display:
    """Tells nothing: for --quiet."""

    def hooks(self) -> Hooks:
        """Give what run_one calls."""
        from rnnlab.studies.hooks import Hooks

        return Hooks(on_progress=self.show, should_stop=STOP.asked)

    def show(self, progress: Progress) -> None:
        """Tell how far it has come."""

    def close(self) -> None:
        """Tidy up."""


def _display(config: Config, *, quiet: bool) -> _Display:
    if quiet or sys.stderr is None or config.training.batches == 0:
        return _Display()
    return _Bar(config.training.batches) if text.is_terminal(sys.stderr) else _Lines(config.name)


class _Bar(_Display):
    """A bar on a terminal, with loss, steps per second and time left."""

    def __init__(self, batches: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._progress = Progress(
            TextColumn("loss {task.fields[loss]}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]} steps/s"),
            TimeRemainingColumn(compact=True),
            console=Console(file=sys.stderr),
            transient=True,
        )
        self._task = self._progress.add_task("", total=batches, loss="-", rate="-")
        self._first: tuple[float, int] | None = None

    def show(self, progress: Progress) -> None:
        """Move the bar."""
        now = time.monotonic()
        if self._first is None:
            self._first = (now, progress.step)
            self._progress.start()
        since, step = self._first
        rate = f"{(progress.step - step) / (now - since):.0f}" if now > since else "-"
        loss = text.number(progress.losses[0])
        self._progress.update(self._task, completed=progress.step, loss=loss, rate=rate)

    def close(self) -> None:
        """Leave the terminal as it was."""
        self._progress.stop()


class _Lines(_Display):
    """A plain line now and then, for logs."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._started = self._told = time.monotonic()
        self._first: int | None = None

    def show(self, progress: Progress) -> None:
        """Tell, if it is time again."""
        now = time.monotonic()
        if self._first is None:
            self._first, self._started = progress.step, now
        if now - self._told < _SECONDS_BETWEEN_LINES:
            return
        self._told = now
        rate = (progress.step - self._first) / max(now - self._started, 1e-9)
        left = f", {text.duration((progress.batches - progress.step) / rate)} left" if rate > 0 else ""
        print(
            f"{self._name}: update {progress.step} of {progress.batches}, "
            f"loss {text.number(progress.losses[0])}, {rate:.0f} steps/s{left}",
            file=sys.stderr,
            flush=True,
        )
