"""The same training by JAX: jit over a scan of updates, each a scan over timesteps; one net, or many by vmap.

Batches come from rnnlab's streams, drawn some at a time as rnnlab's engines do, so that no call is paid for one update.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from rnnlab.tasks import Task
from rnnlab.training import BATCHES, make_stream

Weights = dict[str, Any]

BLOCK = 32
"""Updates in a call."""


def elman(w: Weights, state: Any, x: Any) -> tuple[Any, Any]:
    h = jnp.tanh(x @ w["ih"].T + state @ w["hh"].T + w["b"])
    return h, h


def lstm(w: Weights, state: Any, x: Any) -> tuple[Any, Any]:
    h, c = state
    i, f, g, o = jnp.split(x @ w["ih"].T + h @ w["hh"].T + w["b"], 4, axis=-1)
    c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    h = jax.nn.sigmoid(o) * jnp.tanh(c)
    return (h, c), h


def loss(net: list[Weights], readout: Weights, cell: str, x_BTI: Any, y_BTO: Any) -> Any:
    x = x_BTI.swapaxes(0, 1)
    for w in net:
        zeros = jnp.zeros((x.shape[1], w["hh"].shape[1]), dtype=jnp.float32)
        step, start = (lstm, (zeros, zeros)) if cell == "lstm" else (elman, zeros)
        _, x = jax.lax.scan(partial(step, w), start, x)
    return ((x @ readout["w"].T + readout["b"] - y_BTO.swapaxes(0, 1)) ** 2).mean()


def update(cell: str, rate: float, carry: Any, batch: Any) -> tuple[Any, Any]:
    """Make one update with Adam."""
    weights, m, v, t = carry
    value, g = jax.value_and_grad(lambda w: loss(w[0], w[1], cell, *batch))(weights)
    t = t + 1.0
    m = jax.tree.map(lambda a, b: 0.9 * a + 0.1 * b, m, g)
    v = jax.tree.map(lambda a, b: 0.999 * a + 0.001 * b * b, v, g)
    correct1, correct2 = 1 - 0.9**t, 1 - 0.999**t
    weights = jax.tree.map(lambda w, a, b: w - rate * (a / correct1) / (jnp.sqrt(b / correct2) + 1e-8), weights, m, v)
    return (weights, m, v, t), value


class JaxTraining:
    """A number of nets in training; more than one by vmap."""

    def __init__(self, task: Task, cell: str, hidden_size: int, layers: int, batch_size: int, models: int) -> None:
        self._task, self._batch_size, self._models = task, batch_size, models
        self._streams = [make_stream(seed, BATCHES) for seed in range(models)]
        train = partial(jax.lax.scan, partial(update, cell, 1e-4))
        self._train = jax.jit(train if models == 1 else jax.vmap(train))
        nets = [self._begin(cell, hidden_size, layers, seed) for seed in range(models)]
        self._carry = nets[0] if models == 1 else jax.tree.map(lambda *each: jnp.stack(each), *nets)

    def _begin(self, cell: str, hidden_size: int, layers: int, seed: int) -> Any:
        generator, bound = np.random.default_rng(seed), hidden_size**-0.5
        gates = 4 if cell == "lstm" else 1

        def draw(*shape: int) -> Any:
            return jnp.asarray(generator.uniform(-bound, bound, shape), dtype=jnp.float32)

        net = [
            {"ih": draw(gates * hidden_size, hidden_size if layer else 1),
             "hh": draw(gates * hidden_size, hidden_size), "b": draw(gates * hidden_size)}
            for layer in range(layers)
        ]  # fmt: skip
        weights = (net, {"w": draw(1, hidden_size), "b": draw(1)})
        zeros = jax.tree.map(jnp.zeros_like, weights)
        return weights, zeros, zeros, jnp.float32(0)

    def advance(self, updates: int) -> None:
        """Make so many more updates, rounded up to whole blocks."""
        for _ in range(-(-updates // BLOCK)):
            drawn = [self._task.sample(stream, BLOCK * self._batch_size) for stream in self._streams]
            batches = [
                np.stack([part[which].reshape(BLOCK, self._batch_size, *part[which].shape[1:]) for part in drawn])
                for which in (0, 1)
            ]
            inputs, targets = (part[0] for part in batches) if self._models == 1 else batches
            self._carry, losses = self._train(self._carry, (inputs, targets))
            losses.block_until_ready()
