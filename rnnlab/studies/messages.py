"""What passes the seam between a sweep and whatever makes its stacks, as plain data: a task goes in, news come out.

A task says all that is needed, so that it can be made in a process of its own, on this machine or another.
"""

from __future__ import annotations

from dataclasses import dataclass

from rnnlab.extensions import ExtensionSource


@dataclass(frozen=True)
class TaskSlot:
    """One run of a stack."""

    content: str
    """The run's whole config as JSON: what a frozen Config has written, to be read without any further checks."""
    identity: str
    label: str
    wanted: bool
    """Whether to make it; one that exists may be here to fill its place, since rounding depends on the whole stack."""
    replacing: str | None = None
    """The folder of an earlier run of this identity, which the new one replaces."""


@dataclass(frozen=True)
class StackTask:
    """One stack to make."""

    study: str
    """The study's folder."""
    engine: str
    device: str
    slots: tuple[TaskSlot, ...]
    command: str | None = None
    """What the person typed, for run.json."""
    ignore_saved_stack: bool = False
    """Go on from a state that was saved in a stack of another shape; the last digits may then differ."""
    extensions: tuple[ExtensionSource, ...] = ()
    """The code of the person's own that its configs need, as it was when the sweep was planned."""


@dataclass(frozen=True)
class Moved:
    """Progress: updates made, of how many."""

    step: int
    batches: int


@dataclass(frozen=True)
class Alive:
    """Still at work, between two steps that take long; or still waiting for its turn."""


@dataclass(frozen=True)
class Finished:
    """One run is published, in this folder of the study."""

    slot: int
    folder: str
    existed: bool = False
    """It was there already; at most it was measured more."""


@dataclass(frozen=True)
class Failed:
    """One run, or with slot None the stack as a whole, cannot be made."""

    slot: int | None
    cause: str
    details: str
    hopeless: bool = False
    """Known to fail again: a retry would change nothing."""
    held: bool = False
    """Another process is making it, and may be done soon."""
    is_own: bool = False
    """It is a fault in the person's own code, an extension."""


@dataclass(frozen=True)
class Ended:
    """The stack is done with; or it was stopped, and what was done is saved."""


@dataclass(frozen=True)
class Died:
    """What was making the stack is gone before its end; this is how."""

    cause: str
    details: str = ""
    """What it has printed last."""


Message = Moved | Alive | Finished | Failed | Ended
"""What `rnnlab.studies.stack_maker.make` sends."""

News = Message | Died
"""What an executor tells."""
