"""Small trainings for the tests: the cumulative-average task, a recipe, and nets at their beginning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rnnlab.nets import Architecture, initial_weights, make_cell, pack
from rnnlab.tasks import TASKS, Task
from rnnlab.training import BATCHES, WEIGHTS, NetState, Recipe, Session, make_engine, make_optimizer, make_stream

BATCH_SIZE = 8

ENGINE = "torch"
"""What trains; the fixture `each_engine` tries all that there are."""


def make_task(last_timestep_only: bool = False, seq_len: int = 6) -> Task:
    return TASKS["cumulative-average"].model_validate({"seq_len": seq_len, "last_timestep_only": last_timestep_only})


def make_architecture(cell: str = "elman", nonlinearity: str | None = "tanh", layers: int = 1) -> Architecture:
    return Architecture(make_cell(cell, {"nonlinearity": nonlinearity}), 1, 5, layers, 1)


def make_recipe(
    architecture: Architecture, *, batches: int = 50, optimizer: str = "adam", every: int = 20, last: bool = False
) -> Recipe:
    task = make_task(last)
    return Recipe(architecture, task.loss, task.sample, batches, BATCH_SIZE, make_optimizer(optimizer), every)


def begin(
    recipe: Recipe, seed: int, *, learning_rate: float = 1e-2, clip_norm: float | None = None, **scales: Any
) -> NetState:
    weights = initial_weights(recipe.architecture, make_stream(seed, WEIGHTS), **scales)
    row_P = pack(weights, recipe.architecture)
    return NetState.begin(recipe, row_P, make_stream(seed, BATCHES), learning_rate, clip_norm)


def open_session(recipe: Recipe, states: Sequence[NetState]) -> Session:
    return make_engine(ENGINE).open(recipe, states)


def train(recipe: Recipe, states: Sequence[NetState], *cuts: int) -> list[NetState]:
    """Train to the end, in pieces of the given sizes first."""
    session = open_session(recipe, states)
    for updates in (*cuts, recipe.batches):
        session.advance(updates)
    assert session.step == recipe.batches
    return session.states()


def batches_of(recipe: Recipe, seed: int, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Draw a run's batches one by one."""
    stream = make_stream(seed, BATCHES)
    return [recipe.sample(stream, recipe.batch_size) for _ in range(count)]


def assert_same(one: NetState, other: NetState) -> None:
    """Hold that two nets went the same way, to the last bit."""
    mine, its = one.to_arrays(), other.to_arrays()
    assert mine.keys() == its.keys()
    for name, array in mine.items():
        assert array.dtype == its[name].dtype, name
        np.testing.assert_array_equal(array, its[name], err_msg=name, strict=True)
