"""What an update is made with: optimizers, schedules and nonlinearities of every engine against PyTorch's own."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from rnnlab.config import config_from_mapping
from rnnlab.nets import run_net, unpack
from rnnlab.studies.remeasuring import add_quantities
from rnnlab.studies.run import run_one
from rnnlab.training import NetState, Recipe, choose_engine, make_optimizer, native_library
from rnnlab.training.native_engine import kernel_recipe
from rnnlab.training.schedules import Schedule, make_schedule, rate_factors
from tests.training.native_setting import INSTRUCTIONS, needs_kernel
from tests.training.native_setting import make_recipe as make_noise_recipe
from tests.training.setting import batches_of, begin, make_architecture, make_recipe, train
from tests.training.test_native_float64 import assert_gradients_agree, by_autograd, draw, start

OPTIMIZERS: dict[str, tuple[str, dict[str, float], Any, float]] = {
    "momentum": ("sgd", {"momentum": 0.9}, lambda p, rate: torch.optim.SGD(p, rate, momentum=0.9), 0.03),
    "rmsprop": ("rmsprop", {"smoothing": 0.95}, lambda p, rate: torch.optim.RMSprop(p, rate, alpha=0.95), 0.003),
    "adamw": ("adamw", {"weight_decay": 0.1}, lambda p, rate: torch.optim.AdamW(p, rate, weight_decay=0.1), 0.01),
}
EACH = pytest.mark.parametrize("case", list(OPTIMIZERS))
KERNEL_NONLINEARITIES = ["sigmoid", "leaky-relu", "hard-tanh"]


@pytest.mark.parametrize(
    ("name", "keys", "end"),
    [
        ("sgd", {"momentum": 0.9}, 0.7195),
        ("rmsprop", {"smoothing": 0.99}, -1.28912992193),
        ("adamw", {"weight_decay": 0.01}, 0.697302904994),
    ],
)
def test_three_equal_gradients_lead_where_the_formula_says(name: str, keys: dict[str, float], end: float) -> None:
    """Gradients of 0.5 from 1, at a rate of 0.1."""
    optimizer, p_SP = make_optimizer(name, keys), torch.ones(1, 1, dtype=torch.float64)
    moments, rates_S1 = optimizer.begin(p_SP), torch.full((1, 1), 0.1, dtype=torch.float64)
    for step in (1, 2, 3):
        optimizer.update(p_SP, torch.full_like(p_SP, 0.5), moments, rates_S1, step)
    assert p_SP.item() == pytest.approx(end, rel=1e-10)


@EACH
def test_optimizers_are_pytorchs(case: str) -> None:
    name, keys, make_theirs, rate = OPTIMIZERS[case]
    gradients = torch.randn(20, 3, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    ours_SP = torch.ones(3, 7, dtype=torch.float64)
    theirs = torch.nn.Parameter(ours_SP.clone())
    optimizer, reference = make_optimizer(name, keys), make_theirs([theirs], rate)
    moments, rates_S1 = optimizer.begin(ours_SP), torch.full((3, 1), rate, dtype=torch.float64)
    for step, gradient_SP in enumerate(gradients, start=1):
        theirs.grad = gradient_SP.clone()
        reference.step()
        optimizer.update(ours_SP, gradient_SP, moments, rates_S1, step)
        assert_allclose(ours_SP, theirs.detach(), rtol=1e-12)


@pytest.mark.usefixtures("each_engine")
@EACH
def test_every_engine_trains_with_them_as_a_plain_loop_does(case: str) -> None:
    name, keys, make_theirs, rate = OPTIMIZERS[case]
    recipe = replace(make_recipe(make_architecture(layers=2), batches=40), optimizer=make_optimizer(name, keys))
    (state,) = train(recipe, [begin(recipe, 3, learning_rate=rate)], 7)
    losses, norms = plain_training(recipe, begin(recipe, 3, learning_rate=rate), 3, make_theirs)
    assert_allclose(state.losses, losses, rtol=3e-5, atol=1e-7)
    assert_allclose(state.update_norms, norms, rtol=3e-4)
    assert losses[-1] < losses[0]


def plain_training(recipe: Recipe, state: NetState, seed: int, make_theirs: Any) -> tuple[list[float], list[float]]:
    """Train the usual way in float64; gives losses and norms of gradients."""
    flat_P = torch.nn.Parameter(torch.from_numpy(state.parameters_P.astype(np.float64)))
    optimizer = make_theirs([flat_P], state.learning_rate)
    factors_N = recipe.rate_factors_N
    losses, norms = [], []
    for index, (inputs, targets) in enumerate(batches_of(recipe, seed, recipe.batches)):
        for group in optimizer.param_groups:
            group["lr"] = state.learning_rate * (1.0 if factors_N is None else float(factors_N[index]))
        weights = unpack(flat_P, recipe.architecture)
        x_BTI, y = torch.from_numpy(inputs).double(), torch.from_numpy(targets).double()
        run = run_net(recipe.architecture.cell, recipe.architecture.layers, weights, x_BTI)
        loss = recipe.sequence_loss(run.predictions_BTO, y).mean()
        (flat_P.grad,) = torch.autograd.grad(loss, flat_P)
        losses.append(loss.item())
        norms.append(float(flat_P.grad.norm()))
        optimizer.step()
    return losses, norms


@needs_kernel
@EACH
def test_the_kernel_in_float64_trains_with_them_to_twelve_digits(case: str) -> None:
    name, keys, make_theirs, rate = OPTIMIZERS[case]
    recipe = replace(make_noise_recipe(layers=2, sizes=(3, 4), classes=True), optimizer=make_optimizer(name, keys))
    start_P, (inputs, targets) = start(recipe), draw(recipe, 12)
    rates = rate * np.linspace(0.2, 1.0, 12)
    theirs = torch.nn.Parameter(torch.from_numpy(start_P.copy()))
    reference, expected_norms = make_theirs([theirs], rate), []
    for x_BTI, y, now in zip(inputs, targets, rates, strict=True):
        _, gradient_P = by_autograd(recipe, theirs.detach().numpy(), x_BTI, y)
        theirs.grad = torch.from_numpy(gradient_P.copy())
        expected_norms.append(np.linalg.norm(gradient_P))
        reference.param_groups[0]["lr"] = now
        reference.step()
    for instructions in INSTRUCTIONS:
        library = native_library.load(instructions, "float64")
        told, rows, norms = kernel_recipe(library, recipe, 6), [start_P.copy()], np.zeros(12)
        rows += [np.zeros_like(start_P), np.zeros_like(start_P)]
        pointers = [row_P.ctypes.data for row_P in rows]
        its = (recipe.optimizer.own_number, rates.ctypes.data, norms.ctypes.data)
        net = native_library.KernelNet(*pointers, 99.0, math.inf, 0, *its)
        library.train(told, net, library.workspace(told), inputs, targets)
        difference = np.linalg.norm(rows[0] - theirs.detach().numpy()) / np.linalg.norm(rows[0] - start_P)
        assert difference < 1e-11
        assert_allclose(norms, expected_norms, rtol=1e-11)


@needs_kernel
@pytest.mark.parametrize("nonlinearity", ["tanh", *KERNEL_NONLINEARITIES])
def test_padding_is_no_part_of_a_gradients_norm(nonlinearity: str) -> None:
    """Units that only fill a vector are sigmoid(0) = 1/2, and not zero."""
    recipe = make_noise_recipe("elman", nonlinearity, hidden=5, layers=2)
    parameters_P, (inputs, targets) = start(recipe), draw(recipe)
    _, gradient_P = by_autograd(recipe, parameters_P, inputs[0], targets[0])
    limit = 0.5 * float(np.linalg.norm(gradient_P))
    for instructions in INSTRUCTIONS:
        library = native_library.load(instructions, "float64")
        told, rows_P, norms = kernel_recipe(library, recipe, 6), parameters_P.copy(), np.zeros(1)
        net = native_library.KernelNet(rows_P.ctypes.data, None, None, 0.1, limit, 0, 0.0, None, norms.ctypes.data)
        library.train(told, net, library.workspace(told), inputs, targets)
        assert norms[0] == pytest.approx(2 * limit, rel=1e-12)
        assert_allclose(rows_P, parameters_P - 0.05 * gradient_P, rtol=1e-11, atol=1e-14)


@needs_kernel
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("nonlinearity", ["tanh", "relu", "identity", *KERNEL_NONLINEARITIES])
def test_the_kernel_knows_nonlinearities_to_twelve_digits(nonlinearity: str, layers: int) -> None:
    for hidden, batch_size, timesteps in ((5, 8, 6), (33, 3, 12)):
        recipe = make_noise_recipe(
            "elman", nonlinearity, layers=layers, hidden=hidden, batch_size=batch_size, timesteps=timesteps
        )
        assert_gradients_agree(recipe)
        assert choose_engine("auto", needs=recipe.needs) == "native"
    leaky = make_noise_recipe("leaky", nonlinearity, layers=2, sizes=(3, 2), hidden=17, batch_size=3, timesteps=9)
    assert_gradients_agree(leaky)
    softplus = make_noise_recipe("elman", "softplus")
    assert choose_engine("auto", needs=softplus.needs) == "torch"


# schedules


def test_schedules_are_pytorchs() -> None:
    def ours(schedule: Schedule, warm_up: int = 0) -> np.ndarray:
        factors_N = rate_factors(schedule, warm_up, 30)
        assert factors_N is not None
        return factors_N

    def theirs(make: Any) -> np.ndarray:
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        scheduler, rates = make(optimizer), []
        for _ in range(30):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
        return np.array(rates)

    kinds = torch.optim.lr_scheduler
    step = make_schedule("step", {"decay_every": 7, "decay_factor": 0.5})
    assert_allclose(ours(step), theirs(lambda o: kinds.StepLR(o, 7, 0.5)), rtol=1e-12)
    cosine = make_schedule("cosine", {"final_share": 0.1})
    assert_allclose(ours(cosine), theirs(lambda o: kinds.CosineAnnealingLR(o, 30, eta_min=0.1)), rtol=1e-12)
    constant = make_schedule("constant")
    assert_allclose(ours(constant, 5), theirs(lambda o: kinds.LinearLR(o, 1 / 5, total_iters=4)), rtol=1e-12)
    assert rate_factors(make_schedule("constant"), 0, 30) is None


@pytest.mark.usefixtures("each_engine")
def test_every_engine_follows_a_schedule_however_the_work_is_cut() -> None:
    recipe = make_recipe(make_architecture("gru", None), batches=40, optimizer="sgd", every=9)
    recipe = replace(recipe, rate_factors_N=rate_factors(make_schedule("cosine"), 10, 40))
    (state,) = train(recipe, [begin(recipe, 3, learning_rate=0.3)])
    (cut,) = train(recipe, [begin(recipe, 3, learning_rate=0.3)], 3, 11)
    np.testing.assert_array_equal(state.losses, cut.losses)
    np.testing.assert_array_equal(state.update_norms, cut.update_norms)
    losses, _ = plain_training(recipe, begin(recipe, 3, learning_rate=0.3), 3, torch.optim.SGD)
    assert_allclose(state.losses, losses, rtol=3e-5, atol=1e-7)


# norms of the updates


@pytest.mark.parametrize("engine", ["torch", *(["native"] if INSTRUCTIONS else [])])
def test_a_finished_run_gains_the_norms_of_its_updates_and_loses_nothing(engine: str, tmp_path: Path) -> None:
    training = {"batches": 30, "clip_norm": 0.2, "optimizer": "sgd", "learning_rate": 0.1}
    config = config_from_mapping({"name": "x", "training": training, "record": {"every": 10, "weights": True}})
    run = run_one(config, runs=tmp_path, engine=engine).run
    before = {name: array.tobytes() for name, array in run.metrics.items()}
    assert add_quantities(run, ["updates"]) == ["updates"]
    again = run_one(config, runs=tmp_path, engine=engine).run
    assert {name: array.tobytes() for name, array in again.metrics.items()} == before
    norms, factors = again["update_norm"], again["clip_factor"]
    assert norms.shape == factors.shape == (30,)
    assert_allclose(factors, np.minimum(1, 0.2 / norms), rtol=1e-12)
    assert again.summary["clipped_share"] == pytest.approx(np.mean(norms > 0.2))
    assert 0 < again.summary["clipped_share"] < 1
    assert again.summary["largest_update_norm"] == pytest.approx(norms.max())
    assert norms.min() < again.summary["median_update_norm"] < norms.max()
