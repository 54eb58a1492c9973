"""The worker processes of a sweep: started cheaply, watched, and never left behind.

Workers are forked from a server that has imported torch once (multiprocessing's forkserver). The server ends when
this process does, and so does each worker, by a thread that waits for it (rnnlab.studies.worker).
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from typing import Any

from rnnlab.studies.messages import Alive, Ended, Failed, Finished, Moved, Setting, Task

Message = Moved | Alive | Finished | Failed | Ended

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""One thread a worker: with PyTorch's default of one a core, workers that share cores lose a factor of ten."""

_START_TRIES = 20
"""A killed server is noticed when it is gone, which takes milliseconds; this is two seconds."""

_NO_EXIT_CODE = 255
"""What multiprocessing gives for a worker whose server was killed."""


@dataclass(frozen=True)
class Died:
    """A worker is gone; this is how."""

    cause: str


@dataclass
class Worker:
    """One process and what it is doing."""

    number: int
    process: Any
    pipe: Connection
    log: str
    busy: bool = False
    reason: str | None = None  # why it was ended from here
    heard: float = field(default_factory=time.monotonic)  # when it last sent a message, or was given work

    def assign(self, task: Task) -> None:
        """Give it a stack to make."""
        self.busy, self.heard = True, time.monotonic()
        with suppress(OSError):  # it has died just now: the next wait finds out
            self.pipe.send(task)

    def kill(self, reason: str | None = None) -> None:
        """End it at once."""
        self.reason = reason
        self.process.kill()

    def ask_to_stop(self) -> None:
        """Let it save what it has and end; one that waits for work wakes by the None."""
        with suppress(OSError):
            self.pipe.send(None)
        self.process.terminate()


def core_count() -> int:
    """Give the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Pool:
    """Up to so many workers; those that died are replaced when there is work again."""

    def __init__(self, size: int, setting: Setting) -> None:
        self.size, self.setting = size, setting
        self.workers: list[Worker] = []
        self._started = 0
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["rnnlab.studies.server"])

    def idle_worker(self) -> Worker | None:
        """Give a worker that has nothing to do, a new one if there may be more of them."""
        for worker in self.workers:
            if not worker.busy and worker.process.is_alive():
                return worker
        return self._start() if len(self.workers) < self.size else None

    def _start(self) -> Worker:
        from rnnlab.studies.entry import start_work

        self._started += 1
        log = f"{self.setting.logs}/worker-{os.getpid()}-{self._started}.log"
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=start_work, args=(theirs, self.setting, log), daemon=True)
        with _quiet_start():
            _start_patiently(process)
        theirs.close()
        worker = Worker(self._started, process, ours, log)
        self.workers.append(worker)
        return worker

    def wait(self, seconds: float) -> Iterator[tuple[Worker, Message | Died]]:
        """Wait for news, at most so long; gives every message, and who has died."""
        sources: dict[Any, Worker] = {}
        for worker in self.workers:
            sources[worker.pipe] = sources[worker.process.sentinel] = worker
        if not sources:
            time.sleep(seconds)
            return
        ready = wait(list(sources), seconds)
        for worker in {id(sources[source]): sources[source] for source in ready}.values():
            yield from self._news(worker)

    def _news(self, worker: Worker) -> Iterator[tuple[Worker, Message | Died]]:
        dead = not worker.process.is_alive()  # asked first, so that the last messages of a dead worker are read
        with suppress(EOFError, OSError):
            while worker.pipe.poll():
                worker.heard = time.monotonic()
                message = worker.pipe.recv()
                worker.busy = worker.busy and not isinstance(message, Ended)
                yield worker, message
        if dead:
            self.workers.remove(worker)
            worker.process.join()
            worker.pipe.close()
            _end_orphan(worker.process)
            yield worker, Died(worker.reason or _how(worker.process.exitcode))

    def stop(self, seconds: float) -> Iterator[tuple[Worker, Message | Died]]:
        """Let all workers save and end, for at most so long; then end them. Gives their last news."""
        deadline = time.monotonic() + seconds
        for worker in self.workers:
            worker.ask_to_stop()
        while self.workers and time.monotonic() < deadline:
            yield from self.wait(0.1)
        for worker in self.workers:
            worker.kill()
            worker.process.join()
            worker.pipe.close()
        self.workers.clear()


def _start_patiently(process: Any) -> None:
    """Start a worker; the server may have been killed just now, and is then started anew."""
    for _ in range(_START_TRIES):
        with suppress(EOFError, OSError):
            process.start()
            return
        time.sleep(0.1)
    process.start()


def _end_orphan(process: Any) -> None:
    """End a worker whose server is gone: it may be alive, and would keep its runs from being made again."""
    if process.exitcode == _NO_EXIT_CODE:
        with suppress(OSError):
            os.kill(process.pid, signal.SIGKILL)


def _how(exit_code: int) -> str:
    if exit_code >= 0:
        return f"the worker ended with exit code {exit_code}"
    name = signal.Signals(-exit_code).name
    hint = "; perhaps the machine ran out of memory" if name == "SIGKILL" else ""
    return f"the worker was ended by {name}{hint}"


@contextmanager
def _quiet_start() -> Iterator[None]:
    """Start a process that has one thread and imports nothing of the program it is started from."""
    main = sys.modules["__main__"]
    hidden = {name: getattr(main, name, None) for name in ("__file__", "__spec__")}
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    for name in hidden:
        setattr(main, name, None)
    # Ctrl-C goes to the whole group: a server that is still importing PyTorch would die of it with a traceback.
    resource_tracker.ensure_running()  # whose start would unblock it again
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for name, value in hidden.items():
            setattr(main, name, value)
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
