"""Critical scales: roots of known functions, and the exponents whose roots they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf, log, nan

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from rnnlab.flow.critical import find_crossings, leading_exponents
from rnnlab.flow.exponents import lyapunov_exponents
from tests.flow.groups.settings import random_problem

SCALES = np.geomspace(1 / 16, 16, 13)


def functions(*each: Callable[[float], float]) -> Callable[[Sequence[int], np.ndarray], np.ndarray]:
    """Give the exponents of nets that are known functions of the scale."""
    return lambda nets, scales: np.array([each[net](scale) for net, scale in zip(nets, scales, strict=True)])


def scan(*each: Callable[[float], float]) -> np.ndarray:
    return np.tile(SCALES[:, None], (1, len(each)))


def test_the_roots_of_many_nets_are_found_together() -> None:
    each = (lambda s: log(s / 2.5), lambda s: 3 * log(s / 0.4), lambda s: -log(s / 7))
    exponents, crossings = find_crossings(functions(*each), scan(*each), 1e-6)
    assert_allclose(exponents[:, 1], 3 * np.log(SCALES / 0.4), rtol=1e-12)
    assert [len(found) for found in crossings] == [1, 1, 1]
    assert_allclose([found[0].scale for found in crossings], [2.5, 0.4, 7], rtol=1e-6)
    assert_allclose([found[0].steepness for found in crossings], [1, 3, -1], rtol=1e-9)
    assert [found[0].rises for found in crossings] == [True, True, False]
    assert not any(found[0].jumps for found in crossings)


def test_a_net_without_a_root_has_none_and_one_with_several_has_all() -> None:
    each = (lambda s: -1.0, lambda s: 1.0, lambda s: log(s) * log(s / 4) * log(s / 0.2))
    _, crossings = find_crossings(functions(*each), scan(*each), 1e-6)
    assert crossings[:2] == [[], []]
    assert_allclose([found.scale for found in crossings[2]], [0.2, 1, 4], rtol=1e-6)
    assert [found.rises for found in crossings[2]] == [True, False, True]


def test_without_any_root_nothing_is_bisected() -> None:
    calls: list[int] = []

    def exponents(nets: Sequence[int], _: np.ndarray) -> np.ndarray:
        calls.append(len(nets))
        return np.full(len(nets), -inf)

    found, crossings = find_crossings(exponents, SCALES[:, None], 1e-3)
    assert (calls, crossings) == ([13], [[]])
    assert np.isneginf(found).all()


@pytest.mark.parametrize(
    ("function", "steepness"),
    [(lambda s: -inf if s < 3 else 1.0, inf), (lambda s: log(s / 9) if s < 3 else nan, inf)],
    ids=["dies", "overflows"],
)
def test_a_jump_from_or_to_infinity_is_called_one(function: Callable[[float], float], steepness: float) -> None:
    """An exponent that is not known, since the states overflow, counts as one of an explosion."""
    _, ((found,),) = find_crossings(functions(function), SCALES[:, None], 1e-6)
    assert found.scale == pytest.approx(3, rel=1e-6)
    assert (found.rises, found.steepness, found.jumps) == (True, steepness, True)


def test_the_leading_exponent_is_that_of_the_layer_where_it_is_largest() -> None:
    """Against the whole spectrum by QR, of three nets with sequences of their own."""
    problem, _ = random_problem("lstm", None, 2, False, nets=3, timesteps=60)
    generator = np.random.default_rng(0)
    inputs_SBTI = torch.from_numpy(generator.standard_normal((3, 4, 60, problem.inputs_BTI.shape[-1])))
    means, errors = leading_exponents(problem.architecture, problem.exact_weights, inputs_SBTI, 10)
    for net in range(3):
        alone = {name: weight[net : net + 1] for name, weight in problem.exact_weights.items()}
        mean, error = leading_exponents(problem.architecture, alone, inputs_SBTI[net], 10)
        assert_allclose([mean.item(), error.item()], [means[net], errors[net]], rtol=1e-10)
        assert mean.item() == pytest.approx(_largest_by_qr(problem.architecture, alone, inputs_SBTI[net]), abs=0.02)


def _largest_by_qr(architecture: object, weights: dict[str, torch.Tensor], inputs_BTI: torch.Tensor) -> float:
    from rnnlab.flow.steps import linear_steps

    layers = linear_steps(architecture, weights, inputs_BTI)  # type: ignore[arg-type]
    return max(lyapunov_exponents(steps, 10)[..., 0].mean().item() for steps in layers)
