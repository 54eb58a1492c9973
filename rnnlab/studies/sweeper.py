"""Watching over a sweep: has stacks made, takes the news, retries, stops in time, says what is left.

Every run is in one place at a time: to do, under way, done, or failed. A worker that dies takes nothing with it
but its last second: of a stack it was on, each run is then made alone, so that the one to blame shows itself, and
its neighbours are made as if it had never been there. Where stacks are made is the executor's business; a run counts
as made when its folder is there and whole.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rnnlab.store import look_at
from rnnlab.studies.executors import EXECUTORS, Executor, Handle
from rnnlab.studies.failures import FailureLog
from rnnlab.studies.messages import Died, Ended, Failed, Finished, Moved, News, StackTask, TaskSlot
from rnnlab.studies.planning import SweepPlan
from rnnlab.studies.policy import Policy, SweepOutcome, Tally, Watch
from rnnlab.studies.stacks import Stack, plan_work

_HELD_SECONDS = 1.0
"""How often it is looked whether a run that another process is making is done."""

_NEWS_SECONDS = 0.2
"""How long news are waited for before the clock is looked at."""

_STOP_SECONDS = 6.0
"""Stacks stop between two updates and are saved, well within this; a stop must take no more than ten seconds."""


@dataclass
class _Work:
    """A stack, or one run alone, as it is submitted."""

    runs: tuple[int, ...]  # by place in the list of runs
    wanted: tuple[int, ...]  # those of them to make; one that is tried again elsewhere is taken out
    seconds: float
    alone: bool = False  # made again by itself, after a crash
    progress: float = 0.0
    heard: float = field(default_factory=time.monotonic)  # when there was last a message of it


class Sweeper:
    """One sweep from start to end.

    Args:
        plan: its runs, what exists of them, and those whose folder is not whole; these fail untried.
        study: the study's folder, which exists and is locked.
        policy: workers, retries, limits.
        watch: progress, log lines, and when to stop.
        command: what the person typed, for run.json.
        replace: the folders that --force replaces, by place.
    """

    def __init__(
        self,
        plan: SweepPlan,
        study: Path,
        policy: Policy,
        watch: Watch,
        command: str | None = None,
        replace: Mapping[int, str] | None = None,
    ) -> None:
        self._runs, self._study, self._device, self._command = plan.runs, study, plan.device, command
        self._policy, self._watch, self._replace = policy, watch, replace or {}
        self._extensions = plan.extensions
        self._finished = set(plan.existing)
        self._tally = Tally(len(plan.runs), existed=len(plan.existing), diverged=sum(plan.existing.values()))
        self._logs = FailureLog(study / "logs")
        self._executor: Executor = EXECUTORS[policy.executor](policy.jobs, study / "logs", self._must_end)
        self._tries: dict[int, int] = {}
        self._held_until: dict[int, float] = {}  # by place: when it is no longer waited for
        self._waiting: deque[tuple[float, _Work]] = deque()  # what another process is making, and when to look again
        self._at: dict[Handle, _Work] = {}
        for index in plan.existing:  # one may have failed when it was there already, waiting for the disk
            self._logs.remove(self._runs[index].label, self._runs[index].identity)
        for index, cause in plan.damaged.items():
            self._fail(index, cause, cause)
        to_do = [index for index in range(len(self._runs)) if not self._is_settled(index)]
        works = (self._work(stack) for stack in plan_work(self._runs, to_do, self._executor.capacity))
        self._queue = deque(work for work in works if work.wanted)
        self._total_seconds = max(sum(work.seconds for work in self._queue), 1e-9)
        self._done_seconds = 0.0
        self._ending = False
        self._started = time.monotonic()

    def _work(self, stack: Stack) -> _Work:
        return _Work(stack.runs, tuple(i for i in stack.runs if not self._is_settled(i)), stack.seconds)

    def _is_settled(self, index: int) -> bool:
        return index in self._finished or index in self._logs.failed

    def run(self) -> SweepOutcome:
        """Work until all is done, or it is time to stop."""
        outcome = SweepOutcome(self._tally, self._logs.failures)
        try:
            while self._queue or self._at or self._waiting:
                outcome.stopped = self._watch.should_stop()
                outcome.ended_early = self._reason_to_end()
                if outcome.stopped or outcome.ended_early:
                    break
                self._submit()
                self._report()
                self._take(self._executor.news(_NEWS_SECONDS))
                self._cancel_hung()
        finally:
            self._ending = True
            self._take(self._executor.stop(_STOP_SECONDS))
            self._at.clear()
            self._report()
            self._logs.close()
        return outcome

    def _must_end(self) -> bool:
        return self._watch.should_stop() or self._reason_to_end() is not None

    def _reason_to_end(self) -> str | None:
        policy, failed = self._policy, self._tally.failed
        if policy.max_failures is not None and failed >= policy.max_failures:
            return f"{failed} run{'s' if failed > 1 else ''} failed"
        if policy.max_seconds is not None and time.monotonic() - self._started >= policy.max_seconds:
            return "the time is up"
        return None

    def _submit(self) -> None:
        """Hand out as much as the executor takes."""
        while self._waiting and time.monotonic() >= self._waiting[0][0]:
            self._queue.append(self._waiting.popleft()[1])
        while self._queue and len(self._at) < self._executor.capacity:
            work = self._queue.popleft()
            work.heard = time.monotonic()
            self._at[self._executor.submit(self._task(work))] = work

    def _task(self, work: _Work) -> StackTask:
        runs = [(index, self._runs[index]) for index in work.runs]
        slots = tuple(
            TaskSlot(run.content, run.identity, run.label, index in work.wanted, self._replace.get(index))
            for index, run in runs
        )
        engine = runs[0][1].engine  # one shape, and so one engine
        return StackTask(
            str(self._study),
            engine,
            self._device,
            slots,
            self._command,
            ignore_saved_stack=work.alone,
            extensions=self._extensions,
        )

    def _take(self, news: Iterator[tuple[Handle, News]]) -> None:
        for handle, message in news:
            work = self._at.get(handle)
            if work is None:
                continue
            work.heard = time.monotonic()
            match message:
                case Moved():
                    work.progress = message.step / max(message.batches, 1)
                case Finished():
                    self._on_finished(work, message)
                case Failed(slot=None):
                    self._on_stack_failure(work, message.cause, message.details, is_own=message.is_own)
                case Failed():
                    self._on_run_failure(work, message)
                case Ended():
                    self._on_end(handle, work)
                case Died():
                    self._on_worker_exit(handle, work, message)

    def _on_finished(self, work: _Work, message: Finished) -> None:
        """Count a run as made when its folder says so too."""
        index, folder = work.runs[message.slot], message.folder
        if index in self._finished:
            return
        run, entry = self._runs[index], look_at(self._study / folder)
        problem = entry.damage
        if entry.found and entry.found.identity != run.identity:
            problem = f"it is of another identity, {entry.found.identity}"
        if problem:
            work.wanted = tuple(other for other in work.wanted if other != index)
            cause = f"reported as made, but {folder} is not whole: {problem}"
            self._retry_run(index, cause, cause)
            return
        self._finished.add(index)
        if message.existed:
            self._tally.existed += 1
        else:
            self._tally.made += 1
        self._tally.diverged += entry.status == "diverged"
        self._logs.remove(run.label, run.identity)
        self._watch.on_line(f"{'existed' if message.existed else entry.status} {run.label}")

    def _on_run_failure(self, work: _Work, message: Failed) -> None:
        assert message.slot is not None
        index = work.runs[message.slot]
        work.wanted = tuple(other for other in work.wanted if other != index)
        if message.held and self._may_wait(index, message.cause):
            again = _Work(work.runs, (index,), self._runs[index].seconds, work.alone)
            self._waiting.append((time.monotonic() + _HELD_SECONDS, again))
            self._total_seconds += again.seconds
        else:
            hopeless = message.hopeless or message.held
            self._retry_run(index, message.cause, message.details, hopeless=hopeless, is_own=message.is_own)

    def _may_wait(self, index: int, cause: str) -> bool:
        """Wait for another process as long as for a worker without progress; a run of hours is better started later."""
        if index not in self._held_until:
            self._held_until[index] = time.monotonic() + self._policy.timeout
            self._watch.on_line(f"waiting for {self._runs[index].label}: {cause}")
        return time.monotonic() < self._held_until[index]

    def _on_end(self, handle: Handle, work: _Work) -> None:
        """Be done with a stack; what is missing of it goes back, since someone else has stopped the worker."""
        del self._at[handle]
        self._done_seconds += work.seconds
        missing = tuple(self._unfinished(work))
        if missing:
            self._requeue(_Work(work.runs, missing, work.seconds, work.alone))

    def _on_worker_exit(self, handle: Handle, work: _Work, exited: Died) -> None:
        """Take the stack of a worker back that has ended on it."""
        del self._at[handle]
        self._done_seconds += work.seconds
        self._watch.on_line(f"worker {handle.where} is gone: {exited.cause}")
        if not self._ending and not self._watch.should_stop():
            self._on_stack_failure(work, exited.cause, f"{exited.cause}\n\n{exited.details}")

    def _on_stack_failure(self, work: _Work, cause: str, details: str, *, is_own: bool = False) -> None:
        """Charge it to a run that was alone; of a stack nobody knows which it was, and each is made alone."""
        missing, work.wanted = self._unfinished(work), ()
        for index in missing:
            if len(work.runs) == 1:
                self._retry_run(index, cause, details, hopeless=is_own, is_own=is_own)
            else:
                self._requeue(_Work((index,), (index,), work.seconds / len(work.runs), alone=True))

    def _retry_run(self, index: int, cause: str, details: str, *, hopeless: bool = False, is_own: bool = False) -> None:
        self._tries[index] = self._tries.get(index, 0) + 1
        if hopeless or self._tries[index] > self._policy.retries:
            self._fail(index, cause, details, is_own=is_own)
            return
        self._watch.on_line(f"trying again {self._runs[index].label}: {cause}")
        self._requeue(_Work((index,), (index,), self._runs[index].seconds, alone=True))

    def _requeue(self, work: _Work) -> None:
        """Have it made next: what fails, fails early."""
        self._queue.appendleft(work)
        self._total_seconds += work.seconds

    def _fail(self, index: int, cause: str, details: str, *, is_own: bool = False) -> None:
        run = self._runs[index]
        failure = self._logs.write(index, run.label, run.identity, cause, details, is_own=is_own)
        self._tally.failed += 1
        self._watch.on_line(f"failed {failure.name}: {cause}")

    def _cancel_hung(self) -> None:
        for handle, work in self._at.items():
            if time.monotonic() - work.heard > self._policy.timeout:
                reason = f"the worker made no progress for {self._policy.timeout:g} s and was ended"
                self._executor.cancel(handle, reason)

    def _report(self) -> None:
        tally = self._tally
        tally.running = sum(len(self._unfinished(work)) for work in self._at.values())
        tally.workers = [handle.where for handle in self._at]
        tally.seconds = time.monotonic() - self._started
        partly = sum(work.progress * work.seconds for work in self._at.values())
        tally.share = min(1.0, (self._done_seconds + partly) / self._total_seconds)
        self._watch.on_news(tally)

    def _unfinished(self, work: _Work) -> list[int]:
        return [index for index in work.wanted if not self._is_settled(index)]
