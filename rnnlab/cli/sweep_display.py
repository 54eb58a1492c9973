"""What a sweep tells while it works: a bar on a terminal, a line now and then elsewhere, and a log file."""

from __future__ import annotations

import logging
import logging.handlers
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rnnlab.cli import progress, text
from rnnlab.cli.progress import Display, Form, Standing

if TYPE_CHECKING:
    from rich.progress import ProgressColumn

    from rnnlab.studies.policy import Tally

_SECONDS_BETWEEN_LINES = 60.0


def display(name: str, *, quiet: bool) -> Display:
    """Choose how to tell a sweep's progress: on a terminal a bar of the work done."""
    first = {"runs": "", "counts": "starting", "left": ""}
    form = Form(1.0, lambda: _columns(name), first, _SECONDS_BETWEEN_LINES, at_once=True)
    return progress.display(form, quiet=quiet)


def _columns(name: str) -> list[ProgressColumn]:
    from rich.progress import BarColumn, TextColumn

    return [
        TextColumn(f"{text.shorten(name, 20)} {{task.fields[runs]}}"),
        BarColumn(bar_width=None),
        TextColumn("{task.fields[counts]}  {task.fields[left]}"),
    ]


def standing(name: str, tally: Tally) -> Standing:
    """Say how a sweep stands: runs done, running, diverged, failed, and the time left."""
    counts = [f"{tally.running} running"]
    counts += [f"{tally.diverged} diverged"] if tally.diverged else []
    counts += [f"{tally.failed} failed"] if tally.failed else []
    told = ", ".join(counts)
    left = "" if tally.seconds_left is None else f"about {text.duration(tally.seconds_left)} left"
    parts = [f"{tally.done} of {tally.total} done", told, left]
    columns = {"runs": f"{tally.done}/{tally.total}", "counts": told, "left": left}
    return Standing(tally.share, columns, f"{name}: {', '.join(filter(None, parts))}")


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
