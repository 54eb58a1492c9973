"""Making one run: found if it exists, gone on with if it was interrupted, published whole."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnnlab.config import Config, identity, label
from rnnlab.config.limits import check_memory, memory_of_machine
from rnnlab.experiment import needs_of
from rnnlab.flow.group import missing_groups
from rnnlab.store import DamagedRunError, Run, find_run, open_run, remove_leftovers, write_index
from rnnlab.store.atomic import make_folder
from rnnlab.studies.hooks import Hooks
from rnnlab.studies.making import Job, Slot, make_stack
from rnnlab.studies.remeasuring import add_quantities
from rnnlab.training import make_engine


@dataclass(frozen=True)
class RunOutcome:
    """A finished run, and whether it was made now."""

    run: Run
    made: bool


def run_one(
    config: Config,
    *,
    runs: Path | str = "runs",
    values: Mapping[str, Any] | None = None,
    engine: str = "auto",
    device: str = "cpu",
    force: bool = False,
    command: str | None = None,
    hooks: Hooks | None = None,
) -> RunOutcome:
    """Make the run of a config, unless it exists.

    Args:
        config: what to run.
        runs: the runs folder; the run goes to `<runs>/<name>/<label>-<hash12>`.
        values: what differs from the study's file, by dotted key: the label.
        engine: `auto`, `torch` or `native`.
        device: `cpu`, `cuda` or `auto`.
        force: make it again and replace the one that exists.
        command: what the person typed, for run.json.
        hooks: progress, and when to stop.

    Raises:
        EngineError: there is no such engine or device here, or it cannot train this net.
        TooLargeError: the run does not fit into the memory of this machine.
        RunBusyError: another process is making it.
        DamagedRunError: its folder exists and is damaged.
        RemeasuringError: it exists without quantities that are wanted, and cannot be trained again to the same bits.
        StoppedError: asked to stop; the same call goes on from there.
        OSError: the disk is full, or the folder may not be written.
    """
    trainer = make_engine(engine, device, needs_of(config))
    study, whole = Path(runs) / config.name, identity(config)
    with suppress(OSError):  # what is left over, and perhaps somebody else's
        remove_leftovers(study)
    existing = find_replaceable(study, whole, force=force)
    if existing and not force:
        return _found(existing, config, hooks)
    check_memory(config, memory_of_machine())
    make_folder(study)
    job = Job(study, trainer, command, hooks or Hooks())
    (made,) = make_stack([Slot(config, whole, label(values or {}), replacing=existing)], job)
    if made.error:
        raise made.error
    assert made.path is not None
    with suppress(OSError):  # derived: the run is published
        write_index(study)
    return RunOutcome(open_run(made.path), made=not made.existed)


def _found(folder: Path, config: Config, hooks: Hooks | None) -> RunOutcome:
    """Open a run that exists, with all that the config wants to be recorded.

    Who made it may have been killed before the index knew of it.
    """
    run = open_run(folder)
    add_quantities(run, missing_groups(config.record.quantities, run.record.files), hooks)
    with suppress(OSError):  # derived, and perhaps somebody else's
        index = folder.parent / "index.csv"
        if not index.exists() or index.stat().st_mtime_ns < (folder / "run.json").stat().st_mtime_ns:
            write_index(folder.parent)
    return RunOutcome(open_run(folder), made=False)


def find_replaceable(study: Path, whole: str, *, force: bool) -> Path | None:
    """Give the folder of a run if there is one; a damaged one counts only when it is to be replaced.

    Raises:
        DamagedRunError: it is damaged, and not to be replaced.
    """
    try:
        entry = find_run(study, whole)
    except DamagedRunError as error:
        if not force or error.path is None:
            raise
        return error.path
    return entry.path if entry else None
