"""Where stacks are made: any executor gives the same bytes, and none is believed without the run's folder."""

from __future__ import annotations

import inspect
import pickle
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from rnnlab.cli.sweep import sweep as sweep_command
from rnnlab.config import load_sweep
from rnnlab.registry import UnknownNameError
from rnnlab.studies.executors import EXECUTORS, Executor, Handle
from rnnlab.studies.messages import Died, Ended, Finished, News, StackTask
from rnnlab.studies.planning import plan_sweep
from rnnlab.studies.policy import Policy, SweepOutcome, Watch
from rnnlab.studies.unattended import run_sweep
from tests.studies.sweeping import EIGHT, TIDY, others, results, run_folders, sweep, sweep_here, write_config

_MAKE = """
import pickle, sys
from rnnlab.studies.stack_maker import make
task = pickle.load(sys.stdin.buffer)
out, sys.stdout = sys.stdout.buffer, sys.stderr
def send(message):
    pickle.dump(message, out)
    out.flush()
make(task, send)
"""


class OneProcessAStack:
    """Each stack in a Python of its own, as a cluster would start it; all that passes is its stdin and stdout."""

    name: ClassVar[str] = "one-process-a-stack"
    meaning: ClassVar[str] = "a new process for each stack"

    def __init__(self, jobs: int, logs: Path, should_stop: Callable[[], bool]) -> None:
        self.capacity = jobs
        self._news: queue.Queue[tuple[Handle, News]] = queue.Queue()
        self._processes: dict[Handle, subprocess.Popen[bytes]] = {}

    @staticmethod
    def memory() -> int | None:
        return None

    def submit(self, task: StackTask) -> Handle:
        process = subprocess.Popen(
            [sys.executable, "-c", _MAKE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        handle = Handle(f"process {process.pid}")
        self._processes[handle] = process
        threading.Thread(target=self._listen, args=(handle, process, task), daemon=True).start()
        return handle

    def _listen(self, handle: Handle, process: subprocess.Popen[bytes], task: StackTask) -> None:
        with process:
            assert process.stdin
            assert process.stdout
            pickle.dump(task, process.stdin)
            process.stdin.close()
            try:
                while True:
                    self._news.put((handle, pickle.load(process.stdout)))
            except EOFError:
                self._news.put((handle, Died("its process has ended")))  # after Ended nobody takes it

    def news(self, seconds: float) -> Iterator[tuple[Handle, News]]:
        try:
            yield self._news.get(timeout=seconds)
        except queue.Empty:
            return
        while not self._news.empty():
            yield self._news.get()

    def cancel(self, handle: Handle, reason: str) -> None:
        self._processes[handle].kill()

    def stop(self, seconds: float) -> Iterator[tuple[Handle, News]]:
        for process in self._processes.values():
            process.kill()
            process.wait()
        yield from self.news(0)


def made_by(executor: str, config: Path, runs: Path, *, jobs: int = 2, retries: int = 1) -> SweepOutcome:
    """Make a study with PyTorch, whose bits depend on the stacks being cut as they should."""
    plan = plan_sweep(load_sweep(config, []), runs, engine="torch")
    return run_sweep(plan, Policy(jobs, retries=retries, executor=executor), Watch())


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("calm")
    assert sweep_here(write_config(folder, EIGHT), folder / "runs").tally.made == 8
    return folder


def test_an_executor_from_outside_the_package_makes_the_same_bytes(calm: Path, tmp_path: Path) -> None:
    with EXECUTORS.extended(OneProcessAStack):
        outcome = made_by(OneProcessAStack.name, calm / "sweep.yaml", tmp_path)
    assert (outcome.tally.made, outcome.failures) == (8, [])
    assert results(tmp_path / "eight") == results(calm / "runs" / "eight")
    assert others(tmp_path / "eight") == TIDY


def test_inline_makes_the_same_bytes_in_this_process(calm: Path, tmp_path: Path) -> None:
    outcome = made_by("inline", calm / "sweep.yaml", tmp_path)
    assert (outcome.tally.made, outcome.failures) == (8, [])
    assert results(tmp_path / "eight") == results(calm / "runs" / "eight")
    assert others(tmp_path / "eight") == TIDY


def test_inline_stops_between_two_updates_and_goes_on_from_there(calm: Path, tmp_path: Path) -> None:
    config = write_config(tmp_path, EIGHT)
    asked = iter([*[False] * 30])
    plan = plan_sweep(load_sweep(config, []), tmp_path / "runs", engine="torch")
    watch = Watch(should_stop=lambda: next(asked, True))
    stopped = run_sweep(plan, Policy(1, executor="inline"), watch)
    assert stopped.stopped
    assert stopped.tally.left > 0
    assert made_by("inline", config, tmp_path / "runs").tally.left == 0
    assert results(tmp_path / "runs" / "eight") == results(calm / "runs" / "eight")


def test_the_command_takes_where_stacks_are_made(tmp_path: Path) -> None:
    write_config(tmp_path, EIGHT)
    assert sweep(tmp_path, "sweep.yaml", "--on", "inline", "--quiet").code == 0
    assert len(run_folders(tmp_path / "runs" / "eight")) == 8
    ended = sweep(tmp_path, "sweep.yaml", "--on", "slrum", "--runs", "elsewhere")
    assert (ended.code, ended.err) == (2, "there is no executor 'slrum'; valid: local, inline\n")
    assert not (tmp_path / "elsewhere").exists()


class Liar(OneProcessAStack):
    """Says of every run that it is made, and makes none."""

    name: ClassVar[str] = "liar"

    def submit(self, task: StackTask) -> Handle:
        handle = Handle("nowhere")
        for slot, one in enumerate(task.slots):
            self._news.put((handle, Finished(slot, f"{one.label}-{one.identity[:12]}")))
        self._news.put((handle, Ended()))
        return handle


def test_what_is_reported_is_believed_only_when_the_folder_is_there_and_whole(tmp_path: Path) -> None:
    config = write_config(tmp_path, EIGHT)
    with EXECUTORS.extended(Liar):
        outcome = made_by("liar", config, tmp_path / "runs")
    assert (outcome.tally.made, outcome.tally.failed, outcome.tally.left) == (0, 8, 0)
    for failure in outcome.failures:
        assert failure.cause == f"reported as made, but {failure.name} is not whole: run.json is missing"


def test_an_unknown_executor_is_an_error_that_lists_those_that_there_are() -> None:
    with pytest.raises(UnknownNameError, match=r"^there is no executor 'inlin'; valid: local, inline\. Did you mean"):
        EXECUTORS["inlin"]


def _is_an_executor(executor: type[Executor]) -> type[Executor]:
    return executor


def test_every_executor_has_a_name_and_a_meaning_and_stands_in_the_help_of_sweep() -> None:
    said = inspect.get_annotations(sweep_command, eval_str=True)["executor"].__metadata__[0].help
    for name, executor in EXECUTORS.items():
        assert _is_an_executor(executor).name == name
        assert executor.meaning
        assert f"{name}, " in said
