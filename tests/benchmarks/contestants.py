"""What is timed: ways to train the same nets on the cumulative-average task, Adam, batches of 32, and the limit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Protocol

import torch
from torch import Tensor, nn

from rnnlab.nets import Architecture, initial_weights, make_cell, pack
from rnnlab.tasks import TASKS, Task
from rnnlab.training import BATCHES, WEIGHTS, NetState, Recipe, available_engines, make_engine, make_stream
from rnnlab.training.optimizers import Adam
from tests.benchmarks.limit import Limit
from tests.benchmarks.notebook_loop import NotebookModel, NotebookTraining

STACK = 32
"""Nets that an engine, or JAX by vmap, trains together."""

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
    cell: str = "elman"


@dataclass(frozen=True)
class Contestant:
    """A training, how many models it updates at once, and of how many updates at least its pieces are."""

    name: str
    models: int
    training: Advancing
    piece: int = 1


class ModuleModel(nn.Module):
    """PyTorch's own fused nn.RNN or nn.LSTM with a linear readout."""

    def __init__(self, hidden_size: int, layers: int, cell: str = "elman") -> None:
        super().__init__()
        make_rnn = nn.LSTM if cell == "lstm" else nn.RNN
        self.rnn = make_rnn(1, hidden_size, layers, batch_first=True)
        self.readout = nn.Linear(hidden_size, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.readout(self.rnn(x)[0])
        return out


def make_contestants(setting: Setting) -> list[Contestant]:
    """Give every way that there is here, each ready to go."""
    torch.manual_seed(0)
    modules = _loop(lambda hidden, layers: ModuleModel(hidden, layers, setting.cell), setting)
    contestants = [Contestant("nn", 1, modules)]
    if setting.cell == "elman":
        contestants.insert(0, Contestant("notebook", 1, _loop(NotebookModel, setting)))
    contestants += [Contestant(name, STACK, _engine(name, setting)) for name in available_engines()]
    contestants += _jax(setting) if find_spec("jax") else []
    limit = Limit(_task(setting), setting.cell, setting.hidden_size, setting.layers, BATCH_SIZE)
    return [*contestants, Contestant("limit", limit.models, limit)]


def _task(setting: Setting) -> Task:
    return TASKS["cumulative-average"](kind="cumulative-average", seq_len=setting.seq_len)


def _loop(make_model: Callable[[int, int], nn.Module], setting: Setting) -> NotebookTraining:
    return NotebookTraining(
        make_model(setting.hidden_size, setting.layers),
        seq_len=setting.seq_len,
        batch_size=BATCH_SIZE,
        learning_rate=LEARNING_RATE,
        last_timestep_only=False,
    )


def _jax(setting: Setting) -> list[Contestant]:
    from tests.benchmarks.jax_training import fastest

    def contestant(name: str, models: int) -> Contestant:
        training = fastest(_task(setting), setting.cell, setting.hidden_size, setting.layers, BATCH_SIZE, models)
        return Contestant(name, models, training, training.block)

    return [contestant("JAX one", 1), contestant("JAX vmap", STACK)]


def _engine(name: str, setting: Setting) -> Advancing:
    """Open a stack of nets with different seeds, so that every net has batches of its own to draw."""
    task = _task(setting)
    architecture = Architecture(make_cell(setting.cell), 1, setting.hidden_size, setting.layers, 1)
    recipe = Recipe(architecture, task.loss, task.sample, _BATCHES_AT_MOST, BATCH_SIZE, Adam(), _BATCHES_AT_MOST)
    states = [
        NetState.begin(
            recipe,
            pack(initial_weights(architecture, make_stream(seed, WEIGHTS)), architecture),
            make_stream(seed, BATCHES),
            LEARNING_RATE,
        )
        for seed in range(STACK)
    ]
    return make_engine(name).open(recipe, states)
