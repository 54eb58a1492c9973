"""The worker processes of a sweep: started cheaply, watched, and never left behind.

Workers are forked from a server that has imported torch once (multiprocessing's forkserver). The server ends when
this process does, and so does each worker, by a thread that waits for it.
"""

from __future__ import annotations

import errno
import multiprocessing
import multiprocessing.util
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, ClassVar

from rnnlab.config.limits import memory_of_machine
from rnnlab.studies.executors.executor import EXECUTORS, Handle
from rnnlab.studies.messages import Died, Ended, News, StackTask
from rnnlab.studies.places import stand_somewhere

_ENVIRONMENT = {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    "PYTHONSAFEPATH": "1",
}
"""One thread a worker: with PyTorch's default of one a core, workers that share cores lose a factor of ten. And none
imports from the folder that the command was given in: a file `random.py` there is not Python's."""

_LONGEST_FOLDER = 60
"""A socket's name has 108 bytes at most (unix(7)), and multiprocessing adds some 40 to TMPDIR."""

_SHORT_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 (folders of random names are made there)

_START_TRIES = 20
"""A killed server is noticed when it is gone, which takes milliseconds; this is two seconds."""

_NO_EXIT_CODE = 255
"""What multiprocessing gives for a worker whose server was killed."""

_LOG_BYTES = 20_000
"""The end of a dead worker's output that is kept: enough for every thread's last place."""


def core_count() -> int:
    """Give the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass
class _Worker:
    """One process and what it is doing."""

    process: Any
    pipe: Connection
    log: Path
    handle: Handle | None = None
    """The stack it makes; None while it has nothing to do."""
    cancelled: str | None = None
    """Why it was ended from here."""


@EXECUTORS.register
class LocalExecutor:
    """Up to so many worker processes; those that died are replaced when there is work again."""

    name: ClassVar[str] = "local"
    meaning: ClassVar[str] = "worker processes of this machine"
    place: ClassVar[int] = 0  # what is used unless another is asked for stands first

    def __init__(self, jobs: int, logs: Path, should_stop: Callable[[], bool]) -> None:  # noqa: ARG002 (all have it)
        self.capacity = jobs
        self._logs = logs
        self._workers: list[_Worker] = []
        self._started = 0
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["rnnlab.studies.executors.local.server"])

    @staticmethod
    def memory() -> int | None:
        """Give that of this machine."""
        return memory_of_machine()

    def submit(self, task: StackTask) -> Handle:
        """Give a stack to a worker that has nothing to do, or to a new one."""
        idle = (worker for worker in self._workers if worker.handle is None and worker.process.is_alive())
        worker = next(idle, None) or self._start()
        worker.handle = Handle(worker.process.pid)
        with suppress(OSError):  # it has died just now: the next wait finds out
            worker.pipe.send(task)
        return worker.handle

    def _start(self) -> _Worker:
        self._started += 1
        log = self._logs / f"worker-{os.getpid()}-{self._started}.log"
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_start_work, args=(theirs, str(log)), daemon=True)
        with suppress(OSError):  # then what it prints is lost, and it works all the same
            self._logs.mkdir(exist_ok=True)
        with _quiet_start():
            _start_patiently(process)
        theirs.close()
        worker = _Worker(process, ours, log)
        self._workers.append(worker)
        return worker

    def news(self, seconds: float) -> Iterator[tuple[Handle, News]]:
        """Wait for messages and for the end of a worker."""
        sources: dict[Any, _Worker] = {}
        for worker in self._workers:
            sources[worker.pipe] = sources[worker.process.sentinel] = worker
        if not sources:
            time.sleep(seconds)
            return
        ready = wait(list(sources), seconds)
        for worker in {id(sources[source]): sources[source] for source in ready}.values():
            yield from self._news_of(worker)

    def _news_of(self, worker: _Worker) -> Iterator[tuple[Handle, News]]:
        dead = not worker.process.is_alive()  # asked first, so that the last messages of a dead worker are read
        with suppress(EOFError, OSError):
            while worker.pipe.poll():
                message, handle = worker.pipe.recv(), worker.handle
                if isinstance(message, Ended):
                    worker.handle = None
                if handle is not None:
                    yield handle, message
        if dead:
            details = self._remove(worker)
            if worker.handle is not None:
                yield worker.handle, Died(worker.cancelled or _how(worker.process.exitcode), details)

    def _remove(self, worker: _Worker) -> str:
        """Clear up after a worker that has died; gives the end of what it has printed."""
        self._workers.remove(worker)
        worker.process.join()
        worker.pipe.close()
        if worker.process.exitcode == _NO_EXIT_CODE:
            # Its server is gone; it may be alive itself, and would keep its runs from being made again.
            with suppress(OSError):
                os.kill(worker.process.pid, signal.SIGKILL)
        output = ""
        with suppress(OSError):
            output = worker.log.read_bytes()[-_LOG_BYTES:].decode(errors="replace")
            worker.log.unlink()
        return output

    def cancel(self, handle: Handle, reason: str) -> None:
        """Kill the worker that makes a stack."""
        for worker in self._workers:
            if worker.handle is handle:
                worker.cancelled = reason
                worker.process.kill()

    def stop(self, seconds: float) -> Iterator[tuple[Handle, News]]:
        """Let the workers save and end; one that waits for work wakes by the None."""
        deadline = time.monotonic() + seconds
        for worker in self._workers:
            with suppress(OSError):
                worker.pipe.send(None)
            worker.process.terminate()
        while self._workers and time.monotonic() < deadline:
            yield from self.news(0.1)
        for worker in list(self._workers):
            worker.process.kill()
            details = self._remove(worker)
            if worker.handle is not None:
                yield worker.handle, Died("the worker did not stop in time", details)
        with suppress(OSError):
            for log in self._logs.glob("worker-*.log"):  # those of an earlier start, too, which was killed
                log.unlink(missing_ok=True)


def _start_work(pipe: Connection, log: str) -> None:
    """Begin in the new process; the worker is imported only there, since it imports torch."""
    try:
        from rnnlab.studies.executors.local.worker import work

        work(pipe, log)
    except Exception as error:  # once it has its log, that is where stderr leads
        print(f"rnnlab: a worker cannot go on ({type(error).__name__}: {error})", file=sys.stderr)  # noqa: T201
        os._exit(1)


def _start_patiently(process: Any) -> None:
    """Start a worker; the server may have been killed just now, and is then started anew."""
    for _ in range(_START_TRIES):
        with suppress(EOFError, OSError):
            process.start()
            return
        time.sleep(0.1)
    try:
        process.start()
    except EOFError:
        raise OSError(errno.ECHILD, "the process that workers are forked from ends as it starts") from None


def _how(exit_code: int) -> str:
    if exit_code >= 0:
        return f"the worker ended with exit code {exit_code}"
    name = signal.Signals(-exit_code).name
    hint = "; perhaps the machine ran out of memory" if name == "SIGKILL" else ""
    return f"the worker was ended by {name}{hint}"


def _shorten_addresses() -> None:
    """Let multiprocessing put its sockets where their names are not too long, whatever TMPDIR says."""
    if len(os.fsencode(tempfile.gettempdir())) <= _LONGEST_FOLDER:
        return
    before = tempfile.tempdir
    short = next((folder for folder in _SHORT_FOLDERS if os.access(folder, os.W_OK | os.X_OK)), before)
    tempfile.tempdir = short
    try:
        multiprocessing.util.get_temp_dir()  # it is made once, and kept
    finally:
        tempfile.tempdir = before


@contextmanager
def _quiet_start() -> Iterator[None]:
    """Start a process that has one thread and imports nothing of the program it is started from."""
    stand_somewhere()
    _shorten_addresses()
    main = sys.modules["__main__"]
    hidden = {name: getattr(main, name, None) for name in ("__file__", "__spec__")}
    before = {name: os.environ.get(name) for name in _ENVIRONMENT}
    os.environ.update(_ENVIRONMENT)
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
