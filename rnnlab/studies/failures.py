"""What failed in a sweep: a cause in one line, and a log file with all there is to know."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rnnlab.store import short_hash


@dataclass(frozen=True)
class Failure:
    """One run that failed."""

    name: str
    cause: str
    log: Path
    is_own: bool = False  # in the person's own code, an extension


class FailureLog:
    """Writes the logs of failed runs; the folder exists only while there is something in it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.failures: list[Failure] = []
        self.failed: set[int] = set()
        self._earlier = {path.name for path in folder.iterdir()} if folder.is_dir() else set()

    def write(
        self, index: int, label: str, identity: str, cause: str, details: str, *, is_own: bool = False
    ) -> Failure:
        """Note a failure and write its log, in the place of an earlier one of the same run."""
        name = f"{label}-{short_hash(identity)}"
        log = self._folder / f"{name}.log"
        when = datetime.now(UTC).isoformat(timespec="seconds")
        with suppress(OSError):  # a full disk may be what failed
            self._folder.mkdir(exist_ok=True)
            log.write_text(f"{when}\n{name}\n{cause}\n\n{details}\n", encoding="utf-8")
        self._earlier.add(log.name)
        failure = Failure(name, cause, log, is_own)
        self.failures.append(failure)
        self.failed.add(index)
        return failure

    def remove(self, label: str, identity: str) -> None:
        """Remove the log of an earlier failure of a run that has now been made."""
        name = f"{label}-{short_hash(identity)}.log"
        if name in self._earlier:
            with suppress(OSError):
                (self._folder / name).unlink(missing_ok=True)

    def close(self) -> None:
        """Remove the folder if nothing failed."""
        with suppress(OSError):
            self._folder.rmdir()
