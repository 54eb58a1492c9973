"""What one forward of a recurrent module leaves behind: its states, and the gradients that backward brings to them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor

from rnnlab.watching.steps import Kernel, Unrolled

_NEAR = 64
"""Nodes of the graph that are looked at to see whether a state was handed on: what people put between two calls (a
mask, a dropout, a change of order) is a handful."""

Place = tuple[int, int, int, int]
"""Which state: part (0 for h, 1 for c), layer, direction, timestep."""


class Tape:
    """The states of one forward, for each layer, direction and timestep, and their gradients.

    Gradients of several backward passes add up, as those of parameters do. A pass with `create_graph=True` is not one
    of the loss, but makes a part of one (the norm of a gradient, say): it does not count.

    Attributes:
        kernel: what was called.
        sizes: how many sequences each timestep has.
        unsorted: where each sequence of the caller's batch stands in a packed one; None where they stand as they came.
    """

    def __init__(self, kernel: Kernel, unrolled: Unrolled, unsorted: Tensor | None) -> None:
        self.kernel, self.sizes, self.unsorted = kernel, unrolled.sizes, unsorted
        self._weights_LD = [[weights.weight_hh_GH.detach() for weights in each] for each in unrolled.weights_LD]
        if kernel.is_governed:  # as they are now: the next update changes them in place
            self._weights_LD = [[weight.clone() for weight in each] for each in self._weights_LD]
        self._states: dict[Place, Tensor] = {}
        self._gradients: dict[Place, Tensor] = {}
        self._ends = [part for each in unrolled.states_LDT for states_T in each for part in states_T[-1]]
        self._only_forwards = len(unrolled.states_LDT[0]) == 1 and not unrolled.is_packed
        for place, state in _places(unrolled):
            # A cell's state goes to the caller as it is, who may change it in place.
            self._states[place] = state.detach().clone() if kernel.is_cell else state.detach()
            state.register_hook(partial(self._add, place))
        self.shape = len(unrolled.states_LDT), len(unrolled.states_LDT[0]), len(self.sizes), self.sizes[0]

    def _add(self, place: Place, gradient: Tensor) -> None:
        if torch.is_grad_enabled():
            return
        before = self._gradients.get(place)
        self._gradients[place] = gradient.clone() if before is None else before + gradient

    @property
    def has_gradients(self) -> bool:
        """Whether a backward pass has come through it."""
        return bool(self._gradients)

    @property
    def sequences(self) -> int:
        """B."""
        return self.sizes[0]

    def continues(self, before: Tape, initial: Iterable[Tensor]) -> bool:
        """Tell whether this forward began with the state that an earlier one ended with, in the same graph."""
        if not (self._only_forwards and before._only_forwards and self.sequences == before.sequences):
            return False
        return _descend(initial, before._ends)

    def let_go(self) -> None:
        """Forget the graph; states and gradients stay."""
        self._ends = []

    def states(self, part: int) -> Tensor:
        """Give h (0) or c (1), (L, D, T, B, H), NaN past the end of a sequence; the batch as it is packed."""
        return self._join(part, self._states)

    def gradients(self, part: int) -> Tensor:
        """Give those of `states`; zero where the loss does not depend on a state."""
        zeros = {place: torch.zeros_like(state) for place, state in self._states.items() if place[0] == part}
        return self._join(part, zeros | self._gradients)

    def _join(self, part: int, found: dict[Place, Tensor]) -> Tensor:
        layers, directions, timesteps, sequences = self.shape
        pieces = [found[part, i, j, t] for i in range(layers) for j in range(directions) for t in range(timesteps)]
        if self.sizes[-1] != sequences:
            pieces = [_padded(piece, sequences) for piece in pieces]
        return torch.stack(pieces).reshape(*self.shape, -1)

    def recurrent_matrices(self) -> Tensor:
        """Give weight_hh of each layer and direction at the time of the call, (L, D, G, H)."""
        return torch.stack([torch.stack(each) for each in self._weights_LD])


def _places(unrolled: Unrolled) -> Iterator[tuple[Place, Tensor]]:
    for layer, states_DT in enumerate(unrolled.states_LDT):
        for direction, states_T in enumerate(states_DT):
            for t, state in enumerate(states_T):
                for part, tensor in enumerate(state):
                    yield (part, layer, direction, t), tensor


def _padded(piece: Tensor, sequences: int) -> Tensor:
    """Fill up with NaN those sequences that have ended."""
    return torch.nn.functional.pad(piece, (0, 0, 0, sequences - len(piece)), value=torch.nan)


def _descend(later: Iterable[Tensor], ends: Iterable[Tensor]) -> bool:
    """Tell whether a tensor is made from one of others, a few operations back at most."""
    wanted = {end.grad_fn for end in ends}
    queue: list[Any] = [tensor.grad_fn for tensor in later if tensor.grad_fn is not None]
    seen = 0
    while queue and seen < _NEAR:
        node = queue.pop(0)
        seen += 1
        if node in wanted:
            return True
        queue += [parent for parent, _ in node.next_functions if parent is not None]
    return False
