"""What a sweep tells while it works: a bar on a terminal, a line now and then elsewhere, and a log file."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import datetime
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


class Log:
    """A log file, opened anew by its name for each line: it may be moved away under us (logrotate).

    One that cannot be written any more (a full disk, a folder that is gone) is no reason to stop, nor to talk of it.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.open("ab").close()

    def write(self, line: str) -> None:
        """Add a line, if that is possible now; unbuffered, so that nothing is left to fail when the file is closed."""
        if self._path is not None:
            stamp = datetime.now().isoformat(" ", "milliseconds").replace(".", ",")
            with suppress(OSError), self._path.open("ab", buffering=0) as file:
                file.write(f"{stamp} {os.getpid()} {line}\n".encode())
