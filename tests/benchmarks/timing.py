"""CPU time of one update of one model: round-robin repeats in one process on one thread, and their medians."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
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

    def ratio(self, name: str, to: str) -> float | None:
        """Say how many times longer one takes than another, where both are here."""
        times = self.microseconds
        return times[name] / times[to] if name in times and to in times else None

    @property
    def jax(self) -> float | None:
        """How many times longer the better of JAX's ways takes than the native engine."""
        ratios = [ratio for name in ("JAX one", "JAX vmap") if (ratio := self.ratio(name, "native")) is not None]
        return min(ratios, default=None)


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
    piece = contestant.piece
    _seconds(contestant, 2 * piece)
    return piece * max(1, ceil(SECONDS / max(_seconds(contestant, 2 * piece) / 2, 1e-6)))


def _seconds(contestant: Contestant, updates: int) -> float:
    started = time.process_time()
    contestant.training.advance(updates)
    return time.process_time() - started


def _microseconds(times: Sequence[float]) -> float:
    return 1e6 * median(times)
