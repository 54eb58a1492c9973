"""Every engine makes the same updates as a plain PyTorch loop: nn.RNN, nn.LSTM, nn.GRU, torch.optim, clipping."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn

from rnnlab.nets import unpack
from rnnlab.training import NetState, Recipe
from tests.nets.pytorch_nets import PytorchNet, freeze_second_biases
from tests.training.setting import batches_of, begin, make_architecture, make_recipe, train

pytestmark = pytest.mark.usefixtures("each_engine")

CELLS = [("elman", "tanh"), ("elman", "relu"), ("lstm", None), ("gru", None)]


def assert_close(losses: np.ndarray, expected: list[float]) -> None:
    """Hold to what rounding does.

    float32 rounds by 6e-8, and updates amplify it: over 50 of them 2e-6 is what one sees with Adam, 8e-6 with SGD at a
    rate of 0.3, and the same with clipping, where PyTorch adds 1e-6 to the norm. A larger rate amplifies more, so the
    third net of the stacks below, which learns fastest, is not compared. A wrong β, ε or bias correction shows at 1e-3.
    """
    assert_allclose(losses, expected, rtol=2e-5, atol=1e-7)


def plain_losses(recipe: Recipe, seed: int, state: NetState) -> list[float]:
    """Train one net the usual way, from the same weights on the same batches."""
    weights = {name: w.astype(np.float64) for name, w in unpack(state.parameters_P, recipe.architecture).items()}
    net = PytorchNet(recipe.architecture, weights)
    freeze_second_biases(recipe.architecture, net.float())
    make_optimizer = torch.optim.Adam if recipe.optimizer.name == "adam" else torch.optim.SGD
    optimizer = make_optimizer(net.parameters(), lr=state.learning_rate)
    losses = []
    for inputs, targets in batches_of(recipe, seed, recipe.batches):
        errors = (net(torch.from_numpy(inputs))[0] - torch.from_numpy(targets)).square()
        loss = errors[:, -1].mean() if recipe.sequence_loss == make_recipe_loss(last=True) else errors.mean()
        optimizer.zero_grad()
        loss.backward()
        if state.clip_norm is not None:
            before = nn.utils.clip_grad_norm_(net.parameters(), state.clip_norm)
            assert before > 2 * state.clip_norm  # clearly: PyTorch adds 1e-6 to the norm
        optimizer.step()
        losses.append(loss.item())
    return losses


def make_recipe_loss(last: bool) -> object:
    return make_recipe(make_architecture(), last=last).sequence_loss


@pytest.mark.parametrize(("layers", "last"), [(1, False), (2, True)])
@pytest.mark.parametrize(("optimizer", "clip_norm"), [("adam", None), ("sgd", None), ("sgd", 1e-3), ("adam", 1e-3)])
@pytest.mark.parametrize(("cell", "nonlinearity"), CELLS)
def test_losses_agree_with_the_plain_loop(
    cell: str, nonlinearity: str | None, optimizer: str, clip_norm: float | None, layers: int, last: bool
) -> None:
    """In a stack of nets with other seeds and other learning rates."""
    recipe = make_recipe(make_architecture(cell, nonlinearity, layers), optimizer=optimizer, last=last)
    rates = [1e-2, 3e-3, 3e-2] if optimizer == "adam" else [0.1, 0.03, 0.3]
    states = [begin(recipe, seed, learning_rate=rate, clip_norm=clip_norm) for seed, rate in enumerate(rates)]
    expected = [plain_losses(recipe, seed, state) for seed, state in enumerate(states[:2])]
    for state, losses in zip(train(recipe, states), expected, strict=False):
        assert_close(state.losses, losses)
        assert len(set(losses)) == recipe.batches


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_training_learns(optimizer: str) -> None:
    """So that agreement is not that of two nets that stand still."""
    recipe = make_recipe(make_architecture(), optimizer=optimizer, batches=200)
    (state,) = train(recipe, [begin(recipe, 0, learning_rate=1e-2 if optimizer == "adam" else 0.3)])
    assert state.losses[-20:].mean() < 0.5 * state.losses[:20].mean()
