"""Telling progress: nothing for --quiet, a bar on a terminal, elsewhere a plain line now and then, for logs."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rnnlab.cli import text

if TYPE_CHECKING:
    from rich.progress import ProgressColumn


@dataclass(frozen=True)
class Standing:
    """How far something has come: what a bar shows, and the same in one line."""

    completed: float
    columns: dict[str, Any]
    """What the bar's columns show, by the names that they are written with: `{task.fields[name]}`."""
    line: str


class Display:
    """Tells nothing."""

    def show(self, standing: Callable[[], Standing]) -> None:
        """Tell how it stands, which is only worked out if it is told."""

    def close(self) -> None:
        """Leave the terminal as it was."""


@dataclass(frozen=True)
class Form:
    """How something's progress looks.

    Attributes:
        total: what `completed` goes up to.
        columns: makes the columns of the bar; only called where there is one, since rich takes time to import.
        first: what they show before anything is told.
        seconds_between_lines: how often a line is written where no person watches a bar.
        at_once: show the bar before anything is told.
    """

    total: float
    columns: Callable[[], Sequence[ProgressColumn]]
    first: dict[str, Any]
    seconds_between_lines: float
    at_once: bool = False


def display(form: Form, *, quiet: bool) -> Display:
    """Choose how to tell progress."""
    if quiet or sys.stderr is None:
        return Display()
    return _Bar(form) if text.is_terminal(sys.stderr) else _Lines(form.seconds_between_lines)


class _Bar(Display):
    """A bar that is gone when it is done."""

    def __init__(self, form: Form) -> None:
        from rich.console import Console
        from rich.progress import Progress

        self._progress = Progress(*form.columns(), console=Console(file=sys.stderr), transient=True)
        self._task = self._progress.add_task("", total=form.total, **form.first)
        if form.at_once:
            self._progress.start()

    def show(self, standing: Callable[[], Standing]) -> None:
        """Move the bar; it appears with the first news."""
        now = standing()
        self._progress.start()
        self._progress.update(self._task, completed=now.completed, **now.columns)

    def close(self) -> None:
        self._progress.stop()


class _Lines(Display):
    """A plain line now and then."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._told = seconds, time.monotonic()

    def show(self, standing: Callable[[], Standing]) -> None:
        """Tell, if it is time again."""
        now = time.monotonic()
        if now - self._told >= self._seconds:
            self._told = now
            print(standing().line, file=sys.stderr, flush=True)
