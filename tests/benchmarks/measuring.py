"""CPU time of measuring the records of a default run: each group of quantities by itself, and all of them together.

A group by itself pays for everything that it needs (states, the backward pass, Jacobians); together they share it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from rnnlab.config import Config, config_from_mapping
from rnnlab.experiment import draw_weights, prepare
from rnnlab.flow import Problem, measure
from rnnlab.flow.group import GROUPS
from rnnlab.training import FRESH, make_stream

RECORDS = 51
"""Of a default run: every 100 of 5,000 updates, with both ends. Here each is a fresh net, which costs the same."""

ALL = "all together"


@dataclass(frozen=True)
class Measuring:
    """The seconds of CPU time that measuring takes, by group."""

    seconds: dict[str, float]

    def ratio(self, name: str) -> float:
        """Say how many times longer one takes than what every run records."""
        return self.seconds[name] / self.seconds["base"]


def time_measuring(repeats: int) -> Measuring:
    """Time every group, and all of them, in turn."""
    config = config_from_mapping({"name": "bench"})
    weights = _weights(config)
    measured = [name for name, group in GROUPS.items() if not group.of_training]
    wanted = {**{name: [name] for name in measured}, ALL: measured}
    times: dict[str, list[float]] = {name: [] for name in wanted}
    for repeat in range(repeats + 1):
        for name, groups in wanted.items():
            seconds = _seconds(config, weights, groups)
            times[name] += [seconds] if repeat else []  # the first warms up
    return Measuring({name: median(each) for name, each in times.items()})


def _weights(config: Config) -> dict[str, np.ndarray]:
    nets = [draw_weights(config.model_copy(update={"seed": seed})) for seed in range(RECORDS)]
    return {name: np.stack([net[name] for net in nets]) for name in nets[0]}


def _seconds(config: Config, weights: dict[str, np.ndarray], groups: Sequence[str]) -> float:
    prepared = prepare(config)
    problem = Problem(
        prepared.architecture,
        weights,
        prepared.probe_inputs_BTI,
        prepared.probe_targets,
        prepared.recipe.sequence_loss,
        lambda count: config.task.sample(make_stream(config.seed, FRESH), count)[0],
    )
    records = {name: GROUPS[name].records(RECORDS, prepared.probe_inputs_BTI.shape[1]) for name in groups}
    started = time.process_time()
    measure(problem, records)
    return time.process_time() - started
