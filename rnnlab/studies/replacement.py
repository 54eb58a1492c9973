"""Making every run of a study again with --force, also over several starts.

A mark in the study says since when. A run that was finished later is one of the new ones, and stays when the same
command goes on after an interruption. The mark goes when nothing is left to do, or when a sweep without --force shows
that somebody has changed their mind.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rnnlab.store import DamagedRunError, look_at
from rnnlab.store.atomic import json_bytes, read_json, write_bytes

_MARK = ".replacing.json"


@dataclass(frozen=True)
class Replacement:
    """One replacement of a whole study, from its first start to its end."""

    study: Path
    since: datetime

    @classmethod
    def begin(cls, study: Path) -> Replacement:
        """Begin one, or go on with the one that was interrupted."""
        with suppress(DamagedRunError, KeyError, TypeError, ValueError):
            return cls(study, datetime.fromisoformat(read_json(study / _MARK)["since"]).astimezone(UTC))
        now = datetime.now(UTC)
        write_bytes(study / _MARK, json_bytes({"since": now.isoformat()}))
        return cls(study, now)

    @staticmethod
    def abandon(study: Path) -> None:
        """Forget one that was interrupted."""
        if (study / _MARK).exists():  # in a study of somebody else, not even what is not there can be removed
            (study / _MARK).unlink(missing_ok=True)

    def has_made(self, folder: Path) -> bool:
        """Tell whether a run is one of the new ones; one that does not say when it was made is not."""
        with suppress(DamagedRunError, ValueError):
            return datetime.fromisoformat(look_at(folder).record.finished).astimezone(UTC) >= self.since
        return False

    def end(self) -> None:
        """Be done."""
        self.abandon(self.study)
