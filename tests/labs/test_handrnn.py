"""The net without biases, bigram models, and the sum over paths: against numpy loops and autograd."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch import Tensor

from rnnlab.labs import handrnn
from rnnlab.labs.handrnn import bigram_rnn, count_paths, forward, path_sum, sequence_probability

SIGMAS: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "softplus": torch.nn.Softplus(),
    "sine": torch.sin,
    "identity": lambda z: z,
    "cube": lambda z: z**3 / 4,
}


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.from_numpy(np.random.default_rng([seed, *shape]).standard_normal(shape))


def table(size: int) -> Tensor:
    return torch.softmax(2 * drawn(size, size), dim=1)


# forward


@pytest.mark.parametrize(("name", "sigma"), [("relu", None), ("tanh", torch.tanh)])
@pytest.mark.parametrize(("N", "d", "dim"), [(1, 2, 3), (5, 3, 2), (4, 1, 1)])
def test_forward_is_the_recurrence(N: int, d: int, dim: int, name: str, sigma: Any) -> None:
    x, U, V, W = drawn(N, d), drawn(dim, d, seed=1), drawn(dim, dim, seed=2), drawn(d, dim, seed=3)
    outputs = forward(x, dim, U, V, W) if sigma is None else forward(x, dim, U, V, W, sigma)
    h, rows = np.zeros(dim), []
    for x_t in x.numpy():
        z = U.numpy() @ x_t + V.numpy() @ h
        h = np.tanh(z) if name == "tanh" else np.maximum(z, 0)
        rows.append(W.numpy() @ h)
    assert outputs.dtype == torch.float64
    assert_allclose(outputs.numpy(), np.array(rows), rtol=0, atol=1e-13)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_forward_keeps_the_type_of_the_weights(dtype: torch.dtype) -> None:
    U, V, W = (drawn(2, 2, seed=seed).to(dtype) for seed in range(3))
    one_hot = torch.nn.functional.one_hot(torch.tensor([0, 1, 1]))
    assert forward(one_hot, 2, U, V, W).dtype == dtype
    assert_array_equal(forward(one_hot, 2, U, V, W), forward(one_hot.to(dtype), 2, U, V, W))


def test_forward_can_be_differentiated() -> None:
    U, V, W = (drawn(2, 2, seed=seed).requires_grad_() for seed in range(3))
    loss = forward(drawn(3, 2), 2, U, V, W, torch.tanh).square().sum()
    assert all(gradient.abs().sum() > 0 for gradient in torch.autograd.grad(loss, [U, V, W]))


def test_an_empty_sequence_has_no_outputs() -> None:
    assert forward(torch.zeros(0, 2), 3, torch.zeros(3, 2), torch.zeros(3, 3), torch.zeros(2, 3)).shape == (0, 2)


@pytest.mark.parametrize("wrong", range(4))
def test_forward_refuses_shapes_that_do_not_go_together(wrong: int) -> None:
    shapes = [(5, 2), (3, 2), (3, 3), (2, 3)]
    shapes[wrong] = (4, 4)
    inputs, U, V, W = map(torch.zeros, shapes)
    with pytest.raises(ValueError, match="must have shapes") as refused:
        forward(inputs, 3, U, V, W)
    assert str(refused.value) == (
        "inputs, U, V, W must have shapes (N, d), (3, d), (3, 3), (d, 3) for dim=3; "
        f"got {', '.join(str(shape) for shape in shapes)}"
    )


# Bigram models


@pytest.mark.parametrize("size", range(2, 8))
def test_a_bigram_model_is_an_rnn(size: int) -> None:
    P, tokens = table(size), [*range(size), 0, 0, size - 1]
    sigma, U, V, W = bigram_rnn(P)
    outputs = forward(torch.eye(size, dtype=P.dtype)[tokens], U.shape[0], U, V, W, sigma)
    assert_allclose(outputs.numpy(), P[tokens].numpy(), rtol=0, atol=1e-15)
    assert_allclose((W @ U).numpy(), P.T.numpy(), rtol=0, atol=1e-15)
    assert not V.any()
    assert_array_equal(sigma(drawn(3)), drawn(3))


def test_a_bigram_model_is_one_in_the_type_of_its_table() -> None:
    P = table(3).float()
    assert {matrix.dtype for matrix in bigram_rnn(P)[1:]} == {torch.float32}


@pytest.mark.parametrize("size", [2, 3])
def test_probabilities_of_all_sequences_with_a_given_first_token_add_up_to_one(size: int) -> None:
    P, one_hot = table(size), torch.eye(size, dtype=torch.float64)
    for first in range(size):
        rest = itertools.product(range(size), repeat=3)
        total = sum(sequence_probability(one_hot[[first, *tokens]], P) for tokens in rest)
        assert float(total) == pytest.approx(1, abs=1e-14)


def test_the_probability_of_a_sequence_is_the_product_of_its_transitions() -> None:
    P = torch.tensor([[0.25, 0.75], [1.0, 0.0]], dtype=torch.float64)
    one_hot = torch.eye(2, dtype=torch.int64)
    for tokens, wanted in (([0], 1.0), ([1], 1.0), ([0, 1], 0.75), ([0, 0, 1, 0, 1], 0.25 * 0.75**2), ([0, 1, 1], 0.0)):
        probability = sequence_probability(one_hot[tokens], P)
        assert probability.shape == ()
        assert probability.dtype == torch.float64
        assert probability.item() == wanted


def test_tables_that_are_not_square_are_refused() -> None:
    with pytest.raises(ValueError, match="P must be") as refused:
        bigram_rnn(torch.zeros(2, 3))
    assert str(refused.value) == "P must be (V, V), a row for each word; got (2, 3)"
    with pytest.raises(ValueError, match="sequence and P") as refused:
        sequence_probability(torch.zeros(4, 3), torch.zeros(2, 2))
    assert str(refused.value) == "sequence and P must be (N, V) and (V, V); got (4, 3) and (2, 2)"


# Paths


def run_with_own_u_at_each_step(us: list[Tensor], V: float, W: float, xs: Tensor, sigma: Any) -> list[Tensor]:
    h, outputs = torch.zeros((), dtype=torch.float64), []
    for u, x in zip(us, xs, strict=True):
        h = sigma(u * x + V * h)
        outputs.append(W * h)
    return outputs


@pytest.mark.parametrize("N", range(1, 9))
@pytest.mark.parametrize("name", SIGMAS)
def test_the_path_sum_is_autograds_gradient_for_every_length(N: int, name: str) -> None:
    sigma, xs, targets = SIGMAS[name], drawn(N, seed=1), drawn(N, seed=2)
    U = torch.tensor(0.8, dtype=torch.float64, requires_grad=True)
    outputs = run_with_own_u_at_each_step([U] * N, 0.9, -1.2, xs, sigma)
    loss = sum(((o - y) ** 2 for o, y in zip(outputs, targets, strict=True)), torch.zeros(()))
    (expected,) = torch.autograd.grad(loss, U)
    gradient, terms = path_sum(0.8, 0.9, -1.2, xs, targets, sigma)
    assert gradient.shape == ()
    assert gradient.item() == pytest.approx(expected.item(), rel=1e-12, abs=1e-12)
    assert [(k, t) for k, t, _ in terms] == [(k, t) for k in range(1, N + 1) for t in range(1, k + 1)]
    assert len(terms) == count_paths(N)
    assert sum(term.item() for _, _, term in terms) == pytest.approx(gradient.item(), rel=1e-14)


@pytest.mark.parametrize("name", SIGMAS)
def test_each_term_is_the_gradient_along_its_own_path(name: str) -> None:
    """With a U of its own at each step, the term (k, t) is d(o_k - target_k)²/dU_t."""
    sigma, xs, targets = SIGMAS[name], drawn(5, seed=3), drawn(5, seed=4)
    us = [torch.tensor(-0.7, dtype=torch.float64, requires_grad=True) for _ in range(5)]
    outputs = run_with_own_u_at_each_step(us, 1.1, 0.6, xs, sigma)
    _, terms = path_sum(-0.7, 1.1, 0.6, xs, targets, sigma)
    for k, t, term in terms:
        (expected,) = torch.autograd.grad((outputs[k - 1] - targets[k - 1]) ** 2, us[t - 1], retain_graph=True)
        assert term.item() == pytest.approx(expected.item(), rel=1e-12, abs=1e-13)


def test_paths_take_floats_and_tensors_and_leave_no_graph() -> None:
    xs, targets = [0.5, -1.0, 2.0], [0.25, 0.0, -0.5]
    wanted, _ = path_sum(0.75, 0.5, 1.5, xs, targets, torch.tanh)
    assert wanted.dtype == torch.float64
    U, V, W = (torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in (0.75, 0.5, 1.5))
    as_tensors = [torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in xs]
    gradient, terms = path_sum(U, V, W, as_tensors, torch.tensor(targets), torch.tanh)
    assert gradient.item() == wanted.item()
    assert not gradient.requires_grad
    assert not any(term.requires_grad for _, _, term in terms)
    with torch.no_grad():
        assert path_sum(0.75, 0.5, 1.5, xs, targets, torch.tanh)[0].item() == wanted.item()
    column = torch.tensor(xs)[:, None]
    single, _ = path_sum(torch.tensor([[0.75]]), 0.5, 1.5, column, torch.tensor(targets)[:, None], torch.tanh)
    assert single.dtype == torch.float32
    assert single.item() == pytest.approx(wanted.item(), rel=1e-6)


def test_without_recurrence_only_the_direct_paths_count() -> None:
    _, terms = path_sum(0.8, 0.0, 1.2, drawn(4), drawn(4, seed=1), torch.tanh)
    assert all((term == 0) == (k != t) for k, t, term in terms)


def test_what_is_no_scalar_net_is_refused() -> None:
    with pytest.raises(ValueError, match="equally many") as refused:
        path_sum(1.0, 1.0, 1.0, [1.0, 2.0], [1.0], torch.tanh)
    assert str(refused.value) == "xs and targets must be equally many; got 2 and 1"
    with pytest.raises(ValueError, match="scalar net") as refused:
        path_sum(torch.zeros(2, 2), 1.0, 1.0, [1.0], [1.0], torch.tanh)
    assert str(refused.value) == "path_sum is of a scalar net: every number stands alone; got shape (2, 2)"


def test_paths_are_counted() -> None:
    for N in range(12):
        assert count_paths(N) == len([(k, t) for k in range(N) for t in range(k + 1)])
    with pytest.raises(ValueError, match="got -1"):
        count_paths(-1)


# The lab


def test_the_lab_finds_everything_as_it_must_be() -> None:
    report = handrnn.carry_out()
    assert report.reproduced
    assert len(report.judged) == 2 + 4 + 1 + 6 + 6


def test_the_lab_convicts_a_path_that_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    def forgetful(*arguments: Any) -> Any:
        gradient, terms = path_sum(*arguments)
        return gradient - sum(term for k, t, term in terms if (k, t) == (3, 1)), terms

    monkeypatch.setattr(handrnn, "path_sum", forgetful)
    report = handrnn.carry_out()
    wrong = [step.what for step in report.judged if not step.agrees]
    assert wrong == ["N = 3", "N = 4", "N = 5", "N = 6"]
