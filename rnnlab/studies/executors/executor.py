"""What an executor is, and the registry of those that there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from rnnlab.registry import Registry
from rnnlab.studies.messages import News, StackTask


@dataclass(frozen=True, eq=False)
class Handle:
    """A stack that has been submitted; each is another, whatever it says."""

    where: int | str
    """What makes it, for people and monitors: the id of a process, the name of a cluster's job."""


class Executor(Protocol):
    """Somewhere to make stacks. Declare one in a file of this folder with `@EXECUTORS.register`.

    Args:
        jobs: how many stacks to make at a time, at most.
        logs: a folder for files that tell what went wrong; what an executor puts there, it removes.
        should_stop: whether the sweep must end now, for an executor whose `news` itself works for long.
    """

    name: ClassVar[str]
    """What `rnnlab sweep --on` calls it."""
    meaning: ClassVar[str]
    """Where stacks are made, in a few words for the help."""

    def __init__(self, jobs: int, logs: Path, should_stop: Callable[[], bool]) -> None: ...

    @property
    def capacity(self) -> int:
        """How many stacks may be under way at a time; no more are submitted."""

    @staticmethod
    def memory() -> int | None:
        """Give the bytes of memory where a stack is made; None where that is not known beforehand."""

    def submit(self, task: StackTask) -> Handle:
        """Have a stack made, now or later, by `rnnlab.studies.stack_maker.make`."""

    def news(self, seconds: float) -> Iterator[tuple[Handle, News]]:
        """Wait for news, at most about so long, and give all that there are.

        Of each stack the last is Ended or Died. A stack that waits for its turn is Alive, or it is taken for hung.
        """

    def cancel(self, handle: Handle, reason: str) -> None:
        """End a stack at once; it Died for this reason."""

    def stop(self, seconds: float) -> Iterator[tuple[Handle, News]]:
        """Let every stack save what it has and end, within so many seconds; then end them. Gives the last news."""


EXECUTORS: Registry[type[Executor]] = Registry("executor", __package__)
"""Every executor by its name."""
