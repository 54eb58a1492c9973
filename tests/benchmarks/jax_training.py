"""The same training by JAX: jit over a scan of updates, each a scan over timesteps; one net, or many by vmap.

Batches come from rnnlab's streams, drawn some at a time as rnnlab's engines do, so that no call is paid for one update.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from rnnlab.tasks import Task
from rnnlab.training import BATCHES, make_stream

Weights = dict[str, Any]

BLOCK = {1: 128, 32: 32}
"""Updates in a call, for one net and for a stack: more gain nothing."""


def elman(w: Weights, h: Any, drive: Any) -> tuple[Any, Any]:
    h = jnp.tanh(drive + h @ w["hh"])
    return h, h


def lstm(w: Weights, state: Any, drive: Any) -> tuple[Any, Any]:
    h, c = state
    i, f, g, o = jnp.split(drive + h @ w["hh"], 4, axis=-1)
    c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    h = jax.nn.sigmoid(o) * jnp.tanh(c)
    return (h, c), h


def from_input(step: Any, w: Weights, state: Any, x: Any) -> tuple[Any, Any]:
    after: tuple[Any, Any] = step(w, state, x @ w["ih"] + w["b"])
    return after


@dataclass(frozen=True)
class Form:
    """How the same net is written for XLA."""

    cell: str
    ahead: bool  # the inputs' part of all timesteps in one product
    unroll: int  # timesteps that XLA compiles as one


FORMS = [(ahead, unroll) for ahead in (False, True) for unroll in (1, 10)]
"""Which form is fastest depends on the sizes, by up to two times: all are tried, and the fastest is the contestant."""


def loss(net: list[Weights], readout: Weights, form: Form, x_BTI: Any, y_BTO: Any) -> Any:
    """Give the mean squared error."""
    x = x_BTI.swapaxes(0, 1)
    for w in net:
        zeros = jnp.zeros((x.shape[1], w["hh"].shape[0]), dtype=jnp.float32)
        step, start = (lstm, (zeros, zeros)) if form.cell == "lstm" else (elman, zeros)
        if form.ahead:
            _, x = jax.lax.scan(partial(step, w), start, x @ w["ih"] + w["b"], unroll=form.unroll)
        else:
            _, x = jax.lax.scan(partial(from_input, step, w), start, x, unroll=form.unroll)
    return ((x @ readout["w"] + readout["b"] - y_BTO.swapaxes(0, 1)) ** 2).mean()


def update(form: Form, rate: float, carry: Any, batch: Any) -> tuple[Any, Any]:
    """Make one update with Adam."""
    weights, m, v, t = carry
    value, g = jax.value_and_grad(lambda w: loss(w[0], w[1], form, *batch))(weights)
    t = t + 1.0
    m = jax.tree.map(lambda a, b: 0.9 * a + 0.1 * b, m, g)
    v = jax.tree.map(lambda a, b: 0.999 * a + 0.001 * b * b, v, g)
    correct1, correct2 = 1 - 0.9**t, 1 - 0.999**t
    weights = jax.tree.map(lambda w, a, b: w - rate * (a / correct1) / (jnp.sqrt(b / correct2) + 1e-8), weights, m, v)
    return (weights, m, v, t), value


class JaxTraining:
    """A number of nets in training; more than one by vmap."""

    def __init__(self, task: Task, form: Form, hidden_size: int, layers: int, batch_size: int, models: int) -> None:
        self._task, self._batch_size, self._models = task, batch_size, models
        self._streams = [make_stream(seed, BATCHES) for seed in range(models)]
        self.block = BLOCK[models]
        train = partial(jax.lax.scan, partial(update, form, 1e-4))
        self._train = jax.jit(train if models == 1 else jax.vmap(train))
        nets = [self._begin(form, hidden_size, layers, seed) for seed in range(models)]
        self._carry = nets[0] if models == 1 else jax.tree.map(lambda *each: jnp.stack(each), *nets)

    def _begin(self, form: Form, hidden_size: int, layers: int, seed: int) -> Any:
        generator, bound = np.random.default_rng(seed), hidden_size**-0.5
        gates = 4 if form.cell == "lstm" else 1

        def draw(*shape: int) -> Any:
            return jnp.asarray(generator.uniform(-bound, bound, shape), dtype=jnp.float32)

        net = [
            {"ih": draw(hidden_size if layer else 1, gates * hidden_size),
             "hh": draw(hidden_size, gates * hidden_size), "b": draw(gates * hidden_size)}
            for layer in range(layers)
        ]  # fmt: skip
        weights = (net, {"w": draw(hidden_size, 1), "b": draw(1)})
        zeros = jax.tree.map(jnp.zeros_like, weights)
        return weights, zeros, zeros, jnp.float32(0)

    def advance(self, updates: int) -> None:
        """Make so many more updates, rounded up to whole blocks."""
        for _ in range(-(-updates // self.block)):
            drawn = [self._task.sample(stream, self.block * self._batch_size) for stream in self._streams]
            batches = [
                np.stack([part[which].reshape(self.block, self._batch_size, *part[which].shape[1:]) for part in drawn])
                for which in (0, 1)
            ]
            inputs, targets = (part[0] for part in batches) if self._models == 1 else batches
            self._carry, losses = self._train(self._carry, (inputs, targets))
            losses.block_until_ready()


def fastest(task: Task, cell: str, hidden_size: int, layers: int, batch_size: int, models: int) -> JaxTraining:
    """Try the forms, each for a few blocks after compiling, and give the fastest."""
    best, least = None, math.inf
    for form in (Form(cell, *choices) for choices in FORMS):
        training = JaxTraining(task, form, hidden_size, layers, batch_size, models)
        seconds = _seconds(training)
        if seconds < least:
            best, least = training, seconds
    assert best is not None
    return best


def _seconds(training: JaxTraining) -> float:
    training.advance(training.block)
    started = time.process_time()
    training.advance(2 * training.block)
    return time.process_time() - started
