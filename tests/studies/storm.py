"""A storm of SIGKILLs on one run: `python -m tests.studies.storm --kills 25 --seed 0`.

Children are forked, each calls `run_one` and is killed after a random short time, until enough have died; then one
may finish. The run must be the same to the byte as one that nobody disturbed, and nothing may ever stand under its
final name before it is whole.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from rnnlab.config import Config, identity
from rnnlab.store import list_runs
from rnnlab.studies import training_loop
from rnnlab.studies.run import run_one
from tests.studies.small import result_bytes, small

SAVE_SECONDS = 0.01  # so that a child of a fraction of a second saves, too
SAVE_SHARE = 0.5
LONGEST_LIFE = 0.5  # seconds


def storm_config(engine: str) -> Config:
    """Give a run of a few seconds: longer than any child lives."""
    work = ["training.batches=4000", "record.every=400"]
    if engine == "native":
        work = ["training.batches=20000", "record.every=2000", "model.hidden_size=32", "training.batch_size=48"]
    return small(*work, "record.weights=true", "model.cell=lstm")


@dataclass
class Tally:
    """What the kills met."""

    kills: int = 0
    resumable: int = 0
    steps: list[int] = field(default_factory=list)


def fork(work: Callable[[], object]) -> int:
    """Run something in a child; gives its process id."""
    child = os.fork()
    if child:
        return child
    try:
        work()
        os._exit(0)
    except BaseException as error:
        os.write(2, f"a child failed: {error!r}\n".encode())
        os._exit(1)


def make(config: Config, runs: Path, engine: str) -> Callable[[], object]:
    """Give what a child does."""

    def work() -> None:
        training_loop._SAVE_SECONDS, training_loop._SAVE_SHARE = SAVE_SECONDS, SAVE_SHARE
        run_one(config, runs=runs, engine=engine)

    return work


def wait_or_kill(child: int, seconds: float) -> bool:
    """Let a child live for a time; tells whether it had to be killed."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            assert os.waitstatus_to_exitcode(status) == 0, "a child that was not killed must succeed"
            return False
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def saved_step(workspace: Path) -> int:
    """Give the latest step of which there is a state; 0 without any."""
    return max((int(path.stem.partition("-")[2]) for path in workspace.glob("state-*.npz")), default=0)


def storm(config: Config, engine: str, runs: Path, kills: int, seed: int) -> Tally:
    """Kill so many children; a run that was finished on the way is begun anew under another folder."""
    chance, tally, rounds = random.Random(seed), Tally(), 0
    while tally.kills < kills:
        study = runs / str(rounds) / config.name
        child = fork(make(config, runs / str(rounds), engine))
        if not wait_or_kill(child, chance.uniform(0.0, LONGEST_LIFE)):
            rounds += 1  # it came through: on to the next
            continue
        tally.kills += 1
        step = saved_step(study / f".{identity(config)[:12]}")
        tally.steps.append(step)
        tally.resumable += step > 0
        for entry in list_runs(study):  # killed between the rename and its end: then it is whole
            assert entry.damage is None, f"{entry.path} is not whole: {entry.damage}"
    for last in range(rounds + 1):
        assert os.waitstatus_to_exitcode(os.waitpid(fork(make(config, runs / str(last), engine)), 0)[1]) == 0
    return tally


def check(engine: str, folder: Path, kills: int, seed: int) -> str:
    """Hold the storm's runs against an undisturbed one."""
    config = storm_config(engine)
    tally = storm(config, engine, folder / "storm", kills, seed)
    assert os.waitstatus_to_exitcode(os.waitpid(fork(make(config, folder / "calm", engine)), 0)[1]) == 0
    (calm,) = list_runs(folder / "calm" / config.name)
    for study in (folder / "storm").glob(f"*/{config.name}"):
        (entry,) = list_runs(study)
        assert entry.damage is None
        assert result_bytes(entry.path) == result_bytes(calm.path), f"{entry.path} differs"
        assert sorted(path.name for path in study.iterdir()) == [entry.path.name, "index.csv"]
    assert tally.resumable >= kills // 4, f"only {tally.resumable} of {kills} kills left a state: {tally.steps}"
    return f"{tally.kills} kills, {tally.resumable} with a saved state (at {tally.steps}): the same to the byte"


def main() -> None:
    """Read the command line and say what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=25)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--engine", default="torch", choices=["torch", "native"])
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        print(check(options.engine, options.folder or Path(temporary), options.kills, options.seed))


if __name__ == "__main__":
    main()
