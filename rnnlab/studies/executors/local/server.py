"""What the server of a sweep's workers imports before it serves: the worker, and with it all of PyTorch.

That takes seconds, in which the server does not listen for the end of its parent; so a timer looks meanwhile.
"""

from __future__ import annotations

import os
import signal
from types import FrameType

_LOOK_SECONDS = 0.2

_PARENT = os.getppid()


def _end_if_orphaned(_number: int, _frame: FrameType | None) -> None:
    if os.getppid() != _PARENT:
        os._exit(1)


_before = signal.signal(signal.SIGALRM, _end_if_orphaned)
signal.setitimer(signal.ITIMER_REAL, _LOOK_SECONDS, _LOOK_SECONDS)
try:
    import rnnlab.studies.executors.local.worker  # noqa: F401 (to have it in memory is the purpose)
except Exception:  # noqa: S110 (the worker that cannot import it says so)
    pass
finally:
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, _before)
