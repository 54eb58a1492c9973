"""A whole sweep, unattended: planned, locked, compared with what exists, worked on, and told about.

In the study folder stand, beside the runs: `status.json`, renewed while a sweep works, for monitoring; `index.csv`;
and `logs/`, with a file for each run that failed.
"""

from __future__ import annotations

import os
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from rnnlab.config import Sweep
from rnnlab.errors import UserError
from rnnlab.store import (
    DamagedRunError,
    RunBusyError,
    StoreError,
    StudyLock,
    folder_hashes,
    look_at,
    remove_leftovers,
    short_hash,
    write_index,
)
from rnnlab.store.files import read_json
from rnnlab.studies.messages import Setting
from rnnlab.studies.replacement import Replacement
from rnnlab.studies.reporter import Reporter
from rnnlab.studies.stacks import PlannedRun, plan_runs
from rnnlab.studies.sweeper import Outcome, Policy, Sweeper, Tally, Watch
from rnnlab.training import choose_engine

MOST_RUNS = 100_000
"""More are surely a slip of the pen: at a second each, a hundred thousand take a day of one core."""

_INTRODUCTION_SECONDS = 0.5
"""A sweep writes its status milliseconds after it has taken the lock."""


class SweepError(UserError):
    """A sweep that cannot be begun."""

    exit_code = 2


@dataclass
class Plan:
    """The runs of a sweep, and what there is of them already."""

    study: Path
    engine: str  # torch | native
    device: str
    runs: list[PlannedRun]
    merged: int
    excluded: int
    existing: dict[int, bool] = field(default_factory=dict)  # by place: whether it diverged
    damaged: dict[int, str] = field(default_factory=dict)  # by place: what is wrong
    folders: dict[int, Path] = field(default_factory=dict)

    @property
    def to_do(self) -> list[PlannedRun]:
        """Runs that are neither finished nor damaged."""
        return [run for index, run in enumerate(self.runs) if index not in self.existing and index not in self.damaged]

    @property
    def seconds(self) -> float:
        """A guess at the work to do, on one core."""
        return sum(run.seconds for run in self.to_do)


def plan_sweep(sweep: Sweep, runs: Path, *, engine: str = "auto", device: str = "cpu") -> Plan:
    """List the runs of a sweep and look for each.

    Args:
        sweep: the config with its axes.
        runs: the runs folder.
        engine: `auto`, `torch` or `native`: decided here, once for all workers.
        device: `cpu`, `cuda` or `auto`.

    Raises:
        SweepError: there are too many.
        ConfigError: a combination cannot be run, or none is left.
        EngineError: there is no such engine or device here.
    """
    if sweep.count > MOST_RUNS:
        raise SweepError(
            f"this sweep has {sweep.count:,} combinations, more than the {MOST_RUNS:,} that one sweep takes; "
            "use fewer values, or split it"
        )
    chosen = choose_engine(engine, device)
    if device != "cpu":
        _check_device(chosen, device)
    walk = sweep.walk()
    planned = plan_runs(((run.config, run.values) for run in walk), chosen)
    plan = Plan(runs / sweep.base.name, chosen, device, planned, walk.merged, walk.excluded)
    find_existing(plan)
    return plan


def find_existing(plan: Plan) -> None:
    """Look for every run in the study folder."""
    folders = folder_hashes(plan.study)
    plan.existing, plan.damaged, plan.folders = {}, {}, {}
    for index, run in enumerate(plan.runs):
        folder = folders.get(short_hash(run.identity))
        if folder is None:
            continue
        plan.folders[index], entry = folder, look_at(folder)
        if entry.damage:
            plan.damaged[index] = f"{folder} is damaged: {entry.damage}. Look at it and remove it, or use --force"
        elif entry.info["identity"] == run.identity:
            plan.existing[index] = entry.status == "diverged"


def run_sweep(
    plan: Plan,
    policy: Policy,
    watch: Watch,
    *,
    force: bool = False,
    command: str | None = None,
) -> Outcome:
    """Make what is left of a sweep.

    Args:
        plan: its runs.
        policy: workers, retries, limits.
        watch: progress, log lines, and when to stop.
        force: make everything again, and replace what exists; after an interruption, what is left of that.
        command: what the person typed, for run.json.

    Raises:
        RunBusyError: another sweep works on this study; the message says who.
        StoreError: there is not enough room on the disk.
    """
    study = plan.study.resolve()
    study.mkdir(parents=True, exist_ok=True)
    with _locked(study):
        reporter = Reporter(study, watch, command)
        reporter.begin(Tally(len(plan.runs), existed=len(plan.existing)))  # at once: others are told who holds it
        remove_leftovers(study)  # first: it puts back what an interrupted replacement has moved aside
        find_existing(plan)  # as it is now that nobody else can change it
        replacement = Replacement.begin(study) if force else Replacement.give_up(study)
        replace = _to_replace(plan, replacement) if replacement else {}
        _check_room(plan)
        setting = Setting(str(study), plan.engine, plan.device, command, str(study / "logs"))
        sweeper = Sweeper(plan.runs, plan.existing, plan.damaged, setting, policy, reporter.watch(), replace)
        outcome = sweeper.run()
        reporter.end(outcome)
        if replacement and not outcome.tally.left:
            replacement.end()
        with suppress(OSError):  # derived: on a full disk the failures of the runs are what matters
            write_index(study)
    return outcome


def _to_replace(plan: Plan, replacement: Replacement) -> dict[int, str]:
    """Take what is to be made again out of what exists; gives its folders, by place."""
    plan.existing = {
        index: diverged for index, diverged in plan.existing.items() if replacement.has_made(plan.folders[index])
    }
    plan.damaged = {}
    return {index: str(folder) for index, folder in plan.folders.items() if index not in plan.existing}


@contextmanager
def _locked(study: Path) -> Iterator[None]:
    """Hold the study's lock; a holder that has begun just now is given a moment to say in its status who it is."""
    deadline = time.monotonic() + _INTRODUCTION_SECONDS
    with ExitStack() as exits:
        while True:
            known = _holder_is_known(study) or time.monotonic() >= deadline
            try:
                exits.enter_context(StudyLock(study))
                break
            except RunBusyError:
                if known:
                    raise
            time.sleep(0.01)
        yield


def _holder_is_known(study: Path) -> bool:
    """Tell whether the status is of a sweep that works now, and not what an earlier one has left."""
    try:
        status = read_json(study / "status.json")
        if status["host"] == socket.gethostname():
            os.kill(status["pid"], 0)
        return bool(status["state"] == "running")
    except PermissionError:  # it is alive, and someone else's
        return True
    except (DamagedRunError, KeyError, TypeError, OSError):
        return False


def _check_device(engine: str, device: str) -> None:
    """Say now what every worker would say; for the CPU this is not asked, since it takes all of PyTorch."""
    from rnnlab.training import make_engine

    make_engine(engine, device)


def _check_room(plan: Plan) -> None:
    needed, free = sum(run.bytes for run in plan.to_do), shutil.disk_usage(plan.study).free
    if needed > free:
        raise StoreError(
            f"the {len(plan.to_do)} runs to do need about {needed / 1e9:.1f} GB and {plan.study} has "
            f"{free / 1e9:.1f} GB free; make room, or choose another folder with --runs"
        )
