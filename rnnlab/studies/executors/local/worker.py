"""A worker process: makes one stack after another until it is told to end.

It talks to the process that watches over the sweep through one pipe: tasks come in, messages go out. It ends with
its parent, whatever ends that, and it stops between two updates when it is sent SIGTERM.
"""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import signal
import sys
import threading
from multiprocessing.connection import Connection, wait
from pathlib import Path

import torch  # imported once, by the server that workers are forked from

from rnnlab.studies.messages import StackTask
from rnnlab.studies.stack_maker import make
from rnnlab.studies.stop_signal import StopSignal


def work(pipe: Connection, log: str) -> None:
    """Make stacks until the pipe says None or closes."""
    stop = StopSignal(patient=True)  # a signal to the whole group comes beside the one of the parent
    stop.listen(signal.SIGTERM)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to the whole group; it is the parent's to handle
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _write_output_to(Path(log))
    torch.set_num_threads(1)
    while not stop.asked():
        task = _next_task(pipe, stop)
        if task is None:
            return
        make(task, pipe.send, stop.asked)


def _next_task(pipe: Connection, stop: StopSignal) -> StackTask | None:
    try:
        while not pipe.poll(0.2):
            if stop.asked():
                return None
        task: StackTask | None = pipe.recv()
    except (EOFError, OSError):
        return None
    return task


def _end_with_parent() -> None:
    """End at once when the process that watches over the sweep is gone: nobody would take the results."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _write_output_to(log: Path) -> None:
    """Send what libraries print, and the stack traces of a crash, to this worker's log."""
    try:
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    except OSError:  # a full disk, say: the runs can say so, and what libraries print is lost
        descriptor = os.open(os.devnull, os.O_WRONLY)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    sys.stdout = sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
    faulthandler.enable(sys.stderr)
