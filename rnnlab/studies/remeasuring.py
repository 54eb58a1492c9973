"""Measuring more quantities of a run that is finished: it gains a file for each group, and nothing of it changes.

What is measured needs the weights of every recorded step. Where the run has not kept them (`record.weights`), it is
trained again, which takes a tenth of a second for a default run: the losses must be the same bits, else these would
be the weights of another training.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from rnnlab.experiment import Prepared, prepare
from rnnlab.flow.group import GROUPS
from rnnlab.nets import pack
from rnnlab.store import Run, StoreError, Workspace, look_at
from rnnlab.store.atomic import json_bytes, npz_bytes, write_bytes
from rnnlab.store.leftovers import tidy
from rnnlab.store.record import file_facts
from rnnlab.studies.hooks import Hooks
from rnnlab.studies.results import measure_groups
from rnnlab.studies.threads import one_thread
from rnnlab.studies.training_loop import next_updates
from rnnlab.training import NetState, make_engine


class RemeasuringError(StoreError):
    """A run cannot be measured again; the message says why, and what would help."""


def add_quantities(run: Run, names: Sequence[str], hooks: Hooks | None = None) -> list[str]:
    """Measure those of some groups that a finished run has not got.

    A file is written under a hidden name and renamed; it counts from when run.json, which is replaced last, names it.

    Args:
        run: the finished run.
        names: of groups of quantities.
        hooks: when to stop.

    Returns:
        The names of the groups that were added.

    Raises:
        UnknownNameError: there is no such group.
        RunBusyError: another process is making this run, or measuring it.
        RemeasuringError: it cannot be trained again, or not to the same bits.
        DamagedRunError: the run is not whole.
        StoppedError: asked to stop.
        OSError: the disk is full, or the folder may not be written.
    """
    hooks = hooks or Hooks()
    if run.record.is_watched:
        raise RemeasuringError(
            "it was recorded from a training loop of your own, which rnnlab cannot go through again; a Recorder keeps "
            "what every run records, and no more"
        )
    tidy(run.path)
    if not [name for name in names if GROUPS[name].file not in run.record.files]:
        return []
    with _claimed(run), one_thread():
        record = look_at(run.path).record  # as it is now that nobody else can change it
        missing = [name for name in names if GROUPS[name].file not in record.files]
        prepared = prepare(run.config)
        snapshots_RP, update_norms = _trained(run, prepared, missing, hooks)
        groups, flags = measure_groups(prepared, snapshots_RP, record.diverged_at, missing, hooks, update_norms)
        summary, files = dict(record.summary), dict(record.files)
        for name, arrays in groups.items():
            content = npz_bytes(arrays)
            write_bytes(run.path / GROUPS[name].file, content)
            files[GROUPS[name].file] = file_facts(content)
            summary |= GROUPS[name].summarise({**run.metrics, **arrays}, record.floors)
        all_flags = list(dict.fromkeys([*record.flags, *flags]))
        changed = record.model_copy(update={"summary": summary, "files": files, "flags": all_flags})
        write_bytes(run.path / "run.json", json_bytes(changed.to_json()))
    return missing


@contextmanager
def _claimed(run: Run) -> Iterator[None]:
    """Hold the right to make this run; what an interrupted --force has saved there stays for it to go on from."""
    with Workspace(run.path.parent, run.identity, run.record.label) as workspace:
        try:
            yield
        finally:
            if not workspace.state_steps() and not workspace.is_replacing:
                workspace.discard()


def _trained(run: Run, prepared: Prepared, names: Sequence[str], hooks: Hooks) -> tuple[np.ndarray, np.ndarray | None]:
    """Give the weights of every recorded step, (R, P) float32, and the norms of the updates where these are asked."""
    prefix = "snapshots/"
    kept = {name.removeprefix(prefix): array for name, array in run.weights.items() if name.startswith(prefix)}
    if kept and not any(GROUPS[name].of_training for name in names):
        return pack(kept, prepared.architecture), None
    state = _train_again(run, prepared, hooks)
    return state.snapshots_RP, state.update_norms


def _train_again(run: Run, prepared: Prepared, hooks: Hooks) -> NetState:
    session = make_engine(run.record.engine, run.record.device).open(prepared.recipe, [prepared.begin()])
    updates = 1
    while session.step < prepared.recipe.batches:
        hooks.stop_if_asked()
        started = time.perf_counter()
        session.advance(updates)
        updates = next_updates(updates, time.perf_counter() - started)
    session.advance(0)  # with no batches at all, this records the initial weights
    (state,) = session.states()
    if state.losses.tobytes() != run.metrics["loss"].tobytes():
        raise RemeasuringError(
            "the weights of its records were not kept, and trained again here its losses are not the same bits "
            f"(it was made by the {run.record.engine} engine with {run.record.machine.instructions}, in a stack "
            f"of {run.record.stack.size}); make it again with record.weights=true"
        )
    return state
