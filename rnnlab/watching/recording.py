"""The arrays of a recording: those of metrics.npz, of a model whose layers are of several modules and sizes.

The layers of the arrays are those of all watched modules, one after the other, and each direction is a layer of its
own. Timesteps, units and quantities that a layer has not are NaN. The sequences of a record are those of the batch
that was watched; a record's step is the number of updates made before it.

R records, L layers, T timesteps, H units, P parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from rnnlab.flow.group import find_quantity
from rnnlab.flow.groups.base import QUANTILES
from rnnlab.watching.steps import CELL_STATES, GOVERNED
from rnnlab.watching.watched import WatchedModule

_BY_LAYER: dict[str, Callable[[WatchedModule], np.ndarray]] = {
    "grad_norm": lambda seen: seen.grad_norm,
    "grad_log_norm": lambda seen: seen.grad_log_norm,
    "grad_zero_share": lambda seen: seen.grad_zero_share,
    "grad_log_living": lambda seen: seen.grad_log_living,
    **{name: partial(WatchedModule.grad_log_quantile, share=share) for name, _, share in QUANTILES},
    "hidden_norm": lambda seen: seen.hidden_norm,
    "cell_grad_norm": lambda seen: seen.cell_grad_norm,
    "eigenvalues": lambda seen: seen.eigenvalues,
    "singular_values": lambda seen: seen.singular_values,
}
"""What is kept of a module, each (L, D, T or H)."""

_NEEDS: dict[str, tuple[type[nn.Module], ...]] = {
    "cell_grad_norm": CELL_STATES,
    "eigenvalues": GOVERNED,
    "singular_values": GOVERNED,
}
"""The modules that have what not all have."""


def layer_names(modules: Mapping[str, nn.Module]) -> list[str]:
    """Name every layer of the arrays: `rnn`, or `rnn layer 1 reverse` where a module has several."""
    names = []
    for name, module in modules.items():
        layers, directions = _layers_of(module)
        for layer in range(layers):
            for direction in range(directions):
                parts = [name or type(module).__name__, f"layer {layer}" if layers > 1 else ""]
                names.append(" ".join(filter(None, [*parts, "reverse" if direction else ""])))
    return names


def _layers_of(module: nn.Module) -> tuple[int, int]:
    """Give L and D."""
    return (module.num_layers, 1 + module.bidirectional) if isinstance(module, nn.RNNBase) else (1, 1)


@dataclass
class Recording:
    """What has been recorded so far.

    Attributes:
        modules: what is watched, by name.
        param_names: the parameters that are trained.
        losses: of every update.
        steps: the updates made before each record.
        probe_losses: the loss of each record's batch.
        layers: of each record and quantity, the numbers of each layer, None where a layer has none.
        param_grad_norms: of each record, by parameter.
        underflow: whether a gradient fell below the range of its numbers.
    """

    modules: Mapping[str, nn.Module]
    param_names: Sequence[str]
    losses: list[float] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    probe_losses: list[float] = field(default_factory=list)
    layers: list[dict[str, list[np.ndarray | None]]] = field(default_factory=list)
    param_grad_norms: list[list[float]] = field(default_factory=list)
    underflow: bool = False

    @property
    def quantities(self) -> list[str]:
        """The arrays by layer that any of the modules has."""
        return [name for name in _BY_LAYER if any(_has(module, name) for module in self.modules.values())]

    def add(self, seen: Sequence[WatchedModule], loss: float, parameter_norms: Mapping[str, float]) -> None:
        """Take a record, of the batch whose update has just been made; a module that it did not reach has none."""
        self.steps.append(len(self.losses) - 1)
        self.probe_losses.append(loss)
        self.param_grad_norms.append([parameter_norms.get(name, 0.0) for name in self.param_names])
        reached = [each if each.has_gradients else None for each in seen]
        self.underflow |= any(each is not None and each.underflows for each in reached)
        self.layers.append({name: self._of_layers(name, reached) for name in self.quantities})

    def _of_layers(self, name: str, seen: Sequence[WatchedModule | None]) -> list[np.ndarray | None]:
        rows: list[np.ndarray | None] = []
        for module, each in zip(self.modules.values(), seen, strict=True):
            layers, directions = _layers_of(module)
            if each is None or not _has(module, name):
                rows += [None] * (layers * directions)
            else:
                rows += list(_BY_LAYER[name](each).reshape(layers * directions, -1))
        return rows

    def arrays(self) -> dict[str, np.ndarray]:
        """Give the arrays of metrics.npz."""
        by_layer = {name: _padded([record[name] for record in self.layers]) for name in self.quantities}
        return {
            "loss": np.array(self.losses, dtype=np.float32),
            "step": np.array(self.steps, dtype=np.int64),
            "probe_loss": np.array(self.probe_losses),
            **by_layer,
            "param_grad_norm": np.array(self.param_grad_norms).reshape(len(self.steps), -1),
            "param_names": np.array(self.param_names),
        }

    @property
    def diverged_at(self) -> int | None:
        """The update at which losses that are not finite began, if they lasted to the end."""
        finite = np.flatnonzero(np.isfinite(self.losses))
        first = int(finite[-1]) + 1 if finite.size else 0
        return first if first < len(self.losses) else None

    def flags(self) -> list[str]:
        """Give what left the range of the numbers: `underflow`, `overflow`."""
        logs_apart = (name for name in self.quantities if not find_quantity(name).zero_is_minus_infinity)
        numbers = [row for name in logs_apart for record in self.layers for row in record[name] if row is not None]
        norms = [np.array(self.param_grad_norms), np.array(self.losses)]
        overflow = not all(np.isfinite(row).all() for row in [*numbers, *norms])
        return [name for name, is_raised in (("underflow", self.underflow), ("overflow", overflow)) if is_raised]


def _has(module: nn.Module, name: str) -> bool:
    return isinstance(module, _NEEDS.get(name, nn.Module))


def _padded(records: Sequence[Sequence[np.ndarray | None]]) -> np.ndarray:
    """Give all layers of all records the length of the longest, (R, L, T or H)."""
    rows = [row for record in records for row in record if row is not None]
    longest = max((len(row) for row in rows), default=0)
    dtype: Any = np.result_type(*rows) if rows else np.float64
    nothing = complex(np.nan, np.nan) if np.issubdtype(dtype, np.complexfloating) else np.nan
    array = np.full((len(records), len(records[0]), longest), nothing, dtype=dtype)
    for i, record in enumerate(records):
        for j, row in enumerate(record):
            if row is not None:
                array[i, j, : len(row)] = row
    return array


class ParameterNorms:
    """The 2-norms of parameters' gradients, as backward leaves them: before anything clips, scales or clears them."""

    def __init__(self, parameters: Mapping[str, nn.Parameter]) -> None:
        self.by_name: dict[str, float] = {}
        self._handles = [
            parameter.register_post_accumulate_grad_hook(self._taker(name)) for name, parameter in parameters.items()
        ]

    def _taker(self, name: str) -> Callable[[torch.Tensor], None]:
        def take(parameter: torch.Tensor) -> None:
            assert parameter.grad is not None
            gradient = parameter.grad.detach()
            values = gradient.coalesce().values() if gradient.is_sparse else gradient
            self.by_name[name] = float(torch.linalg.vector_norm(values, dtype=torch.float64))

        return take

    def remove(self) -> None:
        """Take no more."""
        for handle in self._handles:
            handle.remove()
