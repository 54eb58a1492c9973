"""Sweeps of small nets as commands in processes of their own, and what they leave.

They train with PyTorch, which takes long enough over such nets that there is time to stop, kill and look.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rnnlab.config import load_sweep
from rnnlab.studies.planning import plan_sweep
from rnnlab.studies.policy import Policy, SweepOutcome, Watch
from rnnlab.studies.unattended import run_sweep

RUN_FOLDER = re.compile(r".+-[0-9a-f]{12}")

RATES = "[0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08]"
EIGHT = f"""\
name: eight
task: {{seq_len: 4}}
model: {{hidden_size: 3}}
training: {{batches: 40, batch_size: 4}}
record: {{every: 20, sequences: 3}}
sweep: {{axes: {{training.learning_rate: {RATES}}}}}
"""
"""Eight runs of one shape, which make four stacks of two: 0.01 and 0.02 train together."""

LONG = EIGHT.replace("eight", "long").replace("batches: 40", "batches: 4000").replace("every: 20", "every: 1000")
"""The same, of some seconds."""

_KEPT = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "COVERAGE_PROCESS_CONFIG")
BARE = {name: os.environ[name] for name in _KEPT if name in os.environ}
"""An environment without what pytest and its user have set; only coverage goes on being measured."""


@dataclass(frozen=True)
class Ended:
    """What a command leaves."""

    code: int
    out: str
    err: str


def command(*arguments: object) -> list[str]:
    """Give the command line of `rnnlab` in this installation."""
    return [sys.executable, "-B", "-m", "rnnlab", *map(str, arguments)]


def start(folder: Path, *arguments: object, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """Begin `rnnlab sweep` in a folder."""
    return subprocess.Popen(
        command("sweep", *arguments, "--engine", "torch"),
        cwd=folder,
        env={**BARE, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(process: subprocess.Popen[str], seconds: float = 60) -> Ended:
    """Wait for its end; one that does not come in time is a failure."""
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return Ended(process.returncode, out, err)


def sweep(folder: Path, *arguments: object, env: Mapping[str, str] | None = None, seconds: float = 60) -> Ended:
    """Run `rnnlab sweep` in a folder to its end."""
    return end(start(folder, *arguments, env=env), seconds)


def sweep_here(config: Path, runs: Path, *, jobs: int = 2, engine: str = "torch") -> SweepOutcome:
    """Run a sweep from this process: its server, with PyTorch imported, stays for the next one."""
    plan = plan_sweep(load_sweep(config, []), runs, engine=engine)
    return run_sweep(plan, Policy(jobs), Watch())


def write_config(folder: Path, content: str) -> Path:
    """Write a config, and give its path."""
    path = folder / "sweep.yaml"
    path.write_text(content)
    return path


def run_folders(study: Path) -> list[Path]:
    """Give the finished runs of a study."""
    return sorted(path for path in study.iterdir() if RUN_FOLDER.fullmatch(path.name))


def results(study: Path) -> dict[str, bytes]:
    """Give the bytes of every archive of a study."""
    return {
        f"{folder.name}/{name}": (folder / name).read_bytes()
        for folder in run_folders(study)
        for name in ("metrics.npz", "weights.npz")
    }


def others(study: Path) -> set[str]:
    """Give the names of what stands in a study beside the finished runs."""
    return {path.name for path in study.iterdir() if not RUN_FOLDER.fullmatch(path.name)}


TIDY = {"index.csv", "status.json"}
"""What a sweep leaves beside its runs when nothing failed."""


def wait_for(condition: Callable[[], object], seconds: float = 120) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            raise TimeoutError("it did not happen in time")
        time.sleep(0.02)


def is_making(process: subprocess.Popen[str], study: Path) -> bool:
    """Tell whether a worker of this sweep has begun with a run."""
    try:
        status = json.loads((study / "status.json").read_text())
        owners = [json.loads(path.read_text())["pid"] for path in study.glob(".[0-9a-f]*/owner.json")]
    except (FileNotFoundError, json.JSONDecodeError):
        return False
    return status["pid"] == process.pid and bool({*owners} & {*status["workers"]})


def stop_in_making(process: subprocess.Popen[str], study: Path, number: int = signal.SIGTERM) -> Ended:
    """Send a signal as soon as a run is in the making."""
    wait_for(lambda: is_making(process, study))
    process.send_signal(number)
    return end(process)
