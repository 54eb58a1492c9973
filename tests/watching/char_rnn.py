"""A character model as the field's scripts are written: a GRU that a loop calls letter by letter, sampling, a save.

Nothing in it knows of rnnlab: `test_script.py` adds its three lines, and holds that the script does what it did. It has
no types, as such scripts have none.
"""

# mypy: ignore-errors
import argparse
import random

import torch
import torch.nn as nn

parser = argparse.ArgumentParser()
parser.add_argument("--cell", default="gru", choices=["gru", "lstm"])
parser.add_argument("--hidden", type=int, default=12)
parser.add_argument("--updates", type=int, default=6)
parser.add_argument("--chunk", type=int, default=10)
parser.add_argument("--batch", type=int, default=4)
args = parser.parse_args()

random.seed(1)
torch.manual_seed(1)
text = "the quick brown fox jumps over the lazy dog. " * 20
letters = sorted(set(text))


def encode(string):
    return torch.tensor([letters.index(letter) for letter in string])


class CharRNN(nn.Module):
    def __init__(self, n_letters, hidden, cell, n_layers=2):
        super().__init__()
        self.n_layers, self.hidden = n_layers, hidden
        self.encoder = nn.Embedding(n_letters, hidden)
        kind = nn.GRU if cell == "gru" else nn.LSTM
        self.rnn = kind(hidden, hidden, n_layers, dropout=0.2)
        self.decoder = nn.Linear(hidden, n_letters)

    def forward(self, letter, state):
        output, state = self.rnn(self.encoder(letter).unsqueeze(0), state)
        return self.decoder(output.squeeze(0)), state


def random_chunks():
    chunks = []
    for _ in range(args.batch):
        start = random.randint(0, len(text) - args.chunk - 1)
        chunks.append(encode(text[start : start + args.chunk + 1]))
    return torch.stack(chunks)


model = CharRNN(len(letters), args.hidden, args.cell)
criterion = nn.CrossEntropyLoss()
losses = []


def train(chunks):
    model.zero_grad()
    state, loss = None, 0
    for t in range(args.chunk):
        output, state = model(chunks[:, t], state)
        loss += criterion(output, chunks[:, t + 1])
    loss.backward()
    for parameter in model.parameters():
        parameter.data.add_(parameter.grad, alpha=-0.1)
    return loss.item() / args.chunk


def sample(length=8):
    letter, state, said = encode("t"), None, "t"
    for _ in range(length):
        output, state = model(letter, state)
        letter = torch.multinomial(output.softmax(-1)[0], 1)
        said += letters[letter.item()]
    return said


for update in range(1, args.updates + 1):
    loss = train(random_chunks())
    losses.append(loss)
    if update % 2 == 0:
        print(f"{update} {loss:.6f} {sample()}")

torch.save(model, "model.pt")
