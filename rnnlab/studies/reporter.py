"""What a sweep tells the world while it works: status.json, renewed for monitoring, and the index of the study."""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from rnnlab.store import SweepStatus, write_index, write_status
from rnnlab.studies.policy import SweepOutcome, Tally, Watch

State = Literal["running", "finished", "stopped", "ended early"]

_STATUS_SECONDS = 2.0

_INDEX_SECONDS = 60.0
_INDEX_SHARE = 0.02
"""The index is written anew once a minute, or less often where that would take more than 2 % of the time."""


class Reporter:
    """Keeps status.json and the index up to date while a sweep works."""

    def __init__(self, study: Path, watch: Watch, command: str | None) -> None:
        self._study, self._watch = study, watch
        self._about: dict[str, Any] = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "started": _now(),
            "command": command,
        }
        self._status_due = self._index_due = time.monotonic()
        self._index_due += _INDEX_SECONDS

    def begin(self, tally: Tally) -> None:
        """Say that it is about to begin."""
        self._write("running", tally)

    def watch(self) -> Watch:
        """Give what the sweep calls."""
        return Watch(self._news, self._watch.on_line, self._watch.should_stop)

    def _news(self, tally: Tally) -> None:
        self._watch.on_news(tally)
        now = time.monotonic()
        if now >= self._status_due:
            self._status_due = now + _STATUS_SECONDS
            self._write("running", tally)
        if now >= self._index_due:
            with suppress(OSError):
                write_index(self._study)
            self._index_due = time.monotonic() + max(_INDEX_SECONDS, (time.monotonic() - now) / _INDEX_SHARE)

    def end(self, outcome: SweepOutcome) -> None:
        """Say how it ended."""
        state: State = "stopped" if outcome.stopped else "ended early" if outcome.ended_early else "finished"
        self._write(state, outcome.tally)

    def _write(self, state: State, tally: Tally) -> None:
        status = SweepStatus(
            **self._about,
            state=state,
            updated=_now(),
            total=tally.total,
            existed=tally.existed,
            made=tally.made,
            diverged=tally.diverged,
            failed=tally.failed,
            running=tally.running,
            share=tally.share,
            seconds=tally.seconds,
            done=tally.done,
            left=tally.left,
            seconds_left=tally.seconds_left,
            workers=tally.workers,
        )
        with suppress(OSError):  # on a full disk the runs themselves will fail, and say so
            write_status(self._study, status)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
