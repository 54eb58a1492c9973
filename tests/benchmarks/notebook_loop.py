"""The yardstick: the training loop of the gradient-flow notebook, as a student writes it.

One model at a time, a Python loop over timesteps, autograd, Adam. It shares no code with rnnlab.
The weights begin as PyTorch's recurrent modules do, uniform(±1/√H), with the one bias of the notebook's RNNLayer.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class NotebookLayer(nn.Module):
    """h_t = tanh(W_hh h_{t-1} + W_ih x_t + b)."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        self.W_ih = nn.Parameter(torch.empty(hidden_size, input_size))
        self.W_hh = nn.Parameter(torch.empty(hidden_size, hidden_size))
        self.b = nn.Parameter(torch.empty(hidden_size))
        bound = 1 / hidden_size**0.5
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        h = torch.zeros(x.shape[0], self.hidden_size)
        h_list = []
        for t in range(x.shape[1]):
            h = torch.tanh(h @ self.W_hh.T + x[:, t] @ self.W_ih.T + self.b)
            h_list.append(h)
        return torch.stack(h_list, dim=1)


class NotebookModel(nn.Module):
    """Layers one on another, and a linear readout at every timestep."""

    def __init__(self, hidden_size: int, layers: int) -> None:
        super().__init__()
        sizes = [1] + [hidden_size] * (layers - 1)
        self.layers = nn.ModuleList(NotebookLayer(size, hidden_size) for size in sizes)
        self.readout = nn.Linear(hidden_size, 1)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        out: Tensor = self.readout(x)
        return out


def generate_batch(seq_len: int, batch_size: int) -> tuple[Tensor, Tensor]:
    x = torch.randn(batch_size, seq_len, 1)
    y = x.cumsum(dim=1) / torch.arange(1, seq_len + 1).view(1, -1, 1)
    return x, y


class NotebookTraining:
    """The loop, in pieces: `advance` makes more updates and keeps their losses."""

    def __init__(
        self, model: nn.Module, *, seq_len: int, batch_size: int, learning_rate: float, last_timestep_only: bool
    ) -> None:
        self.model = model
        self.seq_len, self.batch_size, self.last_timestep_only = seq_len, batch_size, last_timestep_only
        self.optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
        self.losses: list[float] = []

    def advance(self, updates: int) -> None:
        for _ in range(updates):
            x, y = generate_batch(self.seq_len, self.batch_size)
            pred = self.model(x)
            if self.last_timestep_only:
                pred, y = pred[:, -1], y[:, -1]
            loss = ((pred - y) ** 2).mean()
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.losses.append(loss.item())


def train_notebook(
    seed: int,
    batches: int,
    *,
    hidden_size: int = 32,
    layers: int = 1,
    seq_len: int = 10,
    batch_size: int = 32,
    learning_rate: float = 1e-4,
    last_timestep_only: bool = False,
) -> list[float]:
    """Give the loss of every batch."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        training = NotebookTraining(
            NotebookModel(hidden_size, layers),
            seq_len=seq_len,
            batch_size=batch_size,
            learning_rate=learning_rate,
            last_timestep_only=last_timestep_only,
        )
        training.advance(batches)
    return training.losses
