"""What a sweep and its workers say to each other, as plain data: tasks go in, news come out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SlotTask:
    """One run of a stack, as plain data for the pipe."""

    content: dict[str, object]
    label: str
    wanted: bool
    replacing: str | None = None


@dataclass(frozen=True)
class Task:
    """One stack to make."""

    slots: tuple[SlotTask, ...]
    any_stack: bool = False


@dataclass(frozen=True)
class Setting:
    """What a worker is told once."""

    study: str
    engine: str
    device: str
    command: str | None
    logs: str


@dataclass(frozen=True)
class Moved:
    """Progress: updates made, of how many."""

    step: int
    batches: int


@dataclass(frozen=True)
class Alive:
    """Still at work, between two steps that take long."""


@dataclass(frozen=True)
class Finished:
    """One run is published."""

    slot: int
    diverged: bool


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


@dataclass(frozen=True)
class Ended:
    """The stack is done with; or it was stopped, and what was done is saved."""
