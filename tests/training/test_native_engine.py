"""The native engine against the torch engine on the same batches, at odd sizes, and its own promises: a net's bits
depend on nothing but the net."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from rnnlab.training import NetState, Recipe
from rnnlab.training.native_engine import NativeEngine
from rnnlab.training.torch_engine import TorchEngine
from tests.training.native_setting import CELLS, INSTRUCTIONS, make_recipe, needs_kernel, train
from tests.training.setting import assert_same, begin


def assert_steps_agree(recipe: Recipe, instructions: str | None = None, tolerance: float = 1e-5) -> None:
    """Make one step of plain SGD with a large rate by both: what differs is the gradient, parameter by parameter."""
    rate = 64.0  # so that the weights' own rounding does not drown the gradient's
    (native,) = train(NativeEngine(instructions), recipe, [begin(recipe, 0, learning_rate=rate)])
    (expected,) = train(TorchEngine(), recipe, [begin(recipe, 0, learning_rate=rate)])
    assert_allclose(native.losses, expected.losses, rtol=1e-5)
    scale = np.linalg.norm(expected.parameters_P)
    assert np.linalg.norm(native.parameters_P - expected.parameters_P) <= tolerance * scale


# one step


@needs_kernel
@pytest.mark.parametrize("instructions", INSTRUCTIONS)
@pytest.mark.parametrize("hidden", [1, 3, 7, 16, 17, 33, 129])
@pytest.mark.parametrize(("cell", "nonlinearity"), CELLS)
def test_one_step_at_any_hidden_size(cell: str, nonlinearity: str | None, hidden: int, instructions: str) -> None:
    assert_steps_agree(make_recipe(cell, nonlinearity, hidden=hidden, layers=2), instructions)


@needs_kernel
@pytest.mark.parametrize("instructions", INSTRUCTIONS)
@pytest.mark.parametrize("batch_size", [1, 3, 7, 8, 17, 33, 129])
@pytest.mark.parametrize("timesteps", [1, 2, 17])
def test_one_step_at_any_batch_and_length(batch_size: int, timesteps: int, instructions: str) -> None:
    for cell, nonlinearity in (CELLS[0], CELLS[3], CELLS[4]):
        recipe = make_recipe(cell, nonlinearity, batch_size=batch_size, timesteps=timesteps)
        assert_steps_agree(recipe, instructions)


@needs_kernel
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("classes", [False, True])
@pytest.mark.parametrize("sizes", [(1, 1), (1, 3), (3, 1), (7, 17), (33, 2), (17, 33), (2, 129)])
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_one_step_at_any_number_of_inputs_outputs_and_layers(
    layers: int, sizes: tuple[int, int], classes: bool, last: bool
) -> None:
    for cell, nonlinearity in CELLS:
        recipe = make_recipe(cell, nonlinearity, layers=layers, sizes=sizes, classes=classes, last=last)
        for instructions in INSTRUCTIONS:
            assert_steps_agree(recipe, instructions)


# whole trainings


@needs_kernel
@pytest.mark.parametrize("instructions", INSTRUCTIONS)
@pytest.mark.parametrize("clip_norm", [None, 0.01])
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize(("cell", "nonlinearity"), CELLS)
def test_a_whole_training_has_the_torch_engine_s_losses(
    cell: str, nonlinearity: str | None, optimizer: str, clip_norm: float | None, instructions: str
) -> None:
    recipe = make_recipe(
        cell, nonlinearity, hidden=9, layers=2, sizes=(3, 4), classes=True, batches=100, optimizer=optimizer
    )
    rate = 1e-3 if optimizer == "adam" else 0.1
    (native,) = train(NativeEngine(instructions), recipe, [begin(recipe, 0, learning_rate=rate, clip_norm=clip_norm)])
    (expected,) = train(TorchEngine(), recipe, [begin(recipe, 0, learning_rate=rate, clip_norm=clip_norm)])
    assert_allclose(native.losses, expected.losses, rtol=2e-5)
    assert_allclose(native.snapshots_RP, expected.snapshots_RP, rtol=0, atol=1e-4)
    assert native.to_arrays().keys() == expected.to_arrays().keys()
    assert native.to_arrays()["stream"] == expected.to_arrays()["stream"]


# a net's bits depend on nothing but the net


@needs_kernel
@pytest.mark.parametrize(("cell", "nonlinearity"), CELLS)
def test_a_net_alone_and_in_a_session_of_many_is_the_same_to_the_bit(cell: str, nonlinearity: str | None) -> None:
    recipe = make_recipe(cell, nonlinearity, batches=60, optimizer="adam", hidden=7, layers=2)

    def states() -> list[NetState]:
        wild = begin(recipe, 9, learning_rate=1e30)
        return [wild, *(begin(recipe, seed % 3, learning_rate=1e-3 * (1 + seed)) for seed in range(6))]

    together = train(NativeEngine(), recipe, states(), 7)
    for alone, stacked in zip(states(), together, strict=True):
        assert_same(train(NativeEngine(), recipe, [alone])[0], stacked)


@needs_kernel
def test_padding_never_shows() -> None:
    """The last sequences of a batch repeated: the same mean, another number of rows in memory, the same numbers."""
    recipe = make_recipe(batch_size=4, batches=1)
    twice = replace(recipe, batch_size=8, sample=_Twice(recipe.sample))
    (one,) = train(NativeEngine(), recipe, [begin(recipe, 0, learning_rate=1.0)])
    (other,) = train(NativeEngine(), twice, [begin(recipe, 0, learning_rate=1.0)])
    assert_allclose(one.losses, other.losses, rtol=1e-6)
    assert_allclose(one.parameters_P, other.parameters_P, rtol=1e-5, atol=1e-6)


@dataclass(frozen=True)
class _Twice:
    sample: object

    def __call__(self, generator: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
        inputs, targets = self.sample(generator, max(1, count // 2))  # type: ignore[operator]
        return np.concatenate([inputs, inputs])[:count], np.concatenate([targets, targets])[:count]


@needs_kernel
def test_what_is_given_is_not_written_to() -> None:
    """The caller's arrays of a saved state stay as they were read."""
    recipe = make_recipe(batches=3, optimizer="adam")
    (saved,) = train(NativeEngine(), recipe, [begin(recipe, 0)])
    arrays = {name: array.copy() for name, array in saved.to_arrays().items()}
    again = begin(replace(recipe, batches=3), 0)
    again.restore(arrays | {"step": np.array(1)})
    train(NativeEngine(), recipe, [again])
    for name in ("parameters", "moments/first", "moments/second"):
        assert_array_equal(arrays[name], saved.to_arrays()[name])
