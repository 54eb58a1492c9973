"""Training a stack of runs through any engine: going on from saved states, saving, reporting, stopping in time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np

from rnnlab.errors import UserError
from rnnlab.store import DamagedRunError, Workspace
from rnnlab.training import Engine, NetState, Recipe, Session

_ADVANCE_SECONDS = 0.1
"""Updates are made about this long at a time: the most that a stop has to wait, and how often progress is told."""

_SAVE_SECONDS = 1.0
_SAVE_SHARE = 0.02
"""States are saved about once a second, or less often where that would take more than 2 % of the time."""


class StoppedError(UserError):
    """The person, or the machine, asked for a stop; what was done is saved."""

    def __init__(self) -> None:
        super().__init__("stopped; what was done is saved, and the same command goes on from there")


@dataclass(frozen=True)
class Progress:
    """How far a stack has come."""

    step: int
    batches: int
    losses: list[float]
    """The most recent loss of each net."""


@dataclass(frozen=True)
class Hooks:
    """How a run talks to whoever started it."""

    on_progress: Callable[[Progress], None] = lambda _: None
    should_stop: Callable[[], bool] = lambda: False

    def stop_if_asked(self) -> None:
        """Raise StoppedError if a stop is asked for."""
        if self.should_stop():
            raise StoppedError


@dataclass
class Member:
    """One run of a stack in training."""

    workspace: Workspace
    state: NetState
    seconds: float = field(default=0.0)
    """Time spent on it so far, in this process and before."""


def train_stack(
    engine: Engine, recipe: Recipe, members: Sequence[Member], stamp: Mapping[str, object], hooks: Hooks
) -> None:
    """Train the members to their end, from their saved states where all have one of the same step.

    Args:
        engine: what trains.
        recipe: what the members have in common.
        members: the runs, each at its beginning; their states are replaced by where they end.
        stamp: what a saved state must have been made with (engine, device, versions) to be gone on from.
        hooks: progress, and when to stop.

    Raises:
        StoppedError: asked to stop; the states are saved.
    """
    saver = _Saver(members, json.dumps(stamp, sort_keys=True))
    saver.resume()
    session = engine.open(recipe, [member.state for member in members])
    updates = 1
    while session.step < recipe.batches:
        if hooks.should_stop():
            saver.save(session)
            raise StoppedError
        started = time.perf_counter()
        session.advance(updates)
        taken = time.perf_counter() - started
        updates = _next_updates(updates, taken)
        hooks.on_progress(Progress(session.step, recipe.batches, session.last_losses()))
        if saver.is_due():
            saver.save(session)
    session.advance(0)  # with no batches at all, this records the initial weights
    saver.take(session)


def _next_updates(updates: int, taken: float) -> int:
    """Choose how many updates to make at a time; at most twice as many as before, since clocks are noisy."""
    fitting = int(updates * _ADVANCE_SECONDS / max(taken, 1e-6))
    return max(1, min(fitting, 2 * updates))


class _Saver:
    """Keeps the states of a stack: all of one step before any of the step before is dropped."""

    def __init__(self, members: Sequence[Member], stamp: str) -> None:
        self._members, self._stamp = members, stamp
        self._since = self._due_from = time.perf_counter()
        self._wait = _SAVE_SECONDS

    def is_due(self) -> bool:
        return time.perf_counter() - self._due_from >= self._wait

    def take(self, session: Session) -> None:
        """Bring the members up to where the session stands."""
        now = time.perf_counter()
        for member, state in zip(self._members, session.states(), strict=True):
            member.state = state
            member.seconds += (now - self._since) / len(self._members)
        self._since = now

    def save(self, session: Session) -> None:
        started = time.perf_counter()
        self.take(session)
        for member in self._members:
            member.workspace.save_state(session.step, self._arrays(member))
        for member in self._members:
            member.workspace.drop_states(keep=session.step)
        self._due_from = time.perf_counter()
        self._wait = max(_SAVE_SECONDS, (self._due_from - started) / _SAVE_SHARE)

    def _arrays(self, member: Member) -> dict[str, np.ndarray]:
        return member.state.to_arrays() | {"stamp": np.array(self._stamp), "seconds": np.array(member.seconds)}

    def resume(self) -> None:
        """Go to the latest step of which every member has a whole state made under the same stamp."""
        steps = set.intersection(*(set(member.workspace.state_steps()) for member in self._members))
        for step in sorted(steps, reverse=True):
            with suppress(DamagedRunError, KeyError, ValueError):
                loaded = [member.workspace.load_state(step) for member in self._members]
                if all(str(arrays["stamp"]) == self._stamp for arrays in loaded):
                    self._restore(loaded)
                    return

    def _restore(self, loaded: Sequence[Mapping[str, np.ndarray]]) -> None:
        for member, arrays in zip(self._members, loaded, strict=True):
            member.state.restore(arrays)
            member.seconds = float(arrays["seconds"])
