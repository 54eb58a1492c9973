"""What is timed: three ways to train the same Elman nets on the cumulative-average task, Adam, batches of 32."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from rnnlab.nets import Architecture, initial_weights, pack
from rnnlab.tasks import task_types
from rnnlab.training import BATCHES, WEIGHTS, NetState, Recipe, make_engine, make_stream
from tests.benchmarks.notebook_loop import NotebookModel, NotebookTraining

STACK = 32
"""Nets that the engine trains together."""

BATCH_SIZE, LEARNING_RATE = 32, 1e-4

_BATCHES_AT_MOST = 1_000_000
"""More than any timing needs; the engine wants to know an end."""


class Advancing(Protocol):
    """A training that can be continued."""

    def advance(self, updates: int) -> None:
        """Make so many more updates."""


@dataclass(frozen=True)
class Setting:
    """One row of the table."""

    hidden_size: int
    seq_len: int
    layers: int


@dataclass(frozen=True)
class Contestant:
    """A training, and how many models it updates at once."""

    name: str
    models: int
    training: Advancing


class ModuleModel(nn.Module):
    """PyTorch's own fused nn.RNN with a linear readout."""

    def __init__(self, hidden_size: int, layers: int) -> None:
        super().__init__()
        self.rnn = nn.RNN(1, hidden_size, layers, batch_first=True)
        self.readout = nn.Linear(hidden_size, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.readout(self.rnn(x)[0])
        return out


def make_contestants(setting: Setting) -> list[Contestant]:
    """Give the notebook loop, nn.RNN and the engine, each ready to go."""
    torch.manual_seed(0)
    return [
        Contestant("notebook", 1, _loop(NotebookModel, setting)),
        Contestant("nn.RNN", 1, _loop(ModuleModel, setting)),
        Contestant("engine", STACK, _engine(setting)),
    ]


def _loop(make_model: Callable[[int, int], nn.Module], setting: Setting) -> NotebookTraining:
    return NotebookTraining(
        make_model(setting.hidden_size, setting.layers),
        seq_len=setting.seq_len,
        batch_size=BATCH_SIZE,
        learning_rate=LEARNING_RATE,
        last_timestep_only=False,
    )


def _engine(setting: Setting) -> Advancing:
    """Open a stack of nets with different seeds, so that every net has batches of its own to draw."""
    task = task_types()["cumulative-average"](kind="cumulative-average", seq_len=setting.seq_len)
    architecture = Architecture("elman", "tanh", 1, setting.hidden_size, setting.layers, 1)
    recipe = Recipe(architecture, task.loss, task.sample, _BATCHES_AT_MOST, BATCH_SIZE, "adam", _BATCHES_AT_MOST)
    states = [
        NetState.begin(
            recipe,
            pack(initial_weights(architecture, make_stream(seed, WEIGHTS)), architecture),
            make_stream(seed, BATCHES),
            LEARNING_RATE,
        )
        for seed in range(STACK)
    ]
    return make_engine("torch").open(recipe, states)
