"""Whole commands: where the time of a default `train`, and of a sweep of many such runs, goes.

Timed from outside by the wall clock, in turn, each from an empty folder; what a run of the sweep is made of, its
run.json says.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median

from rnnlab.studies.executors.local import core_count

STUDY = Path(__file__).parents[2] / "configs" / "cumulative_average.yaml"

SEEDS = 10
"""Runs of a sweep that differ in the seed alone; the rest differ in the scale of their weights."""

REPEATS, SWEEPS = 5, 3


@dataclass(frozen=True)
class Sweep:
    """A sweep by one worker and by all, and what a run of it is made of, in milliseconds of one core."""

    runs: int
    workers: int
    seconds_alone: float
    seconds_together: float
    seconds_of_start: float  # of the whole command with a single run without batches
    training: float
    measuring: float

    @property
    def speedup(self) -> float:
        """How many times faster all workers are than one."""
        return self.seconds_alone / self.seconds_together

    @property
    def writing(self) -> float:
        """What is left of a run's time: its folder, and handing it out."""
        return 1000 * (self.seconds_alone - self.seconds_of_start) / self.runs - self.training - self.measuring

    @property
    def share(self) -> float:
        """Measuring and writing, as a part of training."""
        return (self.measuring + self.writing) / self.training


def time_commands() -> dict[str, float]:
    """Give the seconds of short commands: medians, in turn."""
    commands = {
        "import torch": ["-c", "import torch"],
        "rnnlab --help": ["-m", "rnnlab", "--help"],
        "rnnlab train, default": ["-m", "rnnlab", "train", str(STUDY), "--quiet"],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(REPEATS):
        for name, arguments in commands.items():
            with tempfile.TemporaryDirectory() as folder:
                times[name].append(_seconds([*arguments, *(["--runs", folder] if "train" in arguments else [])]))
    return {name: median(each) for name, each in times.items()}


def time_sweep(runs: int) -> Sweep:
    """Make so many default runs by one worker and by as many as there are cores, in turn; medians."""
    scales = max(1, runs // SEEDS)
    axes = [f"model.weight_scale=linspace(0.5,1.5,{scales})", f"seed=range(0,{SEEDS},1)"]
    workers = core_count()
    alone: list[tuple[float, float, float]] = []  # wall time, and a run's training and measuring
    together: list[float] = []
    for _ in range(SWEEPS):
        for jobs in sorted({1, workers}):
            with tempfile.TemporaryDirectory() as folder:
                taken = _seconds(["-m", "rnnlab", "sweep", str(STUDY), *axes, f"-qj{jobs}", "--runs", folder])
                if jobs == 1:
                    made = list(_made(Path(folder)))
                    measuring = mean(info["seconds_measuring"] for info in made)
                    alone.append((taken, mean(info["seconds"] for info in made) - measuring, measuring))
                else:
                    together.append(taken)
    with tempfile.TemporaryDirectory() as folder:
        start = _seconds(["-m", "rnnlab", "sweep", str(STUDY), "training.batches=0", "-qj1", "--runs", folder])
    taken, training, measuring = sorted(alone)[SWEEPS // 2]
    return Sweep(len(made), workers, taken, median(together or [taken]), start, 1000 * training, 1000 * measuring)


def _made(runs: Path) -> Iterator[dict[str, float]]:
    for path in runs.glob("*/*/run.json"):
        yield json.loads(path.read_text())


def _seconds(arguments: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started
