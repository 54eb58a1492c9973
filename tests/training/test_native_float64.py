"""The kernel's own source in float64, against autograd and the optimizers' formulas in float64, to 1e-12.

What float32 hides below its seventh digit shows here: a wrong constant, a term or a number left out.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from rnnlab.nets import initial_weights, pack, run_net, unpack
from rnnlab.training import Recipe, make_stream, native_library
from rnnlab.training.native_engine import kernel_recipe
from tests.training.native_setting import CELLS, INSTRUCTIONS, make_recipe, needs_kernel

TOLERANCE = 1e-12

pytestmark = needs_kernel


def start(recipe: Recipe, seed: int = 0) -> np.ndarray:
    """Give initial weights of which each has all digits of float64."""
    weights_P = pack(initial_weights(recipe.architecture, make_stream(seed, 0)), recipe.architecture)
    return weights_P * (1 + np.random.default_rng(seed).uniform(-1e-3, 1e-3, weights_P.size))


def draw(recipe: Recipe, count: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Draw batches, (N, B, T, I) and their targets, in float64."""
    generator = np.random.default_rng(1)
    drawn = [recipe.sample(generator, recipe.batch_size) for _ in range(count)]
    inputs, targets = (np.stack(arrays) for arrays in zip(*drawn, strict=True))
    return inputs * (1 + 1e-3 * inputs.astype("f8")), targets if targets.dtype == np.int64 else targets.astype("f8")


def by_autograd(
    recipe: Recipe, parameters_P: np.ndarray, inputs_BTI: np.ndarray, targets: np.ndarray
) -> tuple[float, np.ndarray]:
    """Give the loss of a batch and its gradient, (P,)."""
    architecture = recipe.architecture
    flat_SP = torch.from_numpy(parameters_P)[None].requires_grad_()
    weights = unpack(flat_SP, architecture)
    trajectory = run_net(architecture.cell, architecture.layers, weights, torch.from_numpy(inputs_BTI)[None])
    loss = recipe.sequence_loss(trajectory.predictions_BTO, torch.from_numpy(targets)[None]).mean()
    (gradient_SP,) = torch.autograd.grad(loss, flat_SP)
    return float(loss.detach()), gradient_SP[0].numpy()


def assert_close(recipe: Recipe, got_P: np.ndarray, expected_P: np.ndarray, tolerance: float = TOLERANCE) -> None:
    """Hold that each parameter agrees by itself, in the norm."""
    got, expected = (unpack(row_P, recipe.architecture) for row_P in (got_P, expected_P))
    for name, array in expected.items():
        assert np.linalg.norm(got[name] - array) <= tolerance * np.linalg.norm(array), name


def assert_gradients_agree(recipe: Recipe) -> None:
    """By every instruction set."""
    parameters_P, (inputs, targets) = start(recipe), draw(recipe)
    expected_loss, expected_P = by_autograd(recipe, parameters_P, inputs[0], targets[0])
    for instructions in INSTRUCTIONS:
        library = native_library.load(instructions, "float64")
        told = kernel_recipe(library, recipe, inputs.shape[2])
        loss, gradient_P = library.gradient(told, parameters_P, inputs[0], targets[0])
        assert loss == pytest.approx(expected_loss, rel=TOLERANCE, abs=0)
        assert_close(recipe, gradient_P, expected_P)


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("classes", [False, True])
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize(("cell", "nonlinearity"), CELLS)
def test_gradients_of_every_net_and_loss(
    cell: str, nonlinearity: str | None, layers: int, classes: bool, last: bool
) -> None:
    for sizes in ((1, 1), (1, 2), (3, 1), (17, 9)):
        if not (classes and sizes[1] == 1):  # with one class the gradient is zero
            assert_gradients_agree(
                make_recipe(cell, nonlinearity, layers=layers, sizes=sizes, classes=classes, last=last)
            )


@pytest.mark.parametrize("hidden", [1, 2, 3, 8, 17, 33])
@pytest.mark.parametrize(("cell", "nonlinearity"), CELLS)
def test_gradients_at_any_size(cell: str, nonlinearity: str | None, hidden: int) -> None:
    for batch_size, timesteps in ((1, 1), (3, 2), (7, 40), (33, 5), (129, 3)):
        assert_gradients_agree(
            make_recipe(cell, nonlinearity, hidden=hidden, layers=2, batch_size=batch_size, timesteps=timesteps)
        )


def test_with_one_class_there_is_no_gradient() -> None:
    recipe = make_recipe(sizes=(2, 1), classes=True)
    library = native_library.load(precision="float64")
    inputs, targets = draw(recipe)
    loss, gradient_P = library.gradient(kernel_recipe(library, recipe, 6), start(recipe), inputs[0], targets[0])
    assert loss == 0
    assert not gradient_P.any()


# trainings


def by_formulas(
    recipe: Recipe, parameters_P: np.ndarray, inputs: np.ndarray, targets: np.ndarray, rate: float, limit: float
) -> tuple[np.ndarray, np.ndarray]:
    """Train by autograd, clip and optimizer as they are written; gives the losses and the parameters."""
    losses, means = [], (np.zeros_like(parameters_P), np.zeros_like(parameters_P))
    for step, (x_BTI, y) in enumerate(zip(inputs, targets, strict=True), start=1):
        loss, g_P = by_autograd(recipe, parameters_P, x_BTI, y)
        losses.append(loss)
        g_P = g_P * min(1.0, limit / np.linalg.norm(g_P))
        if recipe.optimizer.name == "sgd":
            parameters_P = parameters_P - rate * g_P
        else:
            means = (0.9 * means[0] + 0.1 * g_P, 0.999 * means[1] + 0.001 * g_P**2)
            m_P, v_P = means[0] / (1 - 0.9**step), means[1] / (1 - 0.999**step)
            parameters_P = parameters_P - rate * m_P / (np.sqrt(v_P) + 1e-8)
    return np.array(losses), parameters_P


@pytest.mark.parametrize("limit", [math.inf, 0.05])
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize(("cell", "nonlinearity"), CELLS)
def test_a_training_is_its_formulas(cell: str, nonlinearity: str | None, optimizer: str, limit: float) -> None:
    recipe = make_recipe(cell, nonlinearity, layers=2, sizes=(3, 4), classes=True, optimizer=optimizer)
    rate, start_P, (inputs, targets) = (0.01 if optimizer == "adam" else 0.5), start(recipe), draw(recipe, 12)
    losses, expected_P = by_formulas(recipe, start_P, inputs, targets, rate, limit)
    for instructions in INSTRUCTIONS:
        library = native_library.load(instructions, "float64")
        told, rows = kernel_recipe(library, recipe, 6), [start_P.copy(), np.zeros_like(start_P), np.zeros_like(start_P)]
        net = native_library.KernelNet(*(row_P.ctypes.data for row_P in rows), rate, limit, 0)
        made = library.train(told, net, library.workspace(told), inputs, targets)
        np.testing.assert_allclose(made, losses, rtol=10 * TOLERANCE, atol=0)
        assert_close(recipe, rows[0] - start_P, expected_P - start_P, 10 * TOLERANCE)  # in twelve steps, a digit
        assert net.step == 12


# the range of float64


def test_no_number_of_float64_counts_as_zero() -> None:
    """dL/dW_ih = 1e-9 · 1e-301 is below the smallest normal number."""
    recipe = make_recipe("elman", "identity", hidden=1, timesteps=1, batch_size=1)
    parameters_P = np.array([1.0, 0.0, 0.0, 1e-301, 0.0])
    inputs, targets = np.ones((1, 1, 1)), np.full((1, 1, 1), -0.5e-9)
    for instructions in INSTRUCTIONS:
        library = native_library.load(instructions, "float64")
        _, gradient_P = library.gradient(kernel_recipe(library, recipe, 1), parameters_P, inputs, targets)
        assert gradient_P[0] == pytest.approx(1e-310, rel=1e-10, abs=0)


def test_clipping_holds_where_squares_of_gradients_are_beyond_float64() -> None:
    recipe = make_recipe("elman", "identity", hidden=1, timesteps=1, batch_size=1)
    parameters_P = np.array([1.0, 0.0, 0.0, 1e100, 0.0])
    library = native_library.load(precision="float64")
    told = kernel_recipe(library, recipe, 1)
    net = native_library.KernelNet(parameters_P.ctypes.data, None, None, 1.0, 1.0, 0)
    library.train(told, net, library.workspace(told), np.ones((1, 1, 1, 1)), np.zeros((1, 1, 1, 1)))
    assert parameters_P[0] == pytest.approx(1 - 1 / math.sqrt(2), rel=1e-12)  # dL/dW_ih and dL/db are alike
