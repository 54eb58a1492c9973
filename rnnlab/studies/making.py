"""Making the runs of one stack: trained together, measured and published one by one.

This is the only place where a run is made: `train` makes a stack of one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from rnnlab.config import FORMAT_VERSION, Config
from rnnlab.experiment import Prepared, prepare
from rnnlab.flow.group import missing_groups
from rnnlab.store import Machine, RunRecord, StackPlace, Workspace, file_facts, find_run, open_run
from rnnlab.studies.hooks import Hooks, Progress, StoppedError
from rnnlab.studies.provenance import git_here, machine, stamp, versions
from rnnlab.studies.remeasuring import add_quantities
from rnnlab.studies.results import make_results
from rnnlab.studies.threads import one_thread
from rnnlab.studies.training_loop import StackMember, train_stack
from rnnlab.training import Engine


@dataclass(frozen=True)
class Slot:
    """A place in a stack: the run that belongs there, and whether it is still to be made.

    With PyTorch a run that exists keeps its place all the same: the rounding depends on the shape of the stack.
    """

    config: Config
    identity: str
    label: str
    wanted: bool = True
    replacing: Path | None = None


@dataclass(frozen=True)
class Job:
    """What all runs of a stack are made with."""

    study: Path
    engine: Engine
    command: str | None = None
    hooks: Hooks = field(default_factory=Hooks)
    ignore_saved_stack: bool = False
    """Go on from a state that was saved in a stack of another shape; the last digits may then differ."""


@dataclass(frozen=True)
class Made:
    """What became of one slot: its folder, or why there is none."""

    slot: int
    path: Path | None
    error: Exception | None = None
    diverged: bool = False
    existed: bool = False  # another process has finished it since the stack was planned


def make_stack(slots: Sequence[Slot], job: Job) -> Iterator[Made]:
    """Make the wanted runs of a stack; yields each as soon as it is published, or known to be impossible.

    Raises:
        StoppedError: asked to stop; what was done is saved.
        Exception: the stack as a whole cannot be trained.
    """
    started = datetime.now(UTC)
    with one_thread(), ExitStack() as exits:
        prepared = [prepare(slot.config) for slot in slots]
        members = []
        for index, slot in enumerate(slots):
            workspace, made = _claim(index, slot, job, exits)
            if made:
                yield made
            members.append(StackMember(prepared[index].begin(), workspace))
        engine_stamp = stamp(job.engine.name, job.engine.device, job.engine.details)
        ignore_stack = job.ignore_saved_stack or job.engine.any_stack
        parts = _parts(members, job.engine)
        for number, part in enumerate(parts):
            hooks = _hooks_of_part(job.hooks, number, len(parts))
            together = [members[index] for index in part]
            train_stack(job.engine, prepared[0].recipe, together, engine_stamp, hooks, ignore_stack=ignore_stack)
            for index, member in zip(part, together, strict=True):
                if member.workspace is not None:
                    made = _attempt(index, partial(_publish, slots[index], prepared[index], member, job, started))
                    yield replace(made, diverged=member.state.diverged_at is not None)


def _parts(members: Sequence[StackMember], engine: Engine) -> list[list[int]]:
    """Say who trains together: with PyTorch all, whoever is wanted; else those that are, from where they stand.

    A sweep that goes on with other workers cuts its stacks anew, and brings together what was saved at other steps.
    """
    if not any(member.workspace for member in members):
        return []
    if not engine.any_stack:
        return [list(range(len(members)))]
    parts: dict[int, list[int]] = {}
    for index, member in enumerate(members):
        if member.workspace is not None:
            parts.setdefault(member.workspace.latest_state(), []).append(index)
    return list(parts.values())


def _hooks_of_part(hooks: Hooks, number: int, count: int) -> Hooks:
    """Let the progress of one part count as its share of the whole."""
    if count == 1:
        return hooks

    def tell(progress: Progress) -> None:
        whole = number * progress.batches + progress.step
        hooks.on_progress(replace(progress, step=whole, batches=count * progress.batches))

    return replace(hooks, on_progress=tell)


def _claim(index: int, slot: Slot, job: Job, exits: ExitStack) -> tuple[Workspace | None, Made | None]:
    """Take the right to make a run; it may have been finished since the stack was planned."""
    if not slot.wanted:
        return None, None
    workspace = Workspace(job.study, slot.identity, slot.label)
    made = _attempt(index, partial(_complete, slot, job))
    if made.path is None and made.error is None:
        made = _attempt(index, partial(_enter, workspace, slot, exits))
    return (None, replace(made, existed=True)) if made.path or made.error else (workspace, None)


def _complete(slot: Slot, job: Job) -> Path | None:
    """Measure what is wanted of a run that exists and has not got it."""
    existing = None if slot.replacing else find_run(job.study, slot.identity)
    if existing is None:
        return None
    run = open_run(existing.path)
    add_quantities(run, missing_groups(slot.config.record.quantities, run.record.files), job.hooks)
    return existing.path


def _enter(workspace: Workspace, slot: Slot, exits: ExitStack) -> Path | None:
    exits.enter_context(workspace)
    if slot.replacing is not None:
        workspace.begin_replacing()
        return None
    existing = find_run(workspace.study, workspace.identity)
    if existing:
        workspace.discard()
    return existing.path if existing else None


def _attempt(index: int, make: Callable[[], Path | None]) -> Made:
    """Keep one run's failure from its neighbours."""
    try:
        return Made(index, make())
    except StoppedError:
        raise
    except Exception as error:
        return Made(index, None, error)


def _publish(slot: Slot, prepared: Prepared, member: StackMember, job: Job, started: datetime) -> Path:
    """Measure one trained net and write its folder."""
    assert member.workspace is not None
    since = time.perf_counter()
    results = make_results(prepared, member.state, job.hooks)
    measuring = time.perf_counter() - since
    record = RunRecord(
        format=FORMAT_VERSION,
        **results.facts,
        name=slot.config.name,
        label=slot.label,
        seed=slot.config.seed,
        config=slot.config.model_dump(mode="json", exclude={"sweep"}),
        engine=job.engine.name,
        device=job.engine.device,
        threads=1,
        command=job.command,
        git=git_here(),
        versions=versions(),
        machine=Machine(**(machine() | job.engine.details)),
        identity=slot.identity,
        started=started.isoformat(timespec="milliseconds"),
        finished=datetime.now(UTC).isoformat(timespec="milliseconds"),
        seconds=round(member.seconds + measuring, 3),
        seconds_measuring=round(measuring, 3),
        stack=StackPlace(size=member.stack[0], slot=member.stack[1]),
        files={name: file_facts(content) for name, content in results.files.items()},
    )
    return member.workspace.publish(results.files, record, replacing=slot.replacing)
