"""The native engine where numbers leave the range of float32: clipping, infinite states, vanished gradients."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from rnnlab.training.native_engine import NativeEngine
from tests.training.native_setting import INSTRUCTIONS, Fixed, make_recipe, needs_kernel, train
from tests.training.setting import begin


@needs_kernel
def test_clipping_holds_where_squares_of_gradients_are_beyond_float32() -> None:
    recipe = make_recipe("elman", "identity", batches=1, every=1)
    state = begin(recipe, 0, learning_rate=1.0, clip_norm=1.0)
    state.parameters_P[-6:] = 1e16  # the readout: losses of 1e32, gradients of 1e32 and more
    (state,) = train(NativeEngine(), recipe, [state])
    moved = state.snapshots_RP[1].astype("f8") - state.snapshots_RP[0]
    assert np.isfinite(state.losses).all()
    assert np.linalg.norm(moved[:-6]) <= 1.0 + 1e-6
    assert np.linalg.norm(moved[:-6]) > 0.5


@needs_kernel
@pytest.mark.parametrize("instructions", INSTRUCTIONS)
@pytest.mark.parametrize("inputs", [1, 3])
def test_clipping_takes_an_infinite_gradient_for_infinite_whatever_the_padding_holds(
    inputs: int, instructions: str
) -> None:
    """g limit / inf: the finite numbers of the gradient become 0, and the infinite ones NaN."""
    x_1TI = np.full((1, 1, inputs), 0.5, np.float32)
    recipe = make_recipe("elman", "identity", sizes=(inputs, 1), timesteps=1, batch_size=1)
    recipe = replace(recipe, sample=Fixed(x_1TI, np.zeros((1, 1, 1), np.float32)))
    state = begin(recipe, 0, learning_rate=1.0, clip_norm=1.0)
    state.parameters_P[:] = 0.25
    state.parameters_P[-6:] = [1e21, -1e21, 0.0, 0.0, 0.0, 1e18]  # two units cancel in the prediction
    before = state.parameters_P.copy()
    (state,) = train(NativeEngine(instructions), recipe, [state])
    assert state.losses[0] == pytest.approx(1e36)
    assert np.isnan(state.parameters_P[: 2 * inputs]).all()
    assert_array_equal(state.parameters_P[2 * inputs : 5 * inputs], before[2 * inputs : 5 * inputs])
    assert_array_equal(state.parameters_P[-6:], before[-6:])


@needs_kernel
@pytest.mark.parametrize("instructions", INSTRUCTIONS)
@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("hidden", [3, 16])
def test_a_state_beyond_float32_that_does_not_reach_the_prediction_is_no_divergence(
    hidden: int, outputs: int, instructions: str
) -> None:
    """h_1 = (inf, ...), h_2 = relu(-inf) = 0, so that y = b = 1."""
    x_1TI = np.array([[[2.0], [-2.0]]], np.float32)
    sizes = (1, outputs)
    recipe = make_recipe("elman", "relu", hidden=hidden, sizes=sizes, timesteps=2, batch_size=1, last=True)
    recipe = replace(recipe, sample=Fixed(x_1TI, np.zeros((1, 2, outputs), np.float32)))
    state = begin(recipe, 0, learning_rate=1e-3)
    state.parameters_P[:] = 0.5
    state.parameters_P[0] = 3e38
    state.parameters_P[hidden : hidden + hidden**2] = -0.5
    state.parameters_P[-outputs:] = 1.0
    (state,) = train(NativeEngine(instructions), recipe, [state])
    assert_array_equal(state.losses, [1.0])
    assert state.diverged_at is None


@needs_kernel
@pytest.mark.parametrize("instructions", INSTRUCTIONS)
def test_a_vanished_gradient_is_zero_while_a_net_trains_and_only_then(instructions: str) -> None:
    """dL/dW_ih = 1e-9 · 1e-30 is below the smallest normal number."""
    target_1TO = np.full((1, 1, 1), -0.5e-9, np.float32)
    recipe = make_recipe("elman", "identity", hidden=1, timesteps=1, batch_size=1)
    recipe = replace(recipe, sample=Fixed(np.ones((1, 1, 1), np.float32), target_1TO))
    state = begin(recipe, 0, learning_rate=1e38)
    state.parameters_P[:] = [1.0, 0.0, 0.0, 1e-30, 0.0]
    (state,) = train(NativeEngine(instructions), recipe, [state])
    assert state.parameters_P[0] == 1.0
    assert state.parameters_P[-1] == pytest.approx(-1e29)
    assert np.float32(1e-30) * np.float32(1e-9) > 0
