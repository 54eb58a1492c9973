"""The unrolled computation graph of a net, as numbers: nodes, edges, and the paths from a parameter to the loss.

Time runs from left to right, layers upward, the loss on top. A node is a state h_t of a layer; an edge is one step, in
time or upward. Paths are counted from the loss back: as many leave a node as leave what it leads to.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from rnnlab.config import Config
from rnnlab.experiment import architecture_of, draw_weights
from rnnlab.figures.errors import choose
from rnnlab.flow import gradient_flow
from rnnlab.flow.jacobians import jacobian_norms
from rnnlab.nets.norms import norm
from rnnlab.training import PROBE, make_stream

_SEQUENCES = 8
"""Norms are means over a few probe sequences: a picture needs no more."""

MOST_TIMESTEPS, MOST_LAYERS = 20, 4
"""More does not fit a page legibly; the middle is then left out, and the figure says so."""

PARAMETERS = ("U", "W", "b")
"""Of the lowest layer: U is weight_ih, W is weight_hh, b the bias. As each enters at every timestep, paths are many."""

Node = tuple[int, int]
"""(layer, timestep), both from 0."""


@dataclass(frozen=True)
class Graph:
    """What is drawn.

    Attributes:
        name: of the config.
        grad_norm_LT: mean over sequences of the 2-norm of dL_p/dh_t.
        through_time_LT: mean spectral norm of the step into (l, t) from (l, t - 1).
        from_below_LT: of the step into (l, t) from the layer below, or from the input.
        exits: the timesteps whose prediction is in the loss.
        loss: the mean loss.
    """

    name: str
    grad_norm_LT: np.ndarray
    through_time_LT: np.ndarray
    from_below_LT: np.ndarray
    exits: tuple[int, ...]
    loss: float

    @property
    def layers(self) -> int:
        """L."""
        return int(self.grad_norm_LT.shape[0])

    @property
    def timesteps(self) -> int:
        """T."""
        return int(self.grad_norm_LT.shape[1])

    def paths_LT(self) -> np.ndarray:
        """Count the paths from every state to the loss, as Python integers: there may be astronomically many."""
        counts = np.zeros((self.layers, self.timesteps), dtype=object)
        for layer in reversed(range(self.layers)):
            for t in reversed(range(self.timesteps)):
                up = counts[layer + 1, t] if layer + 1 < self.layers else int(t in self.exits)
                counts[layer, t] = up + (counts[layer, t + 1] if t + 1 < self.timesteps else 0)
        return counts

    def entries(self, parameter: str) -> list[Node]:
        """Give the states that a parameter of the lowest layer acts on; W acts on nothing at t = 1, as h_0 = 0."""
        choose("--paths", parameter, PARAMETERS)
        return [(0, t) for t in range(1 if parameter == "W" else 0, self.timesteps)]

    def path_count(self, parameter: str) -> int:
        """Count the paths from a parameter to the loss: from U, with one layer and all in the loss, N (N + 1) / 2."""
        counts = self.paths_LT()
        return int(sum(counts[node] for node in self.entries(parameter)))

    def walk(self, parameter: str) -> Iterator[list[Node]]:
        """Give every path from a parameter to the loss as the states it runs through, first to last."""
        pending = [[node] for node in reversed(self.entries(parameter))]
        while pending:
            path = pending.pop()
            layer, t = path[-1]
            if layer == self.layers - 1 and t in self.exits:
                yield path
            pending += [[*path, node] for node in ((layer, t + 1), (layer + 1, t)) if self._has(node)]

    def _has(self, node: Node) -> bool:
        return node[0] < self.layers and node[1] < self.timesteps


def make_graph(config: Config) -> Graph:
    """Measure the initial net of a config on a few of its probe sequences, in float64."""
    architecture = architecture_of(config)
    inputs, targets = config.task.sample(make_stream(config.seed, PROBE), min(_SEQUENCES, config.record.sequences))
    weights = {name: torch.from_numpy(weight).double() for name, weight in draw_weights(config).items()}
    inputs_BTI = torch.from_numpy(inputs).double()
    aims = torch.from_numpy(targets if targets.dtype == np.int64 else targets.astype(np.float64))
    stacked = {name: weight[None] for name, weight in weights.items()}
    flow = gradient_flow(architecture, stacked, inputs_BTI, aims, config.task.loss)
    norms = jacobian_norms(architecture, weights, inputs_BTI)
    last = config.task.seq_len - 1
    return Graph(
        name=config.name,
        grad_norm_LT=norm(flow.dL_dh_SLTBH)[0].mean(dim=-1).numpy(),
        through_time_LT=norms.through_time_LT.numpy(),
        from_below_LT=norms.from_below_LT.numpy(),
        exits=(last,) if config.task.loss.last_timestep_only else tuple(range(last + 1)),
        loss=float(flow.loss_SB.mean()),
    )


def shown(count: int, most: int) -> list[int]:
    """Choose what is drawn of so many timesteps or layers: all, or the first and the last with a gap between."""
    if count <= most:
        return list(range(count))
    first = most // 2
    return [*range(first), *range(count - (most - first - 1), count)]
