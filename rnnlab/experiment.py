"""From a config to what is trained and measured: the net, its initial weights, its batches, its probe sequences."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnlab.config import Config
from rnnlab.config.limits import check_memory, memory_of_machine
from rnnlab.extensions import use
from rnnlab.nets import Architecture, pack
from rnnlab.nets.initialisers import Scales, shifted
from rnnlab.training import BATCHES, PROBE, WEIGHTS, Needs, NetState, Recipe, make_stream
from rnnlab.training.schedules import rate_factors


@dataclass(frozen=True)
class Prepared:
    """One run before its first update."""

    config: Config
    recipe: Recipe
    initial_P: np.ndarray
    probe_inputs_BTI: np.ndarray
    probe_targets: np.ndarray

    @property
    def architecture(self) -> Architecture:
        """The shape of the net."""
        return self.recipe.architecture

    def begin(self) -> NetState:
        """Stand at update 0."""
        training = self.config.training
        stream = make_stream(self.config.seed, BATCHES)
        return NetState.begin(self.recipe, self.initial_P, stream, training.learning_rate, training.clip_norm)


def needs_of(config: Config) -> Needs:
    """Give what an engine must have code for; it takes no PyTorch."""
    use(config.extensions)
    training = config.training
    cell, optimizer, regulariser = config.model.make_cell(), training.make_optimizer(), training.make_regulariser()
    return Needs(cell, config.task.loss, optimizer, training.truncate, regulariser)


def architecture_of(config: Config) -> Architecture:
    """Give the shape of the net."""
    use(config.extensions)
    return config.model.architecture(config.task)


def draw_weights(config: Config) -> dict[str, np.ndarray]:
    """Give the initial weights of a config, by name, float32.

    Raises:
        TooLargeError: what is made of them does not fit into the memory of this machine.
    """
    return shifted(draw_unshifted(config), architecture_of(config))


def draw_unshifted(config: Config) -> dict[str, np.ndarray]:
    """Draw the initial weights of a config without what its cell adds to a bias, which no scale multiplies.

    Raises:
        TooLargeError: what is made of them does not fit into the memory of this machine.
    """
    use(config.extensions)
    check_memory(config, memory_of_machine())
    model = config.model
    return model.make_initialiser().weights(
        architecture_of(config),
        make_stream(config.seed, WEIGHTS),
        config.task,
        Scales(model.weight_scale, model.bias_scale, model.input_scale, model.readout_scale, model.bias_std),
    )


def prepare(config: Config) -> Prepared:
    """Draw what a run starts from; the three streams of its seed do not depend on each other."""
    architecture, task, training = architecture_of(config), config.task, config.training
    if config.extensions:
        from rnnlab.trial import try_out  # only here: to plan a run takes no PyTorch

        try_out(architecture, task)
    recipe = Recipe(
        architecture=architecture,
        sequence_loss=task.loss,
        sample=task.sample,
        batches=training.batches,
        batch_size=training.batch_size,
        optimizer=training.make_optimizer(),
        record_every=config.record.every,
        rate_factors_N=rate_factors(training.make_schedule(), training.warm_up, training.batches),
        truncate=training.truncate,
        regulariser=training.make_regulariser(),
    )
    inputs_BTI, targets = task.sample(make_stream(config.seed, PROBE), config.record.sequences)
    return Prepared(config, recipe, pack(draw_weights(config), architecture), inputs_BTI, targets)
