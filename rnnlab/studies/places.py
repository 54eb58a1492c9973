"""Where a process stands. Imports nothing that takes time."""

from __future__ import annotations

import os
from contextlib import suppress

_NOWHERE = ("/proc", "/")
"""There are no files of anybody, and none can be made: a relative name leads as little anywhere as before."""


def stand_somewhere() -> None:
    """Leave a current folder that was removed, as a batch system removes its scratch: MKL would not start there."""
    try:
        os.getcwd()  # noqa: PTH109 (asked only whether there is one)
    except OSError:
        for folder in _NOWHERE:
            with suppress(OSError):
                os.chdir(folder)
                return
