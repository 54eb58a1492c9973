"""Each stack is made by the process that asks for it: for a debugger or a profiler, which no worker is in reach of."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

from rnnlab.config.limits import memory_of_machine
from rnnlab.studies.executors.executor import EXECUTORS, Handle
from rnnlab.studies.messages import Died, Message, News, StackTask


@EXECUTORS.register
class InlineExecutor:
    """Makes a stack when it is asked for news, and tells them all afterwards; a crash takes everything with it."""

    name: ClassVar[str] = "inline"
    meaning: ClassVar[str] = "this process itself, one stack after another"

    def __init__(self, jobs: int, logs: Path, should_stop: Callable[[], bool]) -> None:  # noqa: ARG002 (all have them)
        self.capacity = 1
        self._should_stop = should_stop
        self._submitted: deque[tuple[Handle, StackTask]] = deque()
        self._count = 0

    @staticmethod
    def memory() -> int | None:
        """Give that of this machine."""
        return memory_of_machine()

    def submit(self, task: StackTask) -> Handle:
        """Keep it until `news`."""
        self._count += 1
        handle = Handle(f"stack {self._count}")
        self._submitted.append((handle, task))
        return handle

    def news(self, seconds: float) -> Iterator[tuple[Handle, News]]:  # noqa: ARG002 (it takes as long as it takes)
        """Make what was submitted."""
        from rnnlab.studies.stack_maker import make

        while self._submitted:
            handle, task = self._submitted.popleft()
            messages: list[Message] = []
            make(task, messages.append, self._should_stop)
            for message in messages:
                yield handle, message

    def cancel(self, handle: Handle, reason: str) -> None:
        """Do nothing: a stack is done before anybody could ask."""

    def stop(self, seconds: float) -> Iterator[tuple[Handle, News]]:  # noqa: ARG002
        """Give up what was submitted."""
        while self._submitted:
            yield self._submitted.popleft()[0], Died("the sweep has stopped")
