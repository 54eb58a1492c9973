"""A signal asks for a stop, and the work stops where nothing is lost. Imports nothing that takes time."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_ENDING = {signal.SIGINT, signal.SIGTERM}


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

    @contextmanager
    def ending_within(self, seconds: float) -> Iterator[None]:
        """Let a signal end the process within so many seconds, whatever the main thread is in the middle of.

        Python tells of a signal between two of its own steps; a computation in C may take its time until then. The
        system tells of it at once, by a byte in a pipe, and a thread reads that.
        """
        done = threading.Event()
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)

        def watch() -> None:
            while number := os.read(reading, 1):
                if number[0] in _ENDING and not done.wait(seconds):
                    os._exit(128 + number[0])

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            signal.set_wakeup_fd(before)
            os.close(writing)
            thread.join()
            os.close(reading)

    def asked(self) -> bool:
        """Tell whether to stop."""
        return self.signal is not None

    @property
    def exit_code(self) -> int:
        """Give 130 or 143, as shells do."""
        return 128 + (self.signal or signal.SIGINT)
