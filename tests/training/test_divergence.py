"""A net whose loss stops being finite is frozen there, keeps what gave that loss, and disturbs no neighbour."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from rnnlab.nets import unpack
from rnnlab.training import NetState, Recipe
from tests.nets.settings import reference_net
from tests.reference import sequence_losses, unroll
from tests.training.setting import assert_same, batches_of, begin, make_architecture, make_recipe, train

pytestmark = pytest.mark.usefixtures("each_engine")

CASES = pytest.mark.parametrize(
    ("nonlinearity", "optimizer", "learning_rate"),
    [("relu", "sgd", 30.0), ("identity", "sgd", 3.0), ("identity", "sgd", 1e3), ("identity", "adam", 1e30)],
)

LARGEST = float(np.finfo(np.float32).max)


def setting(nonlinearity: str, optimizer: str) -> Recipe:
    return make_recipe(make_architecture("elman", nonlinearity), optimizer=optimizer, every=1, batches=60)


def wild(recipe: Recipe, learning_rate: float) -> NetState:
    return begin(recipe, 3, learning_rate=learning_rate, weight_scale=2.0)


def exact_loss(recipe: Recipe, row_P: np.ndarray, update: int) -> float:
    """Take the loss of one batch in float64, by the reference implementation."""
    weights = {name: weight.astype(np.float64) for name, weight in unpack(row_P, recipe.architecture).items()}
    inputs, targets = (part.astype(np.float64) for part in batches_of(recipe, 3, update + 1)[update])
    with np.errstate(over="ignore", invalid="ignore"):
        predictions = unroll(reference_net(recipe.architecture), weights, inputs).predictions
        return float(sequence_losses(predictions, targets, last_timestep_only=False).mean())


@CASES
def test_final_weights_are_those_that_gave_the_first_loss_that_is_not_finite(
    nonlinearity: str, optimizer: str, learning_rate: float
) -> None:
    recipe = setting(nonlinearity, optimizer)
    (state,) = train(recipe, [wild(recipe, learning_rate)])
    at = state.diverged_at
    assert at is not None
    assert 0 < at < 59
    assert np.isfinite(state.losses[:at]).all()
    assert not np.isfinite(state.losses[at])
    assert not exact_loss(recipe, state.parameters_P, at) < LARGEST
    assert exact_loss(recipe, state.snapshots_RP[at - 1], at - 1) < LARGEST
    assert_array_equal(state.snapshots_RP[at], state.parameters_P)


@CASES
def test_what_would_have_come_after_is_nan(nonlinearity: str, optimizer: str, learning_rate: float) -> None:
    recipe = setting(nonlinearity, optimizer)
    states = train(recipe, [wild(recipe, learning_rate), begin(recipe, 0, learning_rate=1e-3)])
    at = states[0].diverged_at
    assert at is not None
    assert np.isnan(states[0].losses[at + 1 :]).all()
    assert np.isnan(states[0].snapshots_RP[at + 1 :]).all()
    assert states[0].step == recipe.batches
    assert states[1].diverged_at is None
    assert np.isfinite(states[1].losses).all()
    assert np.isfinite(states[1].snapshots_RP).all()


@CASES
def test_neighbours_do_not_notice(nonlinearity: str, optimizer: str, learning_rate: float) -> None:
    """The same stack, with something harmless in the slot of the net that diverges."""
    recipe = setting(nonlinearity, optimizer)

    def neighbours(rate_in_the_middle: float, clip_norm: float | None) -> list[NetState]:
        others = [begin(recipe, seed, learning_rate=1e-3, clip_norm=clip_norm) for seed in (0, 1)]
        trained = train(recipe, [others[0], wild(recipe, rate_in_the_middle), others[1]])
        assert (trained[1].diverged_at is None) == (rate_in_the_middle < 1)
        return [trained[0], trained[2]]

    for clip_norm in (None, 0.01):
        for one, other in zip(neighbours(learning_rate, clip_norm), neighbours(1e-5, clip_norm), strict=True):
            assert one.diverged_at is None
            assert_same(one, other)


@CASES
def test_a_net_diverges_at_the_same_update_alone(nonlinearity: str, optimizer: str, learning_rate: float) -> None:
    recipe = setting(nonlinearity, optimizer)
    (alone,) = train(recipe, [wild(recipe, learning_rate)], *[1] * 60)
    stacked = train(recipe, [begin(recipe, 0, learning_rate=1e-3), wild(recipe, learning_rate)])[1]
    assert alone.diverged_at == stacked.diverged_at


def test_a_net_that_begins_beyond_float32_diverges_at_once() -> None:
    recipe = setting("identity", "sgd")
    state = wild(recipe, 1e-3)
    state.parameters_P[:] = 1e30
    before = state.parameters_P.copy()
    (state,) = train(recipe, [state])
    assert state.diverged_at == 0
    assert_array_equal(state.parameters_P, before)
    assert_array_equal(state.snapshots_RP[0], before)
    assert np.isnan(state.losses[1:]).all()


def test_training_ends_when_all_have_diverged() -> None:
    recipe = setting("identity", "sgd")
    states = train(recipe, [wild(recipe, 1e3), wild(recipe, 1e4)])
    assert [state.step for state in states] == [60, 60]
    assert all(state.diverged_at is not None for state in states)
