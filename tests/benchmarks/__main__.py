"""Benchmarks, run by hand: `python -m tests.benchmarks [--quick] [--json FILE] [--final-loss] [--seeds N]`."""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Iterator
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
import torch

from rnnlab.training import make_engine
from tests.benchmarks.contestants import STACK, Setting
from tests.benchmarks.final_loss import LAST, compare
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
    print(f"CPU time of one update of one model, microseconds: medians of {REPEATS}, in turn in one process.")
    print(f"Engines and JAX vmap train {STACK} nets. nn: nn.RNN, nn.LSTM. limit: tests/benchmarks/limit.py.")
    if find_spec("jax") is None:
        print("JAX is not installed and left out; pip install 'rnnlab[bench]'")
    print(HEADER)
    rows = list(_printed_rows(QUICK if arguments.quick else SETTINGS))
    if arguments.json:
        arguments.json.write_text(json.dumps(_report(rows), indent=2) + "\n")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="Time rnnlab against plain loops.")
    parser.add_argument("--quick", action="store_true", help="two settings instead of twelve")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the table, with the machine")
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


def _cell(value: float | None, width: int, digits: int) -> str:
    return f"{'-':>{width}}" if value is None else f"{value:{width}.{digits}f}"


def _report(rows: list[Row]) -> dict[str, Any]:
    return {
        "machine": {
            "processor": _processor(),
            "system": platform.system(),
            "threads": 1,
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
