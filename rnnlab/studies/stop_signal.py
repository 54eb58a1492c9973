"""A signal asks for a stop, and the work stops where nothing is lost. Imports nothing that takes time."""

from __future__ import annotations

import os
import signal
from types import FrameType


class StopSignal:
    """Notes the signals that ask for a stop.

    Args:
        patient: take any number of them for one; otherwise a second ends the process at once.
    """

    def __init__(self, *, patient: bool = False) -> None:
        self.signal: int | None = None
        self._patient = patient

    def listen(self, *numbers: signal.Signals) -> None:
        """Listen to these signals."""
        for number in numbers:
            signal.signal(number, self._note)

    def _note(self, number: int, _: FrameType | None) -> None:
        if self.signal is not None and not self._patient:
            os._exit(128 + number)
        self.signal = number

    def asked(self) -> bool:
        """Tell whether to stop."""
        return self.signal is not None

    @property
    def exit_code(self) -> int:
        """Give 130 or 143, as shells do."""
        return 128 + (self.signal or signal.SIGINT)
