"""A sweep of ten thousand tiny runs: `python -m tests.benchmarks.many_runs [--runs N] [--batches N]`.

Looks from outside at the memory of the process that watches over the sweep, and compares it with a sweep of ten
runs; then times `rnnlab ls` of the study and the same sweep again, when nothing is left to do.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

CONFIG = """\
name: many
task: {seq_len: 2}
model: {hidden_size: 2}
training: {batch_size: 2}
record: {sequences: 1}
"""


@dataclass(frozen=True)
class Measured:
    """A command: its wall time, and the most memory that its first process had, in megabytes."""

    seconds: float
    megabytes: float


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.many_runs")
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--batches", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="where the runs go; default: a temporary folder")
    options = parser.parse_args()
    print(f"load of the machine {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        few = sweep(Path(folder), "few", 10, options.batches)
        many = sweep(Path(folder), "many", options.runs, options.batches)
        again = sweep(Path(folder), "many", options.runs, options.batches)
        listed = watch(["ls", f"{folder}/many/many"])
        _print_table(options.runs, few, many, again, listed)


def _print_table(runs: int, few: Measured, many: Measured, again: Measured, listed: Measured) -> None:
    print("                          seconds   MB of the main process")
    for name, measured in {
        "sweep of 10 runs": few,
        f"sweep of {runs:,} runs": many,
        "the same again": again,
        "ls of them": listed,
    }.items():
        print(f"{name:24}{measured.seconds:9.1f}{measured.megabytes:11.1f}")
    print(f"memory grows by {many.megabytes - few.megabytes:.1f} MB; {1000 * many.seconds / runs:.1f} ms a run")


def sweep(folder: Path, name: str, runs: int, batches: int) -> Measured:
    """Make so many runs, or find that they are made."""
    config = folder / "many.yaml"
    config.write_text(CONFIG)
    axes = [f"training.batches={batches}", f"seed=range(0,{runs},1)"]
    return watch(["sweep", str(config), *axes, "--quiet", "--runs", str(folder / name)])


def watch(arguments: list[str]) -> Measured:
    """Run a command and look at its memory; the kernel keeps the most that it had (VmHWM)."""
    started, most = time.perf_counter(), 0.0
    process = subprocess.Popen([sys.executable, "-m", "rnnlab", *arguments], stdout=subprocess.DEVNULL)
    while process.poll() is None:
        most = max(most, _megabytes(process.pid))
        time.sleep(0.005)
    assert process.returncode == 0, f"rnnlab {arguments[0]} ended with exit code {process.returncode}"
    return Measured(time.perf_counter() - started, most)


def _megabytes(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), 0.0)


if __name__ == "__main__":
    main()
