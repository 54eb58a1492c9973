"""What a sweep is told before it begins, how it talks while it works, and how it ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from rnnlab.studies.failures import Failure


@dataclass(frozen=True)
class Policy:
    """Where and how many at a time, what to do when something fails, and when to stop."""

    jobs: int
    retries: int = 1
    max_failures: int | None = None
    max_seconds: float | None = None
    timeout: float = 600.0
    executor: str = "local"
    """Which of `rnnlab.studies.executors` makes the stacks."""


@dataclass
class Tally:
    """How a sweep stands."""

    total: int
    existed: int = 0
    made: int = 0
    diverged: int = 0  # of those made and those that existed
    failed: int = 0
    running: int = 0
    share: float = 0.0  # of the work that there was to do, 0 to 1
    seconds: float = 0.0  # since the start
    workers: list[int | str] = field(default_factory=list)  # what makes the stacks that are under way

    @property
    def done(self) -> int:
        """Runs that are finished."""
        return self.existed + self.made

    @property
    def left(self) -> int:
        """Runs that are neither finished nor failed."""
        return self.total - self.done - self.failed

    @property
    def seconds_left(self) -> float | None:
        """A guess at the time that the rest takes."""
        return self.seconds * (1 - self.share) / self.share if self.share > 0.01 else None


@dataclass
class Watch:
    """How a sweep talks to whoever started it."""

    on_news: Callable[[Tally], None] = lambda _: None
    on_line: Callable[[str], None] = lambda _: None
    should_stop: Callable[[], bool] = lambda: False


@dataclass
class SweepOutcome:
    """How a sweep ended."""

    tally: Tally
    failures: list[Failure] = field(default_factory=list)
    stopped: bool = False  # by a signal
    ended_early: str | None = None  # why, if the policy ended it
