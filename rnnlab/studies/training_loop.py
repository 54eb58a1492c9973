"""Training a stack of runs through any engine: going on from saved states, saving, reporting, stopping in time."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from rnnlab.store import DamagedRunError, Workspace
from rnnlab.studies.hooks import Hooks, Progress, StoppedError
from rnnlab.training import Engine, NetState, Recipe, Session

_ADVANCE_SECONDS = 0.1
"""Updates are made about this long at a time: the most that a stop has to wait, and how often progress is told."""

_SAVE_SECONDS = 1.0
_SAVE_SHARE = 0.02
"""States are saved about once a second, or less often where that would take more than 2 % of the time."""


@dataclass
class StackMember:
    """One net of a stack in training; without a workspace it only fills its place, and nothing of it is kept."""

    state: NetState
    workspace: Workspace | None
    seconds: float = 0.0  # spent on it so far, in this process and before
    stack: tuple[int, int] = (1, 0)  # how many nets train together, and which of them this is


def train_stack(
    engine: Engine,
    recipe: Recipe,
    members: Sequence[StackMember],
    stamp: Mapping[str, object],
    hooks: Hooks,
    *,
    ignore_stack: bool = False,
) -> None:
    """Train the members to their end, from their saved states where all have one of the same step.

    Args:
        engine: what trains.
        recipe: what the members have in common.
        members: the nets, each at its beginning; their states are replaced by where they end.
        stamp: what a saved state must have been made with (engine, device, versions) to be gone on from.
        hooks: progress, and when to stop.
        ignore_stack: go on also from states saved in a stack of another shape.

    Raises:
        StoppedError: asked to stop; the states are saved.
    """
    saver = _Saver(members, json.dumps(stamp, sort_keys=True), recipe.optimizer.remembered)
    saver.resume(ignore_stack=ignore_stack)
    session = engine.open(recipe, [member.state for member in members])
    updates = 1
    while session.step < recipe.batches:
        if hooks.should_stop():
            saver.save(session)
            raise StoppedError
        started = time.perf_counter()
        session.advance(updates)
        updates = next_updates(updates, time.perf_counter() - started)
        hooks.on_progress(Progress(session.step, recipe.batches, session.last_losses()))
        finished = session.step == recipe.batches
        if saver.is_due(finished=finished):
            saver.save(session, durable=not finished)
    session.advance(0)  # with no batches at all, this records the initial weights
    saver.take(session)


def next_updates(updates: int, taken: float) -> int:
    """Choose how many updates to make at a time; at most twice as many as before, since clocks are noisy."""
    fitting = int(updates * _ADVANCE_SECONDS / max(taken, 1e-6))
    return max(1, min(fitting, 2 * updates))


class _Saver:
    """Keeps the states of a stack: all of one step are on the disk before any of the step before is dropped."""

    def __init__(self, members: Sequence[StackMember], stamp: str, moments: Sequence[str] = ()) -> None:
        self._members, self._stamp, self._moments = members, stamp, set(moments)
        self._kept = [(member, member.workspace) for member in members if member.workspace is not None]
        for slot, member in enumerate(members):
            member.stack = (len(members), slot)
        self._since = self._saved_at = time.perf_counter()
        self._wait = _SAVE_SECONDS

    def is_due(self, *, finished: bool = False) -> bool:
        """Tell whether to save; a finished training is kept sooner, since measuring a large stack takes its time."""
        wait = self._wait / 4 if finished else self._wait
        return time.perf_counter() - self._saved_at >= wait

    def take(self, session: Session) -> None:
        """Bring the members up to where the session stands."""
        now = time.perf_counter()
        for member, state in zip(self._members, session.states(), strict=True):
            member.state = state
            member.seconds += (now - self._since) / len(self._members)
        self._since = now

    def save(self, session: Session, *, durable: bool = True) -> None:
        """Save all; what is not waited for on the disk leaves the states before it: soon the run is published."""
        started = time.perf_counter()
        self.take(session)
        for member, workspace in self._kept:
            workspace.save_state(session.step, self._arrays(member), durable=durable)
        for _, workspace in self._kept if durable else ():
            workspace.settle()
        for _, workspace in self._kept if durable else ():
            workspace.drop_states(keep=session.step)
        self._saved_at = time.perf_counter()
        self._wait = max(_SAVE_SECONDS, (self._saved_at - started) / _SAVE_SHARE)

    def _arrays(self, member: StackMember) -> dict[str, np.ndarray]:
        return member.state.to_arrays() | {
            "stamp": np.array(self._stamp),
            "stack": np.array(member.stack),
            "seconds": np.array(member.seconds),
        }

    def resume(self, *, ignore_stack: bool) -> None:
        """Go to the latest step of which every member has a whole state made under the same stamp."""
        steps = set.intersection(*(set(workspace.state_steps()) for _, workspace in self._kept))
        for step in sorted(steps, reverse=True):
            with suppress(DamagedRunError, KeyError, TypeError, ValueError):
                loaded = [workspace.load_state(step) for _, workspace in self._kept]
                if all(self._fits(m, arrays, ignore_stack) for (m, _), arrays in zip(self._kept, loaded, strict=True)):
                    self._restore(loaded, step)
                    return

    def _fits(self, member: StackMember, arrays: Mapping[str, np.ndarray], ignore_stack: bool) -> bool:
        same_stack = ignore_stack or tuple(arrays["stack"].tolist()) == member.stack
        return same_stack and str(arrays["stamp"]) == self._stamp

    def _restore(self, loaded: Sequence[Mapping[str, np.ndarray]], step: int) -> None:
        """Go there with all or with none: a state may turn out damaged half way through."""
        restored = []
        for (member, _), arrays in zip(self._kept, loaded, strict=True):
            state = copy.copy(member.state)
            state.restore(arrays)
            seconds = float(arrays["seconds"])
            fits = state.step == step and (state.diverged_at or 0) <= state.losses.size and seconds >= 0
            if not fits or (step and set(state.moments) != self._moments):
                raise ValueError(f"it is not the state of update {step}")
            restored.append((member, state, seconds))
        for member, state, seconds in restored:
            member.state, member.seconds = state, seconds
        for member in self._members:
            member.state.step = step  # those that only fill their place go along
