"""SIGINT and SIGTERM ask for a stop, and the work stops where nothing is lost; a second one stops at once."""

from __future__ import annotations

import os
import signal
from types import FrameType


class _Stop:
    """What has been asked for."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def install(self) -> None:
        """Listen to both signals."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note)

    def _note(self, number: int, _: FrameType | None) -> None:
        if self.signal is not None:
            os._exit(128 + number)
        self.signal = number

    def asked(self) -> bool:
        """Tell whether to stop."""
        return self.signal is not None

    @property
    def exit_code(self) -> int:
        """Give 130 or 143, as shells do."""
        return 128 + (self.signal or signal.SIGINT)


STOP = _Stop()
