"""The cell and the classifier in numpy: against PyTorch's nn.RNN in float64, finite differences, and planted faults."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch import Tensor

from rnnlab.labs import byhand
from rnnlab.labs.byhand import RNNCell, RNNPhonemeClassifier
from rnnlab.nets import Elman

I, H, C = 4, 3, 5  # noqa: E741
CELL_GRADIENTS = ("dW_ih", "dW_hh", "db_ih", "db_hh")


def drawn(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


def make_cell(seed: int = 0) -> RNNCell:
    return RNNCell(I, H, np.random.default_rng(seed))


def make_classifier(layers: int, seed: int = 0) -> RNNPhonemeClassifier:
    return RNNPhonemeClassifier(I, H, C, layers, np.random.default_rng(seed))


def leaf(array: np.ndarray) -> Tensor:
    return torch.from_numpy(array.copy()).requires_grad_()


def gradients_of(part: Any, names: tuple[str, ...] = CELL_GRADIENTS) -> dict[str, np.ndarray]:
    return {name: getattr(part, name).copy() for name in names}


def all_gradients(classifier: RNNPhonemeClassifier) -> list[np.ndarray]:
    cells = [each for cell in classifier.rnn for each in gradients_of(cell).values()]
    return [*cells, *gradients_of(classifier.output_layer, ("dW", "db")).values()]


# The cell


@pytest.mark.parametrize("batch", [1, 2, 7])
def test_a_step_and_its_gradients_are_those_of_autograd(batch: int) -> None:
    cell = make_cell()
    x, h_prev, delta = drawn(batch, I), drawn(batch, H, seed=1), drawn(batch, H, seed=2)
    leaves = [leaf(value) for value in (cell.W_ih, cell.W_hh, cell.b_ih, cell.b_hh, x, h_prev)]
    W_ih, W_hh, b_ih, b_hh, x_leaf, h_leaf = leaves
    expected = torch.tanh(x_leaf @ W_ih.T + b_ih + h_leaf @ W_hh.T + b_hh)
    *parameters, dx, dh_prev = torch.autograd.grad(expected, leaves, torch.from_numpy(delta))
    h_t = cell(x, h_prev)
    assert_allclose(h_t, expected.detach().numpy(), rtol=0, atol=1e-14)
    got_dx, got_dh_prev = cell.backward(delta, h_t, x, h_prev)
    assert_allclose(got_dx, dx.numpy(), rtol=0, atol=1e-13)
    assert_allclose(got_dh_prev, dh_prev.numpy(), rtol=0, atol=1e-13)
    for got, gradient in zip(gradients_of(cell).values(), parameters, strict=True):
        assert_allclose(got, gradient.numpy() / batch, rtol=0, atol=1e-13)


def test_parameter_gradients_accumulate_and_state_gradients_do_not() -> None:
    cell, alone = make_cell(), []
    for seed, batch in ((0, 2), (1, 5)):
        values = [drawn(batch, size, seed=seed + 10 * i) for i, size in enumerate((H, H, I, H))]
        single = make_cell()
        expected, got = single.backward(*values), cell.backward(*values)
        assert_array_equal(got[0], expected[0])
        assert_array_equal(got[1], expected[1])
        alone.append(gradients_of(single))
    for name, gradient in gradients_of(cell).items():
        assert_allclose(gradient, alone[0][name] + alone[1][name], rtol=1e-14)
    cell.zero_grad()
    for name, gradient in gradients_of(cell).items():
        assert_array_equal(gradient, np.zeros_like(alone[0][name]))


def test_parameter_gradients_are_means_over_the_batch() -> None:
    once, twice = make_cell(), make_cell()
    values = [drawn(3, size) for size in (H, H, I, H)]
    doubled = [np.concatenate([value, value]) for value in values]
    dx, dh_prev = once.backward(*values)
    dx_doubled, dh_prev_doubled = twice.backward(*doubled)
    for name, gradient in gradients_of(once).items():
        assert_allclose(getattr(twice, name), gradient, rtol=1e-13)
    assert_allclose(dx_doubled, np.concatenate([dx, dx]), rtol=1e-13)
    assert_allclose(dh_prev_doubled, np.concatenate([dh_prev, dh_prev]), rtol=1e-13)


def test_the_derivative_of_tanh_is_taken_from_the_h_t_that_is_passed_in() -> None:
    cell = make_cell()
    x, h_prev, delta = drawn(2, I), drawn(2, H), drawn(2, H, seed=1)
    cell(x, h_prev)  # of no consequence: nothing is kept
    h_t = drawn(2, H, seed=2)
    dz = delta * (1 - h_t**2)
    dx, dh_prev = cell.backward(delta, h_t, x, h_prev)
    assert_allclose(dx, dz @ cell.W_ih, rtol=1e-14)
    assert_allclose(dh_prev, dz @ cell.W_hh, rtol=1e-14)
    assert_allclose(cell.dW_ih, sum(np.outer(dz[i], x[i]) for i in range(2)) / 2, rtol=1e-14)
    assert_allclose(cell.dW_hh, sum(np.outer(dz[i], h_prev[i]) for i in range(2)) / 2, rtol=1e-14)
    assert_allclose(cell.db_ih, dz.mean(axis=0), rtol=1e-14)
    assert_array_equal(cell.db_hh, cell.db_ih)
    assert cell.db_hh is not cell.db_ih


def test_weights_are_copied_and_lists_are_taken() -> None:
    cell = RNNCell(1, 1)
    W_ih = np.ones((1, 1), dtype=np.float32)
    cell.init_weights(W_ih, [[2.0]], [0.5], [0.25])
    W_ih[:] = 7
    assert_array_equal(cell.W_ih, [[1.0]])
    assert {array.dtype for array in (cell.W_ih, cell.W_hh, cell.b_ih, cell.b_hh)} == {np.dtype(np.float64)}
    h_t = cell([[0.1]], [[0.2]])
    assert h_t.dtype == np.float64
    assert h_t[0, 0] == pytest.approx(np.tanh(0.1 + 0.4 + 0.75), abs=1e-15)


def test_nothing_that_is_passed_in_is_changed() -> None:
    cell = make_cell()
    values = [drawn(3, size) for size in (H, H, I, H)]
    before = [value.copy() for value in values]
    cell(values[2], values[3])
    cell.backward(*values)
    for value, copy in zip(values, before, strict=True):
        assert_array_equal(value, copy)


# The classifier


def torch_net(classifier: RNNPhonemeClassifier) -> tuple[torch.nn.RNN, torch.nn.Linear]:
    """Give PyTorch's own modules with the same weights."""
    rnn = torch.nn.RNN(I, H, classifier.num_layers, batch_first=True).double()
    linear = torch.nn.Linear(H, C).double()
    with torch.no_grad():
        for parameters, cell in zip(rnn.all_weights, classifier.rnn, strict=True):
            for parameter, value in zip(parameters, (cell.W_ih, cell.W_hh, cell.b_ih, cell.b_hh), strict=True):
                parameter.copy_(torch.from_numpy(value))
        linear.weight.copy_(torch.from_numpy(classifier.output_layer.W))
        linear.bias.copy_(torch.from_numpy(classifier.output_layer.b))
    return rnn, linear


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("timesteps", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("start", ["zeros", "drawn"])
def test_all_gradients_are_those_of_pytorchs_rnn(layers: int, timesteps: int, batch: int, start: str) -> None:
    classifier = make_classifier(layers)
    rnn, linear = torch_net(classifier)
    x, delta = drawn(batch, timesteps, I), drawn(batch, C)
    h_0 = drawn(layers, batch, H) if start == "drawn" else np.zeros((layers, batch, H))
    h_0_leaf = leaf(h_0)
    states, _ = rnn(torch.from_numpy(x), h_0_leaf)
    expected = linear(states[:, -1])
    logits = classifier(x, h_0) if start == "drawn" else classifier(x)
    assert_allclose(logits, expected.detach().numpy(), rtol=0, atol=1e-14)
    leaves = [*rnn.parameters(), linear.weight, linear.bias, h_0_leaf]
    gradients = torch.autograd.grad(expected, leaves, torch.from_numpy(delta))
    dh_0 = classifier.backward(delta)
    assert dh_0.shape == (layers, batch, H)
    for got, gradient in zip([*all_gradients(classifier), dh_0], gradients, strict=True):
        assert_allclose(got, gradient.numpy() / batch, rtol=0, atol=1e-13)


def test_gradients_are_those_of_finite_differences() -> None:
    classifier = make_classifier(2)
    x, h_0, labels = drawn(3, 4, I), drawn(2, 3, H), np.array([0, 4, 2])

    def loss() -> float:
        logits = classifier(x, h_0)
        return float(np.mean(np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(3), labels]))

    dh_0 = classifier.backward(byhand.cross_entropy_delta(classifier(x, h_0), labels))
    arrays = [a for cell in classifier.rnn for a in (cell.W_ih, cell.W_hh, cell.b_ih, cell.b_hh)]
    arrays += [classifier.output_layer.W, classifier.output_layer.b, h_0]
    for array, gradient in zip(arrays, [*all_gradients(classifier), dh_0], strict=True):
        for index in np.ndindex(*array.shape):
            value, losses = array[index], []
            for amount in (1e-5, -1e-5):
                array[index] = value + amount
                losses.append(loss())
            array[index] = value
            assert gradient[index] == pytest.approx((losses[0] - losses[1]) / 2e-5, abs=1e-9)


def test_a_classifiers_gradients_accumulate_until_they_are_forgotten() -> None:
    classifier = make_classifier(2)
    x, delta = drawn(2, 3, I), drawn(2, C)
    classifier(x)
    first = classifier.backward(delta)
    once = [gradient.copy() for gradient in all_gradients(classifier)]
    assert_array_equal(classifier.backward(delta), first)
    for got, gradient in zip(all_gradients(classifier), once, strict=True):
        assert_allclose(got, 2 * gradient, rtol=1e-14)
    classifier.zero_grad()
    assert not any(gradient.any() for gradient in all_gradients(classifier))


def test_a_classifiers_weights_are_taken_layer_by_layer() -> None:
    source, target = make_classifier(3, seed=1), make_classifier(3, seed=2)
    rnn_weights = [[cell.W_ih.tolist(), cell.W_hh, cell.b_ih, cell.b_hh] for cell in source.rnn]
    target.init_weights(rnn_weights, [source.output_layer.W, source.output_layer.b])
    x = drawn(2, 4, I)
    assert_array_equal(target(x.tolist()), source(x))
    assert [cell.input_size for cell in target.rnn] == [I, H, H]
    assert len(RNNPhonemeClassifier(I, H, C).rnn) == 2


def test_changing_the_inputs_after_the_forward_pass_changes_no_gradient() -> None:
    x, h_0, delta = drawn(2, 3, I), drawn(1, 2, H), drawn(2, C)
    expected, got = make_classifier(1), make_classifier(1)
    expected(x, h_0)
    expected.backward(delta)
    got(x, h_0)
    x[:], h_0[:] = 0, 0
    got.backward(delta)
    for one, other in zip(all_gradients(got), all_gradients(expected), strict=True):
        assert_array_equal(one, other)


# What is refused


@pytest.mark.parametrize(
    ("shapes", "sentence"),
    [
        (((2, 5), (2, 3)), "x must have shape (B, 4); got (2, 5)"),
        (((4,), (2, 3)), "x must have shape (B, 4); got (4,)"),
        (((0, 4), (0, 3)), "x must have shape (B, 4); got (0, 4)"),
        (((2, 4), (3, 3)), "h_prev_t must have shape (2, 3); got (3, 3)"),
        (((2, 4), (2, 4)), "h_prev_t must have shape (2, 3); got (2, 4)"),
    ],
)
def test_a_step_from_wrong_shapes_is_refused(shapes: tuple[tuple[int, ...], ...], sentence: str) -> None:
    with pytest.raises(ValueError, match="must have shape") as refused:
        make_cell()(*map(np.zeros, shapes))
    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    ("shapes", "sentence"),
    [
        (((2, 4), (2, 3), (2, 4), (2, 3)), "delta must have shape (B, 3); got (2, 4)"),
        (((2, 3), (1, 3), (2, 4), (2, 3)), "h_t must have shape (2, 3); got (1, 3)"),
        (((2, 3), (2, 3), (2, 3), (2, 3)), "h_prev_l must have shape (2, 4); got (2, 3)"),
        (((2, 3), (2, 3), (2, 4), (3,)), "h_prev_t must have shape (2, 3); got (3,)"),
    ],
)
def test_going_back_from_wrong_shapes_is_refused(shapes: tuple[tuple[int, ...], ...], sentence: str) -> None:
    cell = make_cell()
    with pytest.raises(ValueError, match="must have shape") as refused:
        cell.backward(*map(np.ones, shapes))
    assert str(refused.value) == sentence
    assert not any(gradient.any() for gradient in gradients_of(cell).values())


@pytest.mark.parametrize(
    ("which", "shape", "sentence"),
    [
        (0, (4, 3), "W_ih must have shape (3, 4); got (4, 3)"),
        (1, (3, 4), "W_hh must have shape (3, 3); got (3, 4)"),
        (2, (3, 1), "b_ih must have shape (3,); got (3, 1)"),
        (3, (4,), "b_hh must have shape (3,); got (4,)"),
    ],
)
def test_weights_of_wrong_shapes_are_refused(which: int, shape: tuple[int, ...], sentence: str) -> None:
    cell = make_cell()
    weights = [cell.W_ih, cell.W_hh, cell.b_ih, cell.b_hh]
    weights[which] = np.zeros(shape)
    with pytest.raises(ValueError, match="must have shape") as refused:
        cell.init_weights(*weights)
    assert str(refused.value) == sentence
    assert_array_equal(cell.W_ih, make_cell().W_ih)


def test_a_classifier_refuses_wrong_shapes() -> None:
    net = make_classifier(2)
    cell = [net.rnn[0].W_ih, net.rnn[0].W_hh, net.rnn[0].b_ih, net.rnn[0].b_hh]
    refusals: dict[str, Callable[[], object]] = {
        "x must have shape (B, T, 4); got (2, 4)": lambda: net(np.zeros((2, 4))),
        "x must have shape (B, T, 4); got (2, 0, 4)": lambda: net(np.zeros((2, 0, 4))),
        "x must have shape (B, T, 4); got (2, 3, 5)": lambda: net(np.zeros((2, 3, 5))),
        "h_0 must have shape (2, 2, 3); got (2, 3)": lambda: net(np.zeros((2, 3, 4)), np.zeros((2, 3))),
        "backward goes back over a forward pass, and there was none; call forward first": lambda: net.backward(
            np.zeros((2, 5))
        ),
        "rnn_weights must hold [W_ih, W_hh, b_ih, b_hh] for each of 2 layers and linear_weights [W, b]; "
        "got [4] and 2 arrays": lambda: net.init_weights([cell], [net.output_layer.W, net.output_layer.b]),
        "W must have shape (5, 3); got (3, 5)": lambda: net.output_layer.init_weights(np.zeros((3, 5)), np.zeros(5)),
        "num_layers must be at least 1; got 0": lambda: make_classifier(0),
    }
    for sentence, refuse in refusals.items():
        with pytest.raises(ValueError, match=r"must|forward") as refused:
            refuse()
        assert str(refused.value) == sentence
    net(np.zeros((2, 3, 4)))
    with pytest.raises(ValueError, match="delta") as refused:
        net.backward(np.zeros((3, 5)))
    assert str(refused.value) == "delta must have shape (2, 5); got (3, 5)"


# The lab


def test_it_needs_no_torch() -> None:
    script = "import sys, rnnlab.labs.byhand; print({'torch', 'matplotlib', 'pydantic'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout == "set()\n"


def test_the_lab_clears_the_modules() -> None:
    report = byhand.carry_out()
    assert report.reproduced
    assert len(report.judged) == 3 * 3 + 2


def test_the_lab_convicts_a_wrong_gradient_of_the_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    """The state is handed on without its history: every forward number stays right."""
    step = Elman.step
    monkeypatch.setattr(
        Elman, "step", lambda cell, drive, state, weights: step(cell, drive, (state[0].detach(),), weights)
    )
    report = byhand.carry_out()
    wrong = {step.what for step in report.judged if not step.agrees}
    assert not report.reproduced
    assert "||dL/d weight_ih_l0||" in wrong
    assert not {"||dL/d readout_weight||", "||dL/d readout_bias||"} & wrong
