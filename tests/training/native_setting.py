"""Small trainings for the tests of the native engine: any sizes, any net, the same batches for every engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from rnnlab.nets import Architecture, make_cell
from rnnlab.tasks import CrossEntropy, MeanSquaredError
from rnnlab.training import Engine, NetState, Recipe, native_library
from rnnlab.training.optimizers import make_optimizer

needs_kernel = pytest.mark.skipif(native_library.missing() is not None, reason="the native engine is not built here")

INSTRUCTIONS = () if native_library.missing() else native_library.load().available

CELLS = [("elman", "tanh"), ("elman", "relu"), ("elman", "identity"), ("lstm", None), ("gru", None)]


@dataclass(frozen=True)
class Noise:
    """Inputs and targets that have nothing to do with each other: right for gradients, and of any size."""

    timesteps: int
    inputs: int
    outputs: int
    classes: bool

    def __call__(self, generator: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Draw sequence by sequence."""
        drawn = generator.standard_normal((count, self.timesteps, self.inputs + self.outputs), dtype=np.float32)
        x, y = drawn[..., : self.inputs], drawn[..., self.inputs :]
        return np.ascontiguousarray(x), (y.argmax(axis=-1) if self.classes else np.ascontiguousarray(y))


def make_recipe(
    cell: str = "elman",
    nonlinearity: str | None = "tanh",
    *,
    hidden: int = 5,
    layers: int = 1,
    sizes: tuple[int, int] = (1, 1),
    timesteps: int = 6,
    batch_size: int = 8,
    classes: bool = False,
    last: bool = False,
    batches: int = 1,
    optimizer: str = "sgd",
    every: int = 20,
) -> Recipe:
    inputs, outputs = sizes
    architecture = Architecture(make_cell(cell, {"nonlinearity": nonlinearity}), inputs, hidden, layers, outputs)
    loss = CrossEntropy(last) if classes else MeanSquaredError(last)
    noise = Noise(timesteps, inputs, outputs, classes)
    return Recipe(architecture, loss, noise, batches, batch_size, make_optimizer(optimizer), every)


def train(engine: Engine, recipe: Recipe, states: Sequence[NetState], *cuts: int) -> list[NetState]:
    session = engine.open(recipe, states)
    for updates in (*cuts, recipe.batches):
        session.advance(updates)
    return session.states()


@dataclass(frozen=True)
class Fixed:
    """One sequence, the same for ever."""

    inputs_1TI: np.ndarray
    targets_1TO: np.ndarray

    def __call__(self, generator: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
        return np.repeat(self.inputs_1TI, count, axis=0), np.repeat(self.targets_1TO, count, axis=0)
