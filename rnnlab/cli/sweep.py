"""rnnlab sweep: one config with axes, many runs, unattended."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnnlab.cli import options, text
from rnnlab.cli.recorded import recorded_command
from rnnlab.cli.signals import STOP
from rnnlab.cli.sweep_display import Log, display, standing
from rnnlab.errors import UserError
from rnnlab.extensions import ExtensionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rnnlab.config import Scalar, Sweep
    from rnnlab.studies.planning import SweepPlan
    from rnnlab.studies.policy import Policy, SweepOutcome

_EXAMPLES = """\b
Examples:
  rnnlab sweep weight_scale                      a config of rnnlab's own
  rnnlab sweep weight_scale -n                   list the runs and do nothing
  rnnlab sweep lstm model.hidden_size=16,32 'seed=range(0,5,1)'
  rnnlab sweep lstm 'model.weight_scale=linspace(0.25,2.5,10)'
  rnnlab sweep lstm 'training.learning_rate=geomspace(1e-4,1e-2,3)'
  rnnlab sweep study.yaml --quiet --max-time 5h --log sweep.log      from cron

The same command goes on where it stopped, and does nothing when all is done.
Ctrl-C and SIGTERM keep everything; nothing needs to be unlocked or tidied.
"""

_SHOWN_VALUES = 30  # of an axis

_SHOWN_RUNS = 40
"""Rows of a dry run: enough to see the pattern; --json lists all."""

_Seconds = Annotated[str, typer.Option(metavar="TIME")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=_EXAMPLES)(sweep)


def sweep(
    config: options.ConfigFile,
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY=VALUES", help="Keys and axes: seed=3, seed=1,2,3 or 'seed=range(0,5,1)'."),
    ] = None,
    extensions: options.Extensions = None,
    runs: options.Runs = Path("runs"),
    jobs: Annotated[int | None, typer.Option("--jobs", "-j", min=1, help="Worker processes; as many as cores.")] = None,
    dry_run: options.DryRun = False,
    force: options.Force = False,
    quiet: options.Quiet = False,
    as_json: options.Json = False,
    max_time: Annotated[
        str | None, typer.Option("--max-time", metavar="TIME", help="Stop in time: 5h, 90m, 1h30m; what is left stays.")
    ] = None,
    fail_fast: Annotated[bool, typer.Option("--fail-fast", help="Stop at the first run that fails.")] = False,
    max_failures: Annotated[int | None, typer.Option(min=1, help="Stop when so many runs have failed.")] = None,
    retries: Annotated[
        int, typer.Option(min=0, help="Tries again for a run that crashed (not for one that diverged).")
    ] = 1,
    timeout: Annotated[
        str, typer.Option(metavar="TIME", help="Take a worker for hung that has made no progress for so long.")
    ] = "10m",
    log: Annotated[Path | None, typer.Option("--log", metavar="FILE", help="Keep a log; it may be rotated.")] = None,
    engine: options.EngineName = "auto",
    device: options.Device = "cpu",
    executor: Annotated[
        str, typer.Option("--on", metavar="NAME", help="Where: local, in worker processes; inline, in this one.")
    ] = "local",
) -> None:
    """Train every combination of a config's axes, on all cores."""
    from rnnlab.config import load_sweep
    from rnnlab.studies.planning import plan_sweep

    if fail_fast and max_failures is not None:
        raise typer.BadParameter("choose one of --fail-fast and --max-failures")
    limits = _policy(jobs, retries, 1 if fail_fast else max_failures, max_time, timeout, executor)
    loaded = load_sweep(config, overrides or [], extensions or [])
    plan = plan_sweep(loaded, runs, engine=engine, device=device)
    if not quiet:
        for sentence in loaded.left_aside:
            text.tell(sentence)
    if dry_run:
        _print_plan(loaded, plan, limits.jobs, as_json=as_json)
        return
    outcome = _work(plan, limits, force=force, quiet=quiet, log=log)
    _print_outcome(plan, outcome, quiet=quiet, as_json=as_json)
    if outcome.stopped:
        raise typer.Exit(STOP.exit_code)
    if outcome.failures:
        is_own = all(failure.is_own for failure in outcome.failures)
        raise typer.Exit(ExtensionError.exit_code if is_own else 1)


def _policy(
    jobs: int | None, retries: int, max_failures: int | None, max_time: str | None, timeout: str, executor: str
) -> Policy:
    from rnnlab.studies.executors.local import core_count
    from rnnlab.studies.policy import Policy

    return Policy(
        jobs=jobs or core_count(),
        retries=retries,
        max_failures=max_failures,
        max_seconds=None if max_time is None else seconds(max_time, "--max-time"),
        timeout=seconds(timeout, "--timeout"),
        executor=executor,
    )


def seconds(written: str, option: str) -> float:
    """Read a time: 5h, 90m, 45s, 1h30m, or plain seconds."""
    match = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s?)?", written.strip())
    if match and not written.strip().endswith("s") and match[3] and (match[1] or match[2]):
        unit = "m" if match[1] and not match[2] else "s"
        raise typer.BadParameter(f"got '{written}'; write {written.strip()}{unit}, with its unit", param_hint=option)
    if not match or not any(match.groups()):
        raise typer.BadParameter(f"got '{written}'; valid: a time such as 5h, 90m, 1h30m or 45s", param_hint=option)
    hours, minutes, rest = (float(part or 0) for part in match.groups())
    total = 3600 * hours + 60 * minutes + rest
    if total <= 0:
        raise typer.BadParameter(f"got '{written}'; a time must be longer than nothing", param_hint=option)
    return total


def _work(plan: SweepPlan, limits: Policy, *, force: bool, quiet: bool, log: Path | None) -> SweepOutcome:
    from rnnlab.studies.policy import Watch
    from rnnlab.studies.unattended import run_sweep

    name, lines = plan.study.name, Log(log)
    shown = display(name, quiet=quiet)
    watch = Watch(
        on_news=lambda tally: shown.show(lambda: standing(name, tally)), on_line=lines.write, should_stop=STOP.asked
    )
    command = recorded_command()
    lines.write(f"begin {command}: {len(plan.runs)} runs, {len(plan.to_do)} to do, {limits.jobs} workers")
    try:
        outcome = run_sweep(plan, limits, watch, force=force, command=command)
    except BaseException as error:
        lines.write(f"end: {_reason(error)}")
        raise
    finally:
        shown.close()
    lines.write(f"end {summary_line(outcome)}")
    return outcome


def _reason(error: BaseException) -> str:
    """Say in a line of the log what ended a sweep before its time."""
    if isinstance(error, UserError | OSError):
        return " ".join(str(error).split())
    return "stopped" if isinstance(error, KeyboardInterrupt) else f"a fault of rnnlab itself ({type(error).__name__})"


def _print_plan(loaded: Sweep, plan: SweepPlan, jobs: int, *, as_json: bool) -> None:
    rows = [_plan_row(plan, index) for index in range(len(plan.runs))]
    if as_json:
        print(json.dumps([{"run": name, "state": state} for name, state in rows], indent=1))
        return
    print(f"{plan.study}: {_count(len(plan.runs), 'run')}, {len(plan.existing)} done, {len(plan.to_do)} to do")
    for axis, values in loaded.axes.items():
        print(_axis_line(axis, values))
    if plan.merged or plan.excluded:
        print(f"  merged {plan.merged} that turn out the same, left out {plan.excluded}")
    if plan.to_do:
        print(f"  about {text.duration(plan.seconds / jobs)} with {_count(jobs, 'worker')}, a rough guess")
    print("\n" + text.table(["run", "state"], rows[:_SHOWN_RUNS], width=text.terminal_width(sys.stdout)))
    if len(rows) > _SHOWN_RUNS:
        print(f"... and {len(rows) - _SHOWN_RUNS} more; --json lists all")


def _axis_line(axis: str, values: Sequence[Scalar]) -> str:
    """Write an axis with its values in full, or the first and the last of very many."""
    from rnnlab.config.scalars import write_scalar

    written = [
        write_scalar(value).removesuffix(".0") if isinstance(value, float) else text.cell(value) for value in values
    ]
    if len(written) > _SHOWN_VALUES:
        written = [*written[: _SHOWN_VALUES - 1], "...", written[-1]]
    return text.wrapped(f"  {axis}: {len(values)} ({', '.join(written)})", 80)


def _plan_row(plan: SweepPlan, index: int) -> list[str]:
    run = plan.runs[index]
    state = "damaged" if index in plan.damaged else "to do"
    if index in plan.existing:
        state = "diverged" if plan.existing[index] else "done"
    return [f"{run.label}-{run.identity[:12]}", state]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def summary_line(outcome: SweepOutcome) -> str:
    """Say in a line how a sweep ended."""
    tally = outcome.tally
    parts = [f"{tally.made} made", f"{tally.existed} existed"]
    parts += [f"{tally.diverged} diverged"] if tally.diverged else []
    parts += [f"{tally.failed} failed"] if tally.failed else []
    parts += [f"{tally.left} left to do"] if tally.left else []
    ending = f"; ended early: {outcome.ended_early}" if outcome.ended_early else "; stopped" if outcome.stopped else ""
    return f"{_count(tally.total, 'run')}: {', '.join(parts)} in {text.duration(tally.seconds)}{ending}"


def _print_outcome(plan: SweepPlan, outcome: SweepOutcome, *, quiet: bool, as_json: bool) -> None:
    if as_json:
        print(json.dumps(_as_object(plan, outcome), indent=2))
    elif not quiet:
        print(summary_line(outcome))
        if outcome.tally.left:
            print("The same command goes on from here.")
        print(f"{plan.study}\nnext: rnnlab ls {shlex.quote(str(plan.study))}")
    if outcome.failures:
        print("\n".join(_failure_lines(plan, outcome)), file=sys.stderr)


def _failure_lines(plan: SweepPlan, outcome: SweepOutcome) -> list[str]:
    """Give one compact block: what failed, why, and where to read on."""
    lines = [f"rnnlab sweep {plan.study.name}: {outcome.tally.failed} of {_count(outcome.tally.total, 'run')} failed"]
    for failure in outcome.failures[:10]:
        lines += [f"  {failure.name}", f"    {failure.cause}", f"    log: {failure.log}"]
    more = len(outcome.failures) - 10
    return [*lines, f"  ... and {more} more; their logs stand in the same folder"] if more > 0 else lines


def _as_object(plan: SweepPlan, outcome: SweepOutcome) -> dict[str, Any]:
    tally = outcome.tally
    failures = [{"run": f.name, "cause": f.cause, "log": str(f.log)} for f in outcome.failures]
    return {
        "study": str(plan.study),
        **{
            name: getattr(tally, name) for name in ("total", "existed", "made", "diverged", "failed", "left", "seconds")
        },
        "stopped": outcome.stopped,
        "ended_early": outcome.ended_early,
        "failures": failures,
    }
