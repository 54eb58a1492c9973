"""Making one run: found if it exists, gone on with if it was interrupted, published whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from rnnlab.config import FORMAT_VERSION, Config, identity, label
from rnnlab.store import DamagedRunError, Run, Workspace, find_run, list_runs, open_run, remove_leftovers, write_index
from rnnlab.studies.prepare import prepare
from rnnlab.studies.provenance import git_commit, machine, stamp, versions
from rnnlab.studies.results import make_results
from rnnlab.studies.training import Hooks, Member, train_stack
from rnnlab.training import Engine, make_engine


@dataclass(frozen=True)
class Outcome:
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
) -> Outcome:
    """Make the run of a config, unless it exists.

    Args:
        config: what to run.
        runs: the runs folder; the run goes to `<runs>/<name>/<label>-<hash12>`.
        values: what differs from the study's file, by dotted key: the label.
        engine: `auto` or `torch`.
        device: `cpu`, `cuda` or `auto`.
        force: make it again and replace the one that exists.
        command: what the person typed, for run.json.
        hooks: progress, and when to stop.

    Raises:
        ValueError: no such engine or device here.
        RunBusyError: another process is making it.
        DamagedRunError: its folder exists and is damaged.
        StoppedError: asked to stop; the same call goes on from there.
        OSError: the disk is full, or the folder may not be written.
    """
    hooks, trainer = hooks or Hooks(), make_engine(engine, device)
    study, whole = Path(runs) / config.name, identity(config)
    existing = _existing(study, whole, force=force)
    if existing and not force:
        return Outcome(open_run(existing), made=False)
    study.mkdir(parents=True, exist_ok=True)
    remove_leftovers(study)
    with Workspace(study, whole, label(values or {})) as workspace:
        existing = _existing(study, whole, force=force)  # it may have been finished while we came to the lock
        if existing and not force:
            workspace.discard()
            return Outcome(open_run(existing), made=False)
        if force:
            workspace.drop_states()
        path = _make(config, workspace, existing, trainer, command, hooks)
    write_index(study, list_runs(study))
    return Outcome(open_run(path), made=True)


def _existing(study: Path, whole: str, *, force: bool) -> Path | None:
    """Give the folder of the run if there is one; a damaged one counts only when it is to be replaced."""
    try:
        entry = find_run(study, whole)
    except DamagedRunError as error:
        if not force or error.path is None:
            raise
        return error.path
    return entry.path if entry else None


def _make(
    config: Config, workspace: Workspace, replacing: Path | None, engine: Engine, command: str | None, hooks: Hooks
) -> Path:
    """Train, measure and publish."""
    started = datetime.now(UTC)
    with one_thread():
        prepared = prepare(config)
        member = Member(workspace, prepared.begin())
        train_stack(engine, prepared.recipe, [member], stamp(engine.name, engine.device, (1, 0)), hooks)
        results = make_results(prepared, member.state, hooks)
    finished = datetime.now(UTC)
    info = {
        "format": FORMAT_VERSION,
        **results.facts,
        "identity": workspace.identity,
        "name": config.name,
        "label": workspace.label,
        "seed": config.seed,
        "config": config.model_dump(mode="json", exclude={"sweep"}),
        "started": started.isoformat(timespec="milliseconds"),
        "finished": finished.isoformat(timespec="milliseconds"),
        "seconds": round(member.seconds, 3),
        "engine": engine.name,
        "device": engine.device,
        "threads": 1,
        "command": command,
        "git": git_commit(Path.cwd()),
        "versions": versions(),
        "machine": machine(),
    }
    return workspace.publish(results.files, info, replacing=replacing)


@contextmanager
def one_thread() -> Iterator[None]:
    """Let PyTorch use one thread: on nets this small more threads cost time, and they change the last digits."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
