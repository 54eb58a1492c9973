"""A worker of a sweep: a process that makes one stack after another until it is told to end.

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
import time
import traceback
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import FrameType

import torch  # imported once, by the server that workers are forked from

from rnnlab.config import config_from_mapping
from rnnlab.errors import UserError
from rnnlab.store import RunBusyError
from rnnlab.studies.hooks import Hooks, Progress, StoppedError
from rnnlab.studies.making import Job, Made, Slot, make_stack
from rnnlab.studies.messages import Alive, Ended, Failed, Finished, Moved, Setting, SlotTask, Task
from rnnlab.training import make_engine

_TELL_SECONDS = 0.5
"""How often progress is told."""


class _Stop:
    """SIGTERM asks for a stop; SIGINT of a terminal goes to the whole group and is the parent's to handle."""

    def __init__(self) -> None:
        self.asked = False
        signal.signal(signal.SIGTERM, self._note)
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True


def work(pipe: Connection, setting: Setting, log: str) -> None:
    """Make stacks until the pipe says None or closes."""
    stop = _Stop()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _write_output_to(Path(log))
    torch.set_num_threads(1)
    while not stop.asked:
        task: Task | None = _next_task(pipe, stop)
        if task is None:
            return
        _make(task, setting, pipe, stop)


def _next_task(pipe: Connection, stop: _Stop) -> Task | None:
    try:
        while not pipe.poll(0.2):
            if stop.asked:
                return None
        task: Task | None = pipe.recv()
    except (EOFError, OSError):
        return None
    return task


def _make(task: Task, setting: Setting, pipe: Connection, stop: _Stop) -> None:
    try:
        engine = make_engine(setting.engine, setting.device)
        slots = [_slot(slot) for slot in task.slots]
        teller = _Teller(pipe)
        hooks = Hooks(on_progress=teller.tell, should_stop=lambda: teller.is_alive() and stop.asked)
        job = Job(Path(setting.study), engine, setting.command, hooks, any_stack=task.any_stack)
        for made in make_stack(slots, job):
            pipe.send(_message(made))
    except StoppedError:
        pass  # what was done is saved, and what is missing is noticed at the other end
    except BaseException as error:
        pipe.send(Failed(None, _cause(error), _details(error)))
    pipe.send(Ended())


def _slot(task: SlotTask) -> Slot:
    return Slot(
        config_from_mapping(task.content), task.label, task.wanted, Path(task.replacing) if task.replacing else None
    )


class _Teller:
    """Tells progress now and then."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe, self._told = pipe, 0.0

    def tell(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self._told >= _TELL_SECONDS or progress.step == progress.batches:
            self._told = now
            self._pipe.send(Moved(progress.step, progress.batches))

    def is_alive(self) -> bool:
        """Say so, if nothing has been told for a while."""
        now = time.monotonic()
        if now - self._told >= _TELL_SECONDS:
            self._told = now
            self._pipe.send(Alive())
        return True


def _message(made: Made) -> Finished | Failed:
    if made.error is not None:
        held = isinstance(made.error, RunBusyError)
        hopeless = isinstance(made.error, UserError) and not held
        return Failed(made.slot, _cause(made.error), _details(made.error), hopeless, held)
    return Finished(made.slot, made.diverged)


def _cause(error: BaseException) -> str:
    text = str(error).split("\n", 1)[0]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _details(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


def _end_with_parent() -> None:
    """End at once when the process that watches over the sweep is gone: nobody would take the results."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _write_output_to(log: Path) -> None:
    """Send what libraries print, and the last words of a crash, to this worker's log."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    sys.stdout = sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
    faulthandler.enable(sys.stderr)
