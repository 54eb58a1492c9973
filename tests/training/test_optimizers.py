"""Each optimizer against its formula, one number at a time, and clipping at the ends of float32."""

from __future__ import annotations

import math

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from rnnlab.training.clipping import clip
from rnnlab.training.optimizers import make_optimizer

numbers = st.floats(-1e3, 1e3, width=32).filter(lambda x: x == 0 or abs(x) > 1e-6)


@given(st.lists(numbers, min_size=1, max_size=6), st.floats(1e-5, 1.0))
def test_adam_is_its_formula(gradients: list[float], rate: float) -> None:
    """In float64, with the means written out as sums: m = (1 - β₁) Σ β₁^(t-k) g_k."""
    p_SP = torch.zeros(1, 1, dtype=torch.float64)
    adam, rates_S1 = make_optimizer("adam"), torch.tensor([[rate]], dtype=torch.float64)
    moments = adam.begin(p_SP)
    expected = 0.0
    for t in range(1, len(gradients) + 1):
        adam.update(p_SP, torch.tensor([[gradients[t - 1]]], dtype=torch.float64), moments, rates_S1, t)
        m = sum(0.1 * 0.9 ** (t - k) * gradients[k - 1] for k in range(1, t + 1)) / (1 - 0.9**t)
        v = sum(0.001 * 0.999 ** (t - k) * gradients[k - 1] ** 2 for k in range(1, t + 1)) / (1 - 0.999**t)
        expected -= rate * m / (math.sqrt(v) + 1e-8)
    assert_allclose(p_SP.item(), expected, rtol=1e-9, atol=1e-12)


def test_each_net_has_its_own_rate() -> None:
    rates_S1 = torch.tensor([[0.1], [0.0], [10.0]])
    for name in ("adam", "sgd"):
        p_SP = torch.ones(3, 4)
        optimizer = make_optimizer(name)
        optimizer.update(p_SP, torch.ones(3, 4), optimizer.begin(p_SP), rates_S1, 1)
        assert_allclose(p_SP.numpy(), np.broadcast_to([[0.9], [1.0], [-9.0]], (3, 4)), rtol=1e-6)


def test_clipping_keeps_the_direction_and_cuts_the_length() -> None:
    gradient_SP = torch.tensor([[3.0, 4.0], [0.606, 0.808], [0.594, 0.792], [0.0, 0.0], [3.0, 4.0]])
    limits_S1 = torch.tensor([[1.0], [1.0], [1.0], [1.0], [math.inf]])
    expected = [[0.6, 0.8], [0.6, 0.8], [0.594, 0.792], [0.0, 0.0], [3.0, 4.0]]
    assert_allclose(clip(gradient_SP, limits_S1).numpy(), expected, rtol=1e-6)


def test_clipping_holds_where_the_square_of_a_gradient_is_beyond_float32() -> None:
    """That is where it is needed: a gradient of 1e25 must become one of length 1, not of length 0."""
    gradient_SP = torch.tensor([[3e25, -4e25], [3e38, 0.0]])
    assert_allclose(clip(gradient_SP, torch.ones(2, 1)).numpy(), [[0.6, -0.8], [1.0, 0.0]], rtol=1e-6)


def test_clipping_does_not_hide_what_is_not_finite() -> None:
    gradient_SP = torch.tensor([[math.nan, 1.0], [math.inf, 1.0], [0.3, 0.4]])
    clipped = clip(gradient_SP, torch.ones(3, 1))
    assert not clipped[:2].isfinite().all(dim=-1).any()
    assert torch.equal(clipped[2], gradient_SP[2])
