"""Drawing the batches of a stack from the nets' own streams, some at a time.

S stack, B sequences in a batch, T timesteps, I inputs, O outputs, N batches drawn at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rnnlab.training.state import NetState, Recipe
from rnnlab.training.streams import stream_from_text, stream_to_text


class Batches:
    """Draws the batches of a stack: once for all nets whose streams stand at the same point (the same seed)."""

    def __init__(self, recipe: Recipe, states: Sequence[NetState]) -> None:
        self._recipe = recipe
        positions = [stream_to_text(state.stream) for state in states]
        self._streams = {text: stream_from_text(text) for text in positions}
        order = list(self._streams)
        self.of_net_S = [order.index(text) for text in positions]

    def bytes_of_one(self) -> int:
        """Tell how much memory one batch of one stream takes."""
        inputs, targets = self._recipe.sample(np.random.default_rng(0), 1)
        return (inputs.nbytes + targets.nbytes) * self._recipe.batch_size

    def draw_each(self, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """Draw `count` batches from every different stream: inputs (N, B, T, I) and targets (N, B, T, O) of each.

        `of_net_S` tells which of them a net sees.
        """
        size = self._recipe.batch_size
        drawn = [self._recipe.sample(stream, count * size) for stream in self._streams.values()]
        return [
            (inputs.reshape(count, size, *inputs.shape[1:]), targets.reshape(count, size, *targets.shape[1:]))
            for inputs, targets in drawn
        ]

    def draw(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Draw `count` batches for every net: inputs (N, S, B, T, I) and targets (N, S, B, T, O)."""
        drawn = self.draw_each(count)
        inputs_NSBTI, targets_NSBTO = (
            np.stack([drawn[index][which] for index in self.of_net_S], axis=1) for which in (0, 1)
        )
        return inputs_NSBTI, targets_NSBTO

    def stream(self, net: int) -> np.random.Generator:
        """Give a generator of its own that stands where this net's stream stands now."""
        return stream_from_text(stream_to_text(list(self._streams.values())[self.of_net_S[net]]))
