"""Benchmarks, run by hand: `python -m tests.benchmarks [--quick] [--runs N] [--json FILE] [--against FILE]`.

First training alone, by everything that can, then measuring, group by group, then whole commands. `--json` keeps it all
with the machine's description; `--against` compares with what was kept on another machine or of another commit.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Iterator
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from statistics import geometric_mean, mean, stdev
from typing import Any

import numpy as np
import torch

from rnnlab.studies.executors.local import core_count
from rnnlab.training import make_engine
from tests.benchmarks.commands import SWEEPS, Sweep, time_commands, time_sweep
from tests.benchmarks.contestants import STACK, Setting
from tests.benchmarks.final_loss import LAST, compare
from tests.benchmarks.measuring import RECORDS, Measuring, time_measuring
from tests.benchmarks.timing import REPEATS, Row, measure_row

SETTINGS = [
    *(Setting(*sizes) for sizes in ((32, 10, 1), (16, 10, 1), (32, 10, 2), (128, 10, 1), (32, 100, 1), (128, 100, 1))),
    *(Setting(*sizes, "lstm") for sizes in ((32, 10, 1), (128, 10, 1), (32, 100, 1))),
]
QUICK = [Setting(32, 10, 1), Setting(32, 10, 2)]

COLUMNS = ("notebook", "nn", "torch", "native", "JAX one", "JAX vmap", "limit")

HEADER = (
    " cell   H   T  L |"
    + "".join(f"{name:>9}" for name in COLUMNS)
    + " | notebook/native torch/native JAX/native native/limit"
)


def main() -> None:
    arguments = _parse()
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"  # one thread, as all
    torch.set_num_threads(1)
    if arguments.final_loss:
        _print_final_losses(arguments.seeds)
        return
    print(
        f"CPU time of one update of one model, one thread, microseconds: medians of {REPEATS}, in turn in one process."
    )
    print(f"Engines and JAX vmap train {STACK} nets. nn: nn.RNN, nn.LSTM. limit: tests/benchmarks/limit.py.")
    if find_spec("jax") is None:
        print("JAX is not installed and left out; pip install 'rnnlab[bench]'")
    print(HEADER)
    rows = list(_printed_rows(QUICK if arguments.quick else SETTINGS))
    _print_means(rows)
    report = _report(rows)
    measuring = time_measuring(REPEATS)
    _print_measuring(measuring)
    report["measuring"] = measuring.seconds
    if arguments.runs:
        commands, sweep = time_commands(), time_sweep(arguments.runs)
        _print_commands(commands, sweep)
        report |= {"commands": commands, "sweep": vars(sweep)}
    if arguments.against:
        _print_comparison(report, json.loads(arguments.against.read_text()))
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="Time rnnlab against plain loops.")
    parser.add_argument("--quick", action="store_true", help="two settings instead of nine")
    parser.add_argument("--runs", type=int, default=400, metavar="N", help="runs of the sweep; 0: no whole commands")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the table, with the machine")
    parser.add_argument("--against", type=Path, metavar="FILE", help="compare with what --json kept")
    parser.add_argument("--final-loss", action="store_true", help="compare final losses instead of times")
    parser.add_argument("--seeds", type=int, default=5, help="seeds for --final-loss")
    return parser.parse_args()


def _printed_rows(settings: list[Setting]) -> Iterator[Row]:
    for setting in settings:
        row = measure_row(setting)
        times = "".join(_cell(row.microseconds.get(name), 9, 1) for name in COLUMNS)
        ratios = ((row.ratio("notebook", "native"), 16), (row.ratio("torch", "native"), 13), (row.jax, 11))
        print(
            f"{setting.cell:>5}{setting.hidden_size:4}{setting.seq_len:4}{setting.layers:3} |{times} |"
            + "".join(_cell(ratio, width, 2) for ratio, width in (*ratios, (row.ratio("native", "limit"), 13))),
            flush=True,
        )
        yield row


def _print_means(rows: list[Row]) -> None:
    """Print the geometric means of the ratios, where every row has one."""
    for name, ratios in {
        "JAX's better figure / native": [row.jax for row in rows],
        "native / limit": [row.ratio("native", "limit") for row in rows],
    }.items():
        known = [ratio for ratio in ratios if ratio is not None]
        if known:
            print(
                f"{name}: {geometric_mean(known):.2f} in the geometric mean, from {min(known):.2f} to {max(known):.2f}"
            )


def _print_measuring(measuring: Measuring) -> None:
    print(f"\nMeasuring the {RECORDS} records of a default run: CPU seconds, and times what every run records takes.")
    for name, seconds in measuring.seconds.items():
        print(f"  {name:24}{seconds:8.3f} s{measuring.ratio(name):8.1f}")


def _print_commands(commands: dict[str, float], sweep: Sweep) -> None:
    print("\nWhole commands, wall time: medians, in turn.")
    for name, seconds in commands.items():
        print(f"  {name:24}{seconds:8.2f} s")
    print(f"A sweep of {sweep.runs} default runs, medians of {SWEEPS}:")
    print(f"  by one worker           {sweep.seconds_alone:8.1f} s")
    print(f"  by {sweep.workers} workers            {sweep.seconds_together:8.1f} s, {sweep.speedup:.2f} times as fast")
    print(
        f"  a run of one worker     {sweep.training:8.1f} ms of training, {sweep.measuring:.1f} of measuring, "
        f"{sweep.writing:.1f} of writing: {sweep.share:.0%} of training"
    )


def _print_comparison(now: dict[str, Any], before: dict[str, Any]) -> None:
    """Print how many times what it took before each setting takes now; the limit shows what the machine does to it."""
    print(f"\nTimes what it took on {before['machine']['processor']}, kernel {before['machine'].get('kernel')}:")
    sizes = ("cell", "hidden_size", "seq_len", "layers")
    earlier = {tuple(row[size] for size in sizes): row for row in before["rows"]}
    for row in now["rows"]:
        old = earlier.get(tuple(row[size] for size in sizes), {})
        ratios = "".join(f"  {name} {row[name] / old[name]:.2f}" for name in COLUMNS if name in row and name in old)
        print(f"{row['cell']:>5}{row['hidden_size']:4}{row['seq_len']:4}{row['layers']:3} |{ratios}")


def _cell(value: float | None, width: int, digits: int) -> str:
    return f"{'-':>{width}}" if value is None else f"{value:{width}.{digits}f}"


def _report(rows: list[Row]) -> dict[str, Any]:
    return {
        "machine": {
            "processor": _processor(),
            "system": platform.system(),
            "cores": core_count(),
            "load": os.getloadavg()[0],
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
            "jax": version("jax") if find_spec("jax") else None,
            **(make_engine().details),
        },
        "unit": "microseconds of CPU time for one update of one model",
        "stack": STACK,
        "repeats": REPEATS,
        "rows": [vars(row.setting) | row.microseconds for row in rows],
    }


def _processor() -> str:
    """Give the processor's name where the system tells it."""
    facts = Path("/proc/cpuinfo")
    if facts.exists():
        for line in facts.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _print_final_losses(seeds: int) -> None:
    print(f"Mean of the last {LAST} losses of configs/cumulative_average.yaml, {seeds} seeds each.")
    comparison = compare(seeds)
    for name, losses in vars(comparison).items():
        listed = " ".join(f"{loss:.6f}" for loss in losses)
        print(f"{name:>9}: {listed}   mean {mean(losses):.6f}, sd {stdev(losses):.6f}")
    verdict = "within" if comparison.within else "NOT within"
    print(f"The difference of the means lies {verdict} two standard errors.")


if __name__ == "__main__":
    main()
