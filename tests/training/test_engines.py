"""Every engine keeps its promises: the same bits however the work is cut, saved and resumed; records; errors."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from rnnlab.training import NetState, Recipe, make_engine
from tests.training.setting import (
    BATCH_SIZE,
    assert_same,
    batches_of,
    begin,
    make_architecture,
    make_recipe,
    make_task,
    open_session,
    train,
)

pytestmark = pytest.mark.usefixtures("each_engine")

CELLS = [("elman", "tanh"), ("elman", "relu"), ("elman", "identity"), ("lstm", None), ("gru", None)]
OPTIMIZERS = pytest.mark.parametrize("optimizer", ["adam", "sgd"])


def make_stack(recipe: Recipe) -> list[NetState]:
    """Four nets: two share a seed, one is clipped, all learn at their own rate."""
    return [
        begin(recipe, 0, learning_rate=1e-2),
        begin(recipe, 0, learning_rate=3e-2, weight_scale=1.5),
        begin(recipe, 1, learning_rate=1e-3, clip_norm=0.05),
        begin(recipe, 2, learning_rate=2e-2),
    ]


@OPTIMIZERS
@pytest.mark.parametrize(("cell", "nonlinearity"), CELLS)
def test_the_same_stack_twice_gives_the_same_bits(cell: str, nonlinearity: str | None, optimizer: str) -> None:
    recipe = make_recipe(make_architecture(cell, nonlinearity, 2), optimizer=optimizer)
    for one, other in zip(train(recipe, make_stack(recipe)), train(recipe, make_stack(recipe)), strict=True):
        assert_same(one, other)


@OPTIMIZERS
@pytest.mark.parametrize(("cell", "nonlinearity"), CELLS)
def test_a_net_alone_and_in_a_stack_agree_to_rounding(cell: str, nonlinearity: str | None, optimizer: str) -> None:
    recipe = make_recipe(make_architecture(cell, nonlinearity), optimizer=optimizer)
    together = train(recipe, make_stack(recipe))
    for before, stacked in zip(make_stack(recipe), together, strict=True):
        (alone,) = train(recipe, [before])
        assert_allclose(stacked.losses, alone.losses, rtol=1e-5, atol=1e-7)
        assert alone.to_arrays()["stream"] == stacked.to_arrays()["stream"]


@pytest.mark.parametrize("cuts", [[1] * 50, [7, 13, 1], [20, 20], [49], [0, 25, 0], [1000]])
def test_cutting_the_updates_changes_nothing(cuts: list[int]) -> None:
    recipe = make_recipe(make_architecture("gru", None, 2))
    for one, other in zip(train(recipe, make_stack(recipe)), train(recipe, make_stack(recipe), *cuts), strict=True):
        assert_same(one, other)


@pytest.mark.parametrize("bytes_at_once", [1, 3000, 20_000])
def test_the_size_of_drawn_blocks_changes_nothing(bytes_at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = make_recipe(make_architecture())
    expected = train(recipe, make_stack(recipe))
    for module in ("torch_engine", "native_engine"):
        monkeypatch.setattr(f"rnnlab.training.{module}._BLOCK_BYTES", bytes_at_once)
    for one, other in zip(expected, train(recipe, make_stack(recipe), 3), strict=True):
        assert_same(one, other)


def through_a_file(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **arrays)
    file.seek(0)
    with np.load(file, allow_pickle=False) as loaded:
        return dict(loaded)


@OPTIMIZERS
@pytest.mark.parametrize("at", [0, 1, 20, 33, 50])
def test_going_on_from_a_saved_state_gives_the_same_bits(at: int, optimizer: str) -> None:
    """Also where a net diverged before."""
    recipe = make_recipe(make_architecture("elman", "identity"), optimizer=optimizer)
    wild = begin(recipe, 3, learning_rate=1e30)
    expected = train(recipe, [*make_stack(recipe), wild])
    assert expected[-1].diverged_at is not None

    session = open_session(recipe, [*make_stack(recipe), begin(recipe, 3, learning_rate=1e30)])
    session.advance(at)
    saved = [through_a_file(state.to_arrays()) for state in session.states()]
    resumed = [*make_stack(recipe), begin(recipe, 3, learning_rate=1e30)]
    for state, arrays in zip(resumed, saved, strict=True):
        state.restore(arrays)
        assert state.step == at
    for one, other in zip(expected, train(recipe, resumed), strict=True):
        assert_same(one, other)


def test_taking_the_states_changes_nothing() -> None:
    recipe = make_recipe(make_architecture("lstm", None))
    expected = train(recipe, make_stack(recipe))
    session = open_session(recipe, make_stack(recipe))
    while session.step < recipe.batches:
        session.advance(3)
        session.states()
        session.last_losses()
    for one, other in zip(expected, session.states(), strict=True):
        assert_same(one, other)


def test_a_state_of_another_training_is_refused() -> None:
    recipe = make_recipe(make_architecture())
    arrays = begin(recipe, 0).to_arrays()
    for other in (
        make_recipe(make_architecture(layers=2)),
        replace(recipe, batches=51),
        replace(recipe, record_every=7),
    ):
        with pytest.raises(ValueError, match=r"the saved .* have shape"):
            begin(other, 0).restore(arrays)
    del arrays["stream"]
    with pytest.raises(KeyError):
        begin(recipe, 0).restore(arrays)


# batches


def test_nets_of_one_seed_see_one_stream_of_batches() -> None:
    """A net of zeros that does not learn predicts 0: its loss is the mean of the squared targets."""
    recipe = make_recipe(make_architecture(), optimizer="sgd")
    still = [begin(recipe, seed, learning_rate=0.0) for seed in (5, 6, 5)]
    for state in still:
        state.parameters_P[:] = 0.0
    trained = train(recipe, still, 13)
    for seed, state in zip((5, 6, 5), trained, strict=True):
        expected = [np.mean(targets.astype("f8") ** 2) for _, targets in batches_of(recipe, seed, recipe.batches)]
        assert_allclose(state.losses, expected, rtol=1e-6)
    assert_array_equal(trained[0].losses, trained[2].losses)
    assert np.all(trained[0].losses != trained[1].losses)


def test_the_stream_ends_where_the_batches_end() -> None:
    recipe = make_recipe(make_architecture())
    states = train(recipe, make_stack(recipe), 17)
    for seed, state in zip((0, 0, 1, 2), states, strict=True):
        batches = batches_of(recipe, seed, recipe.batches + 1)
        assert_array_equal(recipe.sample(state.stream, BATCH_SIZE)[0], batches[-1][0])


# records


def test_snapshots_are_the_weights_at_the_recorded_steps() -> None:
    recipe = make_recipe(make_architecture(), batches=45, every=20)
    assert_array_equal(recipe.record_steps_R, [0, 20, 40, 45])
    session = open_session(recipe, make_stack(recipe))
    for index, step in enumerate(recipe.record_steps_R):
        session.advance(int(step) - session.step)
        now = [state.parameters_P.copy() for state in session.states()]
        session.advance(1)
        for state, row_P in zip(session.states(), now, strict=True):
            assert_array_equal(state.snapshots_RP[index], row_P)
            assert np.isnan(state.snapshots_RP[index + 1 :]).all() or index == 3


@pytest.mark.parametrize("calls", [1, 3])
def test_without_batches_the_initial_weights_are_recorded(calls: int) -> None:
    recipe = make_recipe(make_architecture(), batches=0)
    state = begin(recipe, 0)
    initial_P = state.parameters_P.copy()
    session = open_session(recipe, [state])
    for _ in range(calls):
        session.advance(0)
    assert_array_equal(session.states()[0].snapshots_RP, initial_P[None])
    assert session.states()[0].losses.shape == (0,)
    assert np.isnan(session.last_losses()).all()


def test_last_losses_are_those_of_the_update_before() -> None:
    recipe = make_recipe(make_architecture())
    session = open_session(recipe, make_stack(recipe))
    assert np.isnan(session.last_losses()).all()
    session.advance(9)
    assert session.last_losses() == [float(state.losses[8]) for state in session.states()]
    assert np.isnan(session.states()[0].losses[9:]).all()


def test_advancing_past_the_end_stops_at_the_end() -> None:
    recipe = make_recipe(make_architecture(), batches=5)
    session = open_session(recipe, [begin(recipe, 0)])
    for _ in range(3):
        session.advance(4)
    assert session.step == 5
    assert np.isfinite(session.states()[0].losses).all()


# clipping


def test_clipping_one_net_leaves_its_neighbours_alone() -> None:
    recipe = make_recipe(make_architecture(), optimizer="sgd")
    plain = train(recipe, [begin(recipe, 0), begin(recipe, 1)])
    clipped = train(recipe, [begin(recipe, 0, clip_norm=1e-3), begin(recipe, 1)])
    assert_same(plain[1], clipped[1])
    assert np.abs(plain[0].losses - clipped[0].losses).max() > 1e-3


def test_an_update_of_clipped_sgd_is_as_long_as_its_limit_times_its_rate() -> None:
    recipe = make_recipe(make_architecture(), optimizer="sgd", batches=10, every=1)
    (state,) = train(recipe, [begin(recipe, 0, learning_rate=0.5, clip_norm=1e-2)])
    moved = np.linalg.norm(np.diff(state.snapshots_RP.astype("f8"), axis=0), axis=-1)
    assert_allclose(moved, 0.5 * 1e-2, rtol=1e-4)


def test_a_limit_that_is_never_reached_changes_nothing() -> None:
    recipe = make_recipe(make_architecture())
    (plain,), (limited,) = (train(recipe, [begin(recipe, 0, clip_norm=limit)]) for limit in (None, 1e6))
    assert_same(plain, limited)


# errors


def test_an_unknown_engine_is_an_error_that_lists_the_valid_ones() -> None:
    with pytest.raises(ValueError, match=r"there is no engine 'abacus'; valid: .*torch"):
        make_engine("abacus")


def test_an_unknown_device_is_an_error_that_lists_the_valid_ones() -> None:
    with pytest.raises(ValueError, match=r"there is no device 'tpu'; valid: .*cpu"):
        make_engine("torch", "tpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_cuda_where_there_is_none_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(ValueError, match="no CUDA device here; use --device cpu"):
        make_engine("torch", "cuda")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_an_automatic_device_falls_back_to_the_processor() -> None:
    assert make_engine("torch", "auto").device == "cpu"


def test_nets_at_different_updates_cannot_be_stacked() -> None:
    recipe = make_recipe(make_architecture())
    session = open_session(recipe, [begin(recipe, 0)])
    session.advance(3)
    with pytest.raises(ValueError, match="must stand at the same update"):
        open_session(recipe, [*session.states(), begin(recipe, 1)])


def test_a_task_is_sampled_as_the_recipe_says() -> None:
    recipe = make_recipe(make_architecture(), last=True)
    assert recipe.sequence_loss == make_task(last_timestep_only=True).loss
