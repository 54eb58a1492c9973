"""The masked losses: each sequence's mean over the timesteps that have a target, and no gradient from any other."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from rnnlab.tasks import CrossEntropy, Loss, MaskedCrossEntropy, MaskedMeanSquaredError, MeanSquaredError
from rnnlab.tasks.losses import NO_CLASS

COUNTED_BT = torch.tensor([[1, 1, 1, 1], [1, 0, 1, 0], [0, 0, 0, 1]], dtype=torch.bool)


def case(kind: str) -> tuple[Loss, Tensor, Tensor, Tensor, Callable[[Tensor, Tensor], Tensor]]:
    """Give a loss, predictions, its targets, the same without a mask, and PyTorch's loss of a stretch."""
    torch.manual_seed(0)
    predictions = torch.randn(2, 3, 4, 5, dtype=torch.float64, requires_grad=True)
    if kind == "numbers":
        whole = torch.randn(2, 3, 4, 5, dtype=torch.float64)
        masked = whole.masked_fill(~COUNTED_BT[..., None], math.nan)
        return MaskedMeanSquaredError(), predictions, masked, whole, functional.mse_loss
    whole = torch.randint(5, (2, 3, 4))
    return MaskedCrossEntropy(), predictions, whole.masked_fill(~COUNTED_BT, NO_CLASS), whole, functional.cross_entropy


@pytest.mark.parametrize("kind", ["numbers", "classes"])
def test_a_masked_loss_is_pytorch_s_of_what_counts_in_each_sequence(kind: str) -> None:
    loss, predictions, masked, whole, of_pytorch = case(kind)
    made_SB = loss(predictions, masked)
    for s in range(2):
        for b in range(3):
            kept = COUNTED_BT[b]
            assert made_SB[s, b].item() == pytest.approx(of_pytorch(predictions[s, b, kept], whole[s, b, kept]).item())


@pytest.mark.parametrize("kind", ["numbers", "classes"])
def test_no_gradient_comes_from_where_there_is_no_target_even_of_infinite_predictions(kind: str) -> None:
    loss, predictions, masked, _, _ = case(kind)
    spoiled = predictions.detach().clone()
    spoiled[:, 1, 1, 0] = math.inf if kind == "numbers" else 1e300
    spoiled.requires_grad_()
    loss(spoiled, masked).sum().backward()
    loss(predictions, masked).sum().backward()
    assert spoiled.grad is not None
    assert predictions.grad is not None
    assert (predictions.grad[:, ~COUNTED_BT] == 0).all()
    assert torch.equal(spoiled.grad, predictions.grad)


def test_where_every_timestep_has_a_target_it_is_the_plain_loss() -> None:
    for kind, plain in (("numbers", MeanSquaredError()), ("classes", CrossEntropy())):
        loss, predictions, _, whole, _ = case(kind)
        assert torch.allclose(loss(predictions, whole), plain(predictions, whole), rtol=1e-14)


def test_a_loss_says_where_it_is_taken() -> None:
    assert MeanSquaredError().where == "at every timestep"
    assert CrossEntropy(last_timestep_only=True).where == "at the last timestep"
    assert MaskedMeanSquaredError().where == MaskedCrossEntropy().where == "where there is a target"
