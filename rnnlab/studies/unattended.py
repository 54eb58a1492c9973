"""A whole sweep, unattended: locked, compared with what exists, worked on, and told about.

In the study folder stand, beside the runs: `status.json`, renewed while a sweep works, for monitoring; `index.csv`;
and `logs/`, with a file for each run that failed.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from rnnlab.store import (
    RunBusyError,
    StoreError,
    StudyLock,
    folder_hashes,
    read_status,
    remove_leftovers,
    short_hash,
    write_index,
)
from rnnlab.store.atomic import make_folder
from rnnlab.store.leftovers import is_alive
from rnnlab.studies.executors import EXECUTORS
from rnnlab.studies.planning import SweepPlan, find_existing
from rnnlab.studies.policy import Policy, SweepOutcome, Tally, Watch
from rnnlab.studies.replacement import Replacement
from rnnlab.studies.reporter import Reporter
from rnnlab.studies.resources import check_disk, check_memory
from rnnlab.studies.sweeper import Sweeper

_INTRODUCTION_SECONDS = 0.5
"""A sweep writes its status milliseconds after it has taken the lock."""


def run_sweep(
    plan: SweepPlan,
    policy: Policy,
    watch: Watch,
    *,
    force: bool = False,
    command: str | None = None,
) -> SweepOutcome:
    """Make what is left of a sweep.

    Args:
        plan: its runs.
        policy: where, workers, retries, limits.
        watch: progress, log lines, and when to stop.
        force: make everything again, and replace what exists; after an interruption, what is left of that.
        command: what the person typed, for run.json.

    Raises:
        RunBusyError: another sweep works on this study; the message says who.
        UnknownNameError: there is no such executor.
        TooLargeError: a run does not fit into the memory of where it would be made.
        StoreError: there is not enough room on the disk.
    """
    check_memory(plan.runs if force else plan.to_do, EXECUTORS[policy.executor].memory())
    study = Path(os.path.realpath(plan.study))  # of a loop of links, too, which is then refused by its name
    make_folder(study)
    with _locked(study):
        reporter = Reporter(study, watch, command)
        reporter.begin(Tally(len(plan.runs), existed=len(plan.existing)))  # at once: others are told who holds it
        remove_leftovers(study, alone=True)
        find_existing(plan)  # as it is now that nobody else can change it
        replacement = Replacement.begin(study) if force else Replacement.abandon(study)
        replace = _to_replace(plan, replacement) if replacement else {}
        check_disk(plan.to_do, study)
        outcome = Sweeper(plan, study, policy, reporter.watch(), command, replace).run()
        _check_still_there(plan, study, outcome)
        reporter.end(outcome)
        if replacement and not outcome.tally.left:
            replacement.end()
        with suppress(OSError):  # derived: on a full disk the failures of the runs are what matters
            write_index(study)
    return outcome


def _check_still_there(plan: SweepPlan, study: Path, outcome: SweepOutcome) -> None:
    """Refuse to call a sweep done whose runs were removed meanwhile, as a batch system clears its scratch folders.

    Raises:
        StoreError: some are missing.
    """
    hashes = folder_hashes(study)
    there = sum(short_hash(run.identity) in hashes for run in plan.runs)
    expected = outcome.tally.existed + outcome.tally.made
    if there < expected:
        raise StoreError(
            f"{study} was removed or moved while the sweep worked: of {expected} finished runs {there} are there; "
            "the same command makes what is missing"
        )


def _to_replace(plan: SweepPlan, replacement: Replacement) -> dict[int, str]:
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
    status = read_status(study)
    if status is None or status.state != "running":
        return False
    return status.host != socket.gethostname() or is_alive(status.pid)
