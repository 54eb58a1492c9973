"""How a run talks to whoever started it: progress goes out, the wish to stop comes in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rnnlab.errors import UserError


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
