"""Making the stack of a task, wherever that is: the one function that every executor runs."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from pathlib import Path

from rnnlab.config import Config
from rnnlab.errors import UserError
from rnnlab.extensions import LOADER, ExtensionError, fault_of
from rnnlab.store import RunBusyError
from rnnlab.studies.hooks import Hooks, Progress, StoppedError
from rnnlab.studies.making import Job, Made, Slot, make_stack
from rnnlab.studies.messages import Alive, Ended, Failed, Finished, Message, Moved, StackTask
from rnnlab.training import make_engine

_PROGRESS_SECONDS = 0.5
"""How often progress is sent."""


def make(task: StackTask, send: Callable[[Message], None], should_stop: Callable[[], bool] = lambda: False) -> None:
    """Make the wanted runs of a stack and send word of each; the last message is Ended, whatever happens.

    Args:
        task: what to make.
        send: takes each message, in this thread.
        should_stop: asked between updates; after a stop, what was done is saved and the runs are not reported.
    """
    progress = _ProgressSender(send)

    def asked() -> bool:
        progress.send_alive()
        return should_stop()

    try:
        LOADER.use(task.extensions)
        slots = [
            Slot(
                Config.model_validate_json(slot.content),
                slot.identity,
                slot.label,
                slot.wanted,
                Path(slot.replacing) if slot.replacing else None,
            )
            for slot in task.slots
        ]
        job = Job(
            Path(task.study),
            make_engine(task.engine, task.device),
            task.command,
            Hooks(on_progress=progress.send_progress, should_stop=asked),
            ignore_saved_stack=task.ignore_saved_stack,
        )
        for made in make_stack(slots, job):
            send(_message(made))
    except StoppedError:
        pass  # what was done is saved, and what is missing is noticed at the other end
    except Exception as error:
        send(_failure(None, error))
    send(Ended())


class _ProgressSender:
    """Sends progress now and then, and that it is alive where there has been none for a while."""

    def __init__(self, send: Callable[[Message], None]) -> None:
        self._send, self._sent = send, 0.0

    def send_progress(self, progress: Progress) -> None:
        if self._is_due() or progress.step == progress.batches:
            self._sent = time.monotonic()
            self._send(Moved(progress.step, progress.batches))

    def send_alive(self) -> None:
        if self._is_due():
            self._sent = time.monotonic()
            self._send(Alive())

    def _is_due(self) -> bool:
        return time.monotonic() - self._sent >= _PROGRESS_SECONDS


def _message(made: Made) -> Finished | Failed:
    if made.error is not None:
        return _failure(made.slot, made.error)
    assert made.path is not None
    return Finished(made.slot, made.path.name, made.existed)


def _failure(slot: int | None, error: Exception) -> Failed:
    """Say what has failed; a fault in the person's own code is the same at every try."""
    details, told = _details(error), fault_of(error) or error
    if isinstance(told, ExtensionError):
        return Failed(slot, str(told).split("\n", 1)[0], details, hopeless=True, is_own=True)
    held = isinstance(error, RunBusyError)
    return Failed(slot, _cause(error), details, isinstance(error, UserError) and not held, held)


def _cause(error: BaseException) -> str:
    text = str(error).split("\n", 1)[0]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _details(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))
