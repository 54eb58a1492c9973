"""Does rnnlab learn what the notebook learns? The final loss of the real study, by both, over a few seeds each.

The notebook loop draws from PyTorch's generator and rnnlab from its own streams, so only the spread can be compared.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

from rnnlab.config import Config, load_config
from rnnlab.experiment import prepare
from rnnlab.training import make_engine
from tests.benchmarks.notebook_loop import train_notebook

STUDY = Path(__file__).parents[2] / "configs" / "cumulative_average.yaml"

LAST = 200
"""Batches that the final loss is the mean of."""


@dataclass(frozen=True)
class Comparison:
    """Final losses by seed."""

    notebook: list[float]
    rnnlab: list[float]

    @property
    def within(self) -> bool:
        """Tell whether the two means differ by no more than two standard errors of their difference."""
        variance = (stdev(self.notebook) ** 2 + stdev(self.rnnlab) ** 2) / len(self.notebook)
        return abs(mean(self.notebook) - mean(self.rnnlab)) <= 2 * math.sqrt(variance)


def compare(seeds: int) -> Comparison:
    """Train the study's net with so many seeds by each."""
    configs = [load_config(STUDY, [f"seed={seed}"]) for seed in range(seeds)]
    return Comparison([_notebook(config) for config in configs], _engine(configs))


def _notebook(config: Config) -> float:
    losses = train_notebook(
        config.seed,
        config.training.batches,
        hidden_size=config.model.hidden_size,
        layers=config.model.layers,
        seq_len=config.task.seq_len,
        batch_size=config.training.batch_size,
        learning_rate=config.training.learning_rate,
    )
    return mean(losses[-LAST:])


def _engine(configs: list[Config]) -> list[float]:
    prepared = [prepare(config) for config in configs]
    session = make_engine().open(prepared[0].recipe, [one.begin() for one in prepared])
    session.advance(prepared[0].recipe.batches)
    return [float(state.losses[-LAST:].mean(dtype="f8")) for state in session.states()]
