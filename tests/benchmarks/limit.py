"""The limit of a training on this machine: its products at the rate of the library's own, its tanh, its batches.

Nothing here trains. The same arithmetic is done where nothing waits for anything: all timesteps in one product.
Gradients of products are two products of the same size; for the weights, a sum over all timesteps and sequences.
"""

from __future__ import annotations

import torch

from rnnlab.tasks import Task
from rnnlab.training import BATCHES, make_stream

_NUMBERS = 2**16
"""Hidden numbers at a time, about: enough for a high rate, few enough for the second-level cache."""


class Limit:
    """What every training must do at least."""

    def __init__(self, task: Task, cell: str, hidden_size: int, layers: int, batch_size: int) -> None:
        gates, self._functions = (4, 5) if cell == "lstm" else (1, 1)
        rows = batch_size * task.seq_len
        self.models = max(1, _NUMBERS // (rows * hidden_size))
        self._task, self._batch_size, self._stream = task, batch_size, make_stream(0, BATCHES)
        self._layers, self._matrices = layers, 2 * layers - 1  # recurrent ones, and inputs from the layer below
        self._h = torch.randn(self.models * rows, hidden_size)
        self._z = torch.randn(self.models * rows, gates * hidden_size)
        self._weight = torch.randn(gates * hidden_size, hidden_size)
        self._d_h = torch.empty_like(self._h)
        self._h_MRH = self._h.view(self.models, rows, hidden_size)
        self._z_MGR = self._z.view(self.models, rows, gates * hidden_size).mT
        self._d_weight = torch.empty(self.models, gates * hidden_size, hidden_size)
        self._tanh = torch.randn_like(self._h)

    def advance(self, updates: int) -> None:
        """Do the arithmetic of so many updates of `models` nets."""
        block = max(1, 64_000 // (self.models * self._batch_size * self._task.seq_len))
        for update in range(updates):
            if update % block == 0:
                count = min(block, updates - update)
                self._task.sample(self._stream, count * self.models * self._batch_size)
            for _ in range(self._matrices):
                torch.mm(self._h, self._weight.mT, out=self._z)
                torch.mm(self._z, self._weight, out=self._d_h)
                torch.bmm(self._z_MGR, self._h_MRH, out=self._d_weight)
            for _ in range(self._layers * self._functions):
                torch.tanh(self._tanh, out=self._tanh)
