"""Whether runs fit: into the memory of where they are made, and onto the disk; asked before any is started."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from rnnlab.config.limits import TooLargeError, memory_problem
from rnnlab.store import StoreError, short_hash
from rnnlab.studies.stacks import PlannedRun
from rnnlab.words import bytes_text

_MOST_PROBLEMS = 10  # what is wrong with one run is often wrong with a thousand


def check_memory(runs: Sequence[PlannedRun], available: int | None) -> None:
    """See that each run fits into so many bytes, if that is known.

    Raises:
        TooLargeError: some do not; the message has a line for each of the first ten.
    """
    if available is None:
        return
    large = [run for run in runs if run.memory > available]
    lines = [
        f"{memory_problem(run.config(), available)} (in the run {run.label}-{short_hash(run.identity)})"
        for run in large[:_MOST_PROBLEMS]
    ]
    if len(large) > _MOST_PROBLEMS:
        lines.append(f"... and {len(large) - _MOST_PROBLEMS} more runs")
    if lines:
        raise TooLargeError("\n".join(lines))


def check_disk(runs: Sequence[PlannedRun], folder: Path) -> None:
    """See that there is room for runs on the disk of a folder.

    Raises:
        StoreError: there is not.
    """
    needed, free = sum(run.bytes for run in runs), shutil.disk_usage(folder).free
    if needed > free:
        raise StoreError(
            f"the {len(runs)} runs to do need about {bytes_text(needed)} and {folder} has "
            f"{bytes_text(free)} free; make room, or choose another folder with --runs"
        )
