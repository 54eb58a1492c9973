"""Watching over a sweep: hands stacks to workers, takes their news, retries, stops in time, says what is left.

Every run is in one place at a time: to do, with a worker, done, or failed. A worker that dies takes nothing with it
but its last second: of a stack it was on, each run is then made alone, so that the one to blame shows itself, and
its neighbours are made as if it had never been there.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rnnlab.studies.failures import Failure, FailureLog
from rnnlab.studies.messages import Alive, Ended, Failed, Finished, Moved, Setting, SlotTask, Task
from rnnlab.studies.pool import Died, Message, Pool, Worker
from rnnlab.studies.stacks import PlannedRun, Stack, plan_free_stacks, plan_stacks

_HELD_SECONDS = 1.0
"""How often it is looked whether a run that another process is making is done."""

_STOP_SECONDS = 6.0
"""Workers stop between two updates and save, well within this; a stop must take no more than ten seconds."""


@dataclass(frozen=True)
class Policy:
    """What to do when something fails, and when to stop."""

    jobs: int
    retries: int = 1
    max_failures: int | None = None
    max_seconds: float | None = None
    timeout: float = 600.0


@dataclass
class Tally:
    """How a sweep stands."""

    total: int
    existed: int = 0
    made: int = 0
    diverged: int = 0  # of those made and those that existed
    failed: int = 0
    running: int = 0
    share: float = 0.0  # of the work that there was to do, 0 to 1
    seconds: float = 0.0  # since the start

    @property
    def done(self) -> int:
        """Runs that are finished."""
        return self.existed + self.made

    @property
    def left(self) -> int:
        """Runs that are neither finished nor failed."""
        return self.total - self.done - self.failed

    @property
    def seconds_left(self) -> float | None:
        """A guess at the time that the rest takes."""
        return self.seconds * (1 - self.share) / self.share if self.share > 0.01 else None


@dataclass
class _Work:
    """A stack, or one run alone, as it is handed out."""

    runs: tuple[int, ...]  # by place in the list of runs
    wanted: tuple[int, ...]  # those of them to make; one that is tried again elsewhere is taken out
    seconds: float
    alone: bool = False  # made again by itself, after a crash
    progress: float = 0.0


@dataclass
class Watch:
    """How a sweep talks to whoever started it."""

    on_news: Callable[[Tally, list[Worker]], None] = lambda _tally, _workers: None
    on_line: Callable[[str], None] = lambda _: None
    should_stop: Callable[[], bool] = lambda: False


@dataclass
class Outcome:
    """How a sweep ended."""

    tally: Tally
    failures: list[Failure] = field(default_factory=list)
    stopped: bool = False  # by a signal
    ended_early: str | None = None  # why, if the policy ended it


class Sweeper:
    """One sweep from start to end.

    Args:
        runs: all runs of the study, in order.
        existing: those that are finished, by place, and whether each diverged.
        damaged: those whose folder is there but not whole, and what is wrong with it; they fail untried.
        setting: what workers are told.
        policy: workers, retries, limits.
        watch: progress, log lines, and when to stop.
        replace: the folders that --force replaces, by place.
    """

    def __init__(
        self,
        runs: Sequence[PlannedRun],
        existing: dict[int, bool],
        damaged: dict[int, str],
        setting: Setting,
        policy: Policy,
        watch: Watch,
        replace: dict[int, str] | None = None,
    ) -> None:
        self._runs, self._policy, self._watch = runs, policy, watch
        self._replace = replace or {}
        self._finished = set(existing)
        self._tally = Tally(len(runs), existed=len(existing), diverged=sum(existing.values()))
        self._logs = FailureLog(Path(setting.logs))
        self._pool = Pool(policy.jobs, setting)
        self._tries: dict[int, int] = {}
        self._held_until: dict[int, float] = {}  # by place: when it is no longer waited for
        self._waiting: deque[tuple[float, _Work]] = deque()  # what another process is making, and when to look again
        self._at: dict[int, _Work] = {}  # by worker number
        for index, cause in damaged.items():
            self._fail(index, cause, cause)
        works = (self._work(stack) for stack in self._stacks(setting.engine))
        self._queue = deque(work for work in works if work.wanted)
        self._total_seconds = max(sum(work.seconds for work in self._queue), 1e-9)
        self._done_seconds = 0.0
        self._ending = False
        self._started = time.monotonic()

    def _stacks(self, engine: str) -> list[Stack]:
        if engine != "native":
            return plan_stacks(self._runs)
        settled = self._finished | self._logs.failed
        to_do = [index for index in range(len(self._runs)) if index not in settled]
        return plan_free_stacks(self._runs, to_do, self._policy.jobs)

    def _work(self, stack: Stack) -> _Work:
        settled = self._finished | self._logs.failed
        wanted = tuple(index for index in stack.runs if index not in settled)
        return _Work(stack.runs, wanted, stack.seconds)

    def run(self) -> Outcome:
        """Work until all is done, or it is time to stop."""
        outcome = Outcome(self._tally, self._logs.failures)
        try:
            while self._queue or self._at or self._waiting:
                outcome.stopped = self._watch.should_stop()
                outcome.ended_early = self._reason_to_end()
                if outcome.stopped or outcome.ended_early:
                    break
                self._hand_out()
                self._take(self._pool.wait(0.2))
                self._end_hung_workers()
                self._tell()
        finally:
            self._ending = True
            self._take(self._pool.stop(_STOP_SECONDS))
            self._at.clear()
            self._tell()
            self._logs.close()
        return outcome

    def _reason_to_end(self) -> str | None:
        policy, failed = self._policy, self._tally.failed
        if policy.max_failures is not None and failed >= policy.max_failures:
            return f"{failed} run{'s' if failed > 1 else ''} failed"
        if policy.max_seconds is not None and time.monotonic() - self._started >= policy.max_seconds:
            return "the time is up"
        return None

    def _hand_out(self) -> None:
        while self._waiting and time.monotonic() >= self._waiting[0][0]:
            self._queue.append(self._waiting.popleft()[1])
        while self._queue:
            worker = self._pool.idle_worker()
            if worker is None:
                return
            work = self._queue.popleft()
            self._at[worker.number] = work
            worker.assign(Task(tuple(self._slot(index, work) for index in work.runs), any_stack=work.alone))

    def _slot(self, index: int, work: _Work) -> SlotTask:
        run = self._runs[index]
        return SlotTask(json.loads(run.content), run.label, index in work.wanted, self._replace.get(index))

    def _take(self, news: Iterator[tuple[Worker, Message | Died]]) -> None:
        for worker, message in news:
            self._hear(worker, message)

    def _hear(self, worker: Worker, message: Message | Died) -> None:
        work = self._at.get(worker.number)
        if isinstance(message, Died):
            self._bury(worker, message.cause)
        elif work is None or isinstance(message, Alive):
            return
        elif isinstance(message, Moved):
            work.progress = message.step / max(message.batches, 1)
        elif isinstance(message, Finished):
            self._finish(work.runs[message.slot], diverged=message.diverged)
        elif isinstance(message, Failed):
            self._hear_failure(work, message)
        elif isinstance(message, Ended):
            self._end(worker, work)

    def _finish(self, index: int, *, diverged: bool) -> None:
        if index not in self._finished:
            self._finished.add(index)
            self._tally.made += 1
            self._tally.diverged += diverged
            self._logs.forget(self._runs[index].label, self._runs[index].identity)
            self._watch.on_line(f"{'diverged' if diverged else 'completed'} {self._runs[index].label}")

    def _hear_failure(self, work: _Work, message: Failed) -> None:
        if message.slot is None:
            self._blame(work, message.cause, message.details)
        else:
            index = work.runs[message.slot]
            work.wanted = tuple(other for other in work.wanted if other != index)
            if message.held and self._may_wait(index, message.cause):
                again = _Work(work.runs, (index,), self._runs[index].seconds, work.alone)
                self._waiting.append((time.monotonic() + _HELD_SECONDS, again))
                self._total_seconds += again.seconds
                return
            self._try_again(index, message.cause, message.details, hopeless=message.hopeless or message.held)

    def _may_wait(self, index: int, cause: str) -> bool:
        """Wait for another process as long as for a worker without progress; a run of hours is better started later."""
        if index not in self._held_until:
            self._held_until[index] = time.monotonic() + self._policy.timeout
            self._watch.on_line(f"waiting for {self._runs[index].label}: {cause}")
        return time.monotonic() < self._held_until[index]

    def _end(self, worker: Worker, work: _Work) -> None:
        """Be done with a stack; what is missing of it goes back, since someone else has stopped the worker."""
        del self._at[worker.number]
        self._done_seconds += work.seconds
        missing = tuple(self._unfinished(work))
        if missing:
            self._put_back(_Work(work.runs, missing, work.seconds, work.alone))

    def _bury(self, worker: Worker, cause: str) -> None:
        """Take a dead worker's stack back."""
        work = self._at.pop(worker.number, None)
        last_words = self._logs.last_words(worker.log)
        if work is not None:
            self._done_seconds += work.seconds
            self._watch.on_line(f"worker {worker.process.pid} is gone: {cause}")
            if not self._ending and not self._watch.should_stop():
                self._blame(work, cause, f"{cause}\n\n{last_words}")

    def _blame(self, work: _Work, cause: str, details: str) -> None:
        """Blame a run that was alone; of a stack nobody knows which it was, and each is made alone."""
        missing, work.wanted = self._unfinished(work), ()
        for index in missing:
            if len(work.runs) == 1:
                self._try_again(index, cause, details)
            else:
                self._put_back(_Work((index,), (index,), work.seconds / len(work.runs), alone=True))

    def _try_again(self, index: int, cause: str, details: str, *, hopeless: bool = False) -> None:
        self._tries[index] = self._tries.get(index, 0) + 1
        if hopeless or self._tries[index] > self._policy.retries:
            self._fail(index, cause, details)
            return
        self._watch.on_line(f"trying again {self._runs[index].label}: {cause}")
        self._put_back(_Work((index,), (index,), self._runs[index].seconds, alone=True))

    def _put_back(self, work: _Work) -> None:
        """Have it made next: what fails, fails early."""
        self._queue.appendleft(work)
        self._total_seconds += work.seconds

    def _fail(self, index: int, cause: str, details: str) -> None:
        run = self._runs[index]
        failure = self._logs.write(index, run.label, run.identity, cause, details)
        self._tally.failed += 1
        self._watch.on_line(f"failed {failure.name}: {cause}")

    def _end_hung_workers(self) -> None:
        for worker in self._pool.workers:
            if worker.busy and time.monotonic() - worker.heard > self._policy.timeout:
                worker.kill(f"the worker made no progress for {self._policy.timeout:g} s and was ended")

    def _tell(self) -> None:
        tally = self._tally
        tally.running = sum(len(self._unfinished(work)) for work in self._at.values())
        tally.seconds = time.monotonic() - self._started
        partly = sum(work.progress * work.seconds for work in self._at.values())
        tally.share = min(1.0, (self._done_seconds + partly) / self._total_seconds)
        self._watch.on_news(tally, self._pool.workers)

    def _unfinished(self, work: _Work) -> list[int]:
        return [index for index in work.wanted if index not in self._finished and index not in self._logs.failed]
