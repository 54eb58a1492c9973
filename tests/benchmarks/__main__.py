"""Benchmarks, run by hand: `python -m tests.benchmarks [--quick] [--json FILE] [--final-loss] [--seeds N]`."""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
import torch

from tests.benchmarks.contestants import STACK, Setting
from tests.benchmarks.final_loss import LAST, compare
from tests.benchmarks.timing import REPEATS, Row, measure_row

SETTINGS = [Setting(*values) for values in product((16, 32, 128), (10, 100), (1, 2))]
QUICK = [Setting(32, 10, 1), Setting(32, 10, 2)]

HEADER = "   H    T  L | notebook    nn.RNN    engine | notebook/engine  nn.RNN/engine"


def main() -> None:
    arguments = _parse()
    torch.set_num_threads(1)
    if arguments.final_loss:
        _print_final_losses(arguments.seeds)
        return
    print(f"CPU time of one update of one model, microseconds: medians of {REPEATS}; engine in a stack of {STACK}.")
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
        times = "".join(f"{value:10.1f}" for value in row.microseconds.values())
        print(
            f"{setting.hidden_size:4} {setting.seq_len:4} {setting.layers:2} |{times[1:]} |"
            f"{row.ratio('notebook'):16.1f}{row.ratio('nn.RNN'):15.1f}",
            flush=True,
        )
        yield row


def _report(rows: list[Row]) -> dict[str, Any]:
    return {
        "machine": {
            "processor": _processor(),
            "system": platform.system(),
            "instructions": torch.backends.cpu.get_cpu_capability(),
            "threads": 1,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
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
