"""One fault: put in, looked at, started again. What must hold after each is said here."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from rnnlab.errors import UserError
from rnnlab.store import list_runs
from rnnlab.store.verifying import verify_run
from tests.faults.scenarios import Scenario
from tests.faults.shim import Kind, arm, counted

_TRACEBACK = 99
_PATIENCE = 120.0  # seconds


class LostError(Exception):
    """Something did not hold."""


class Trial:
    """One scenario, as it stands before and as it ends undisturbed.

    Args:
        scenario: what is done.
        folder: where it is tried, again and again.
    """

    def __init__(self, scenario: Scenario, folder: Path, sweep: str) -> None:
        self._scenario, self._folder = scenario, folder
        self._before, self._work = folder / "before", folder / "work"
        self._runs = self._work / "runs"
        self._before.mkdir(parents=True)
        (self._before / "sweep.yaml").write_text(sweep)
        _must_succeed(_fork(lambda: scenario.prepare(self._before / "runs")), "the preparation")
        self._old = self._results(self._before / "runs")
        self._begin()
        _must_succeed(_fork(self._act_and_count), "the scenario, undisturbed")
        self.operations = int((folder / "count").read_text())
        self.operations = max(self.operations, 1)
        self._calm = self._results(self._runs)
        self._calm_names = self._names()

    def _act_and_count(self) -> None:
        arm(self._work, 0, None)
        self._scenario.act(self._runs)
        (self._folder / "count").write_text(str(counted()))

    def _begin(self) -> None:
        shutil.rmtree(self._work, ignore_errors=True)
        shutil.copytree(self._before, self._work)

    def disturb(self, number: int, kind: Kind) -> None:
        """Put a fault in at one operation; then start again.

        Raises:
            LostError: a run is lost, half there or another; or somebody saw a traceback; or something is left over.
        """
        self._begin()

        def act() -> None:
            arm(self._work, number, kind)
            self._scenario.act(self._runs)

        code = _fork(act)
        if code == _TRACEBACK:
            raise LostError("it ended with a traceback")
        if code != 0 and self._scenario.is_done and kind.error in {errno.EROFS, errno.EACCES}:
            raise LostError(f"there was nothing to do, and it ended with code {code}")
        self._look()
        again = _fork(lambda: self._scenario.act(self._runs))
        if again != 0:
            raise LostError(f"the next start ended with code {again}")
        self._look()
        if self._results(self._runs) != self._calm:
            raise LostError("the next start gives other results")
        if self._names() != self._calm_names:
            raise LostError(f"left over: {sorted(self._names() - self._calm_names)}")

    def _look(self) -> None:
        """Hold every run that is visible: whole; and none of those that were there before is gone."""
        folders = [entry.path for study in self._studies(self._runs) for entry in list_runs(study)]
        for folder in folders:
            found = [each for each in verify_run(folder).findings if each.kind != "unexpected"]
            if found:
                raise LostError(f"{folder.name} is half there: {found[0].words}")
        hashes = {folder.name[-12:] for folder in folders}
        lost = {name[-12:] for name, _ in self._old} - hashes
        if lost:
            raise LostError(f"lost: {sorted(lost)}")

    @staticmethod
    def _studies(runs: Path) -> list[Path]:
        return sorted(runs.iterdir()) if runs.is_dir() else []

    def _results(self, runs: Path) -> dict[tuple[str, str], bytes]:
        found = (entry.path for study in self._studies(runs) for entry in list_runs(study))
        return {(run.name, each.name): each.read_bytes() for run in found for each in sorted(run.glob("*.npz"))}

    def _names(self) -> set[str]:
        return {str(path.relative_to(self._runs)) for path in self._runs.rglob("*")}


def _must_succeed(code: int, what: str) -> None:
    if code != 0:
        raise LostError(f"{what} ended with code {code}")


def _fork(act: Callable[[], object]) -> int:
    """Do something in a child; gives its exit code, negative where a signal ended it."""
    child = os.fork()
    if child == 0:
        os._exit(_code_of(act))
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.0005)
    os.kill(child, 9)
    os.waitpid(child, 0)
    raise LostError("it did not end")


def _code_of(act: Callable[[], object]) -> int:
    try:
        act()
    except (UserError, OSError):
        return 1
    except BaseException:
        traceback.print_exc(file=sys.stderr)
        return _TRACEBACK
    return 0
