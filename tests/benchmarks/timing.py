"""CPU time of one update of one model: round-robin repeats in one process on one thread, and their medians."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from tests.benchmarks.contestants import Contestant, Setting, make_contestants

REPEATS = 5

SECONDS = 0.3
"""CPU time of one repeat, at least: long against the clock's steps."""


@dataclass(frozen=True)
class Row:
    """The microseconds of CPU time that one update of one model takes, by contestant."""

    setting: Setting
    microseconds: dict[str, float]

    def ratio(self, name: str) -> float:
        """Say how many times longer one takes than the engine."""
        return self.microseconds[name] / self.microseconds["engine"]


def measure_row(setting: Setting) -> Row:
    """Time all contestants on one setting, in turn."""
    contestants = make_contestants(setting)
    updates = [_calibrate(contestant) for contestant in contestants]
    times: list[list[float]] = [[] for _ in contestants]
    for _ in range(REPEATS):
        for each, contestant, count in zip(times, contestants, updates, strict=True):
            each.append(_seconds(contestant, count) / (count * contestant.models))
    return Row(setting, dict(zip((one.name for one in contestants), map(_microseconds, times), strict=True)))


def _calibrate(contestant: Contestant) -> int:
    """Find how many updates fill one repeat; this also warms up."""
    _seconds(contestant, 1)
    return max(1, math.ceil(SECONDS / max(_seconds(contestant, 2) / 2, 1e-6)))


def _seconds(contestant: Contestant, updates: int) -> float:
    started = time.process_time()
    contestant.training.advance(updates)
    return time.process_time() - started


def _microseconds(times: Sequence[float]) -> float:
    return 1e6 * median(times)
