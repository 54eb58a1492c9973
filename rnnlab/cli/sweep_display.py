"""What a sweep tells while it works: a bar on a terminal, a line now and then elsewhere, and a log file."""

from __future__ import annotations

import logging
import logging.handlers
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rnnlab.cli import text

if TYPE_CHECKING:
    from rnnlab.studies.policy import Tally

_SECONDS_BETWEEN_LINES = 60.0


class Display:
    """Tells nothing: for --quiet."""

    def show(self, tally: Tally) -> None:
        """Tell how the sweep stands."""

    def close(self) -> None:
        """Tidy up."""


def display(name: str, *, quiet: bool) -> Display:
    """Choose how to tell progress."""
    if quiet:
        return Display()
    return _Bar(name) if text.is_terminal(sys.stderr) else _Lines(name)


def _counts(tally: Tally) -> str:
    parts = [f"{tally.running} running"]
    parts += [f"{tally.diverged} diverged"] if tally.diverged else []
    parts += [f"{tally.failed} failed"] if tally.failed else []
    return ", ".join(parts)


def _time_left(tally: Tally) -> str:
    return "" if tally.seconds_left is None else f"about {text.duration(tally.seconds_left)} left"


class _Bar(Display):
    """A bar of the work done, with runs done, running, diverged, failed, and the time left."""

    def __init__(self, name: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        columns = [
            TextColumn(f"{text.shorten(name, 20)} {{task.fields[runs]}}"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[counts]}  {task.fields[left]}"),
        ]
        self._progress = Progress(*columns, console=Console(file=sys.stderr), transient=True)
        self._task = self._progress.add_task("", total=1.0, runs="", counts="starting", left="")
        self._progress.start()

    def show(self, tally: Tally) -> None:
        """Move the bar."""
        runs = f"{tally.done}/{tally.total}"
        self._progress.update(
            self._task, completed=tally.share, runs=runs, counts=_counts(tally), left=_time_left(tally)
        )

    def close(self) -> None:
        """Leave the terminal as it was."""
        self._progress.stop()


class _Lines(Display):
    """A plain line now and then."""

    def __init__(self, name: str) -> None:
        self._name, self._told = name, time.monotonic()

    def show(self, tally: Tally) -> None:
        """Tell, if it is time again."""
        now = time.monotonic()
        if now - self._told >= _SECONDS_BETWEEN_LINES:
            self._told = now
            parts = [f"{tally.done} of {tally.total} done", _counts(tally), _time_left(tally)]
            print(f"{self._name}: {', '.join(filter(None, parts))}", file=sys.stderr, flush=True)


class _PatientHandler(logging.handlers.WatchedFileHandler):
    """A log that cannot be written (a full disk, a folder that is gone) is no reason to stop, nor to talk of it."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line, if that is possible now."""
        with suppress(OSError):
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """Leave the line out."""


class Log:
    """A log file that may be moved away under us (logrotate): it is opened again by its name."""

    def __init__(self, path: Path | None) -> None:
        self._logger: logging.Logger | None = None
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            handler = _PatientHandler(path, encoding="utf-8")
            handler.setFormatter(logging.Formatter("%(asctime)s %(process)d %(message)s"))
            self._logger = logging.Logger("rnnlab.sweep")
            self._logger.addHandler(handler)

    def write(self, line: str) -> None:
        """Add a line."""
        if self._logger is not None:
            self._logger.info(line)
