"""Training loops of other people's kind; as a script, one that ends without a word, and one that goes on."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

import rnnlab


class Mixed(nn.Module):
    """An embedding, two modules of different kinds and sizes, a readout."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.embedding = nn.Embedding(7, 3)
        self.encoder = nn.LSTM(3, 4, batch_first=True, bidirectional=True)
        self.decoder = nn.RNN(8, 5, batch_first=True)
        self.readout = nn.Linear(5, 7)

    def forward(self, tokens_BT: Tensor) -> Tensor:
        """Give logits (B, T, 7)."""
        below, _ = self.encoder(self.embedding(tokens_BT))
        above, _ = self.decoder(below)
        logits: Tensor = self.readout(above)
        return logits


def train(model: nn.Module, batches: int, timesteps: int = 6) -> Iterator[Tensor]:
    """Make updates; gives the loss of each after it is made."""
    for _ in range(batches):
        tokens_BT = torch.randint(0, 7, (3, timesteps))
        loss = nn.functional.cross_entropy(model(tokens_BT).flatten(0, 1), tokens_BT.flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.001)
        with torch.no_grad():  # by hand: torch.optim takes seconds to import
            for parameter in model.parameters():
                assert parameter.grad is not None
                parameter.sub_(0.5 * parameter.grad)
        model.zero_grad()
        yield loss


def main(runs: Path, name: str, batches: int, write_every: float) -> None:
    """Train and record, and say when each update has been told of."""
    model = Mixed()
    recorder = rnnlab.Recorder(model, name, every=2, runs=runs, write_every=write_every)
    for update, loss in enumerate(train(model, batches)):
        recorder.update(loss)
        print(update, flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    folder = Path(sys.argv[1])
    child = os.fork()  # PyTorch is imported once for both
    if child == 0:
        main(folder, "ends", 5, write_every=1000.0)
        sys.exit()
    os.waitpid(child, 0)
    main(folder, "killed", 100_000, write_every=0.0)
