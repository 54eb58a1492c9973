"""What is done while the file system fails: one function each, with what stands there before."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rnnlab.config import load_sweep
from rnnlab.store import list_runs, open_run
from rnnlab.studies import training_loop
from rnnlab.studies.hooks import Hooks, StoppedError
from rnnlab.studies.planning import plan_sweep
from rnnlab.studies.policy import Policy, Watch
from rnnlab.studies.remeasuring import add_quantities
from rnnlab.studies.run import run_one
from rnnlab.studies.stop_signal import StopSignal
from rnnlab.studies.unattended import run_sweep
from tests.studies.small import StopAt, small

STOP = StopSignal(patient=True)
LENGTH = "training.batches=60"
SWEEP = """\
name: study
task: {seq_len: 4}
model: {hidden_size: 3}
training: {batches: 12, batch_size: 4}
record: {every: 5, sequences: 3}
sweep: {axes: {training.learning_rate: [0.01, 0.02, 0.03]}}
"""


@dataclass(frozen=True)
class Scenario:
    """Something that is done to a runs folder.

    Attributes:
        prepare: what was done before, undisturbed.
        act: what is disturbed, and then done again.
        is_done: whether it was done before: then it has nothing to do, and needs no place to write to.
    """

    prepare: Callable[[Path], object]
    act: Callable[[Path], object]
    is_done: bool = False


def _hooks() -> Hooks:
    STOP.listen(signal.SIGTERM)
    return Hooks(should_stop=STOP.asked)


def _train(runs: Path, *, force: bool = False) -> None:
    run_one(small(LENGTH), runs=runs, force=force, hooks=_hooks())


def _train_saving(runs: Path) -> None:
    training_loop._SAVE_SECONDS, training_loop._SAVE_SHARE, training_loop._ADVANCE_SECONDS = 0.0, 1e9, 1e-4
    _train(runs)


def _interrupt(runs: Path) -> None:
    training_loop._ADVANCE_SECONDS = 0.0
    with suppress(StoppedError):
        run_one(small(LENGTH), runs=runs, hooks=StopAt(20).hooks())


def _interrupt_forced(runs: Path) -> None:
    _train(runs)
    training_loop._ADVANCE_SECONDS = 0.0
    with suppress(StoppedError):
        run_one(small(LENGTH), runs=runs, force=True, hooks=StopAt(20).hooks())


def _sweep(runs: Path, *, force: bool = False) -> None:
    STOP.listen(signal.SIGTERM)
    config = runs.parent / "sweep.yaml"
    plan = plan_sweep(load_sweep(config, []), runs)
    watch = Watch(should_stop=STOP.asked)
    outcome = run_sweep(plan, Policy(1, executor="inline", retries=0), watch, force=force)
    if outcome.tally.failed or outcome.stopped:
        raise StoppedError


def _measure(runs: Path) -> None:
    (entry,) = list_runs(runs / "study")
    add_quantities(open_run(entry.path), ["jacobians", "split"], _hooks())


def _nothing(_: Path) -> None:
    pass


SCENARIOS = {
    "train": Scenario(_nothing, _train),
    "train, saving": Scenario(_nothing, _train_saving),
    "train, resumed": Scenario(_interrupt, _train),
    "train --force": Scenario(_train, lambda runs: _train(runs, force=True)),
    "train --force, resumed": Scenario(_interrupt_forced, lambda runs: _train(runs, force=True)),
    "sweep": Scenario(_nothing, _sweep),
    "sweep --force": Scenario(_sweep, lambda runs: _sweep(runs, force=True)),
    "measure": Scenario(_train, _measure),
    "train, done": Scenario(_train, _train, is_done=True),
    "sweep, done": Scenario(_sweep, _sweep, is_done=True),
}
