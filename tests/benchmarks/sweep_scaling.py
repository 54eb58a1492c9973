"""Two workers against one on the same sweep: `python -m tests.benchmarks.sweep_scaling [--batches N] [--repeats N]`.

Wall time of the whole command, start-up included. The two take turns, so that both meet the same neighbours on the
machine; what counts are the medians.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

RUNS = 32

CONFIG = """\
name: scaling
task: {{seq_len: 10}}
model: {{hidden_size: 32}}
training: {{batches: {batches}, batch_size: 32}}
record: {{every: 1000, sequences: 32}}
sweep: {{axes: {{model.weight_scale: {{linspace: [0.5, 1.5, {runs}]}}}}}}
"""


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.sweep_scaling")
    parser.add_argument("--batches", type=int, default=12_000, help="of each run; start-up should be below 5 %%")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    load = os.getloadavg()[0]
    print(f"{RUNS} runs of {options.batches} batches (tanh, H 32, T 10, batch 32); load of the machine {load:.1f}")
    print("workers   seconds of each repeat        median")
    times = measure(options.batches, options.repeats)
    for jobs, seconds in times.items():
        each = " ".join(f"{value:8.1f}" for value in seconds)
        print(f"{jobs:7}   {each}   {median(seconds):8.1f}")
    idle = median(seconds_of("training.batches=0", 1, options.batches) for _ in range(options.repeats))
    print(f"two workers are {median(times[1]) / median(times[2]):.2f} times as fast as one; no batches: {idle:.1f} s")


def measure(batches: int, repeats: int) -> dict[int, list[float]]:
    """Time one worker and two, in turns."""
    times: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(repeats):
        for jobs, seconds in times.items():
            seconds.append(seconds_of(None, jobs, batches))
    return times


def seconds_of(override: str | None, jobs: int, batches: int) -> float:
    """Time one sweep from an empty folder."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "scaling.yaml"
        config.write_text(CONFIG.format(batches=batches, runs=RUNS))
        command = [sys.executable, "-m", "rnnlab", "sweep", str(config), *([override] if override else [])]
        started = time.perf_counter()
        subprocess.run([*command, "--quiet", f"-j{jobs}", "--runs", folder], check=True)
        return time.perf_counter() - started


if __name__ == "__main__":
    main()
