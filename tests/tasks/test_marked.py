"""Adding, multiplication and delayed XOR: two marks among many numbers, and what can be known without using them."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from rnnlab.tasks import CrossEntropy, MeanSquaredError, Task
from rnnlab.tasks.adding import Adding
from rnnlab.tasks.delayed_xor import DelayedXor
from rnnlab.tasks.multiplication import Multiplication
from rnnlab.training import BATCHES, make_stream

EVERY = [Adding(seq_len=7), Multiplication(seq_len=7), DelayedXor(seq_len=7)]
SMALL = [Adding(seq_len=5), Adding(seq_len=4, average=True), Multiplication(seq_len=5)]


def drawn(task: Task, count: int = 20_000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give numbers (N, T), marks (N, T) as truth values, and answers (N,)."""
    inputs, targets = task.sample(make_stream(0, BATCHES), count)
    return inputs[..., 0].astype(np.float64), inputs[..., 1] == 1, targets.reshape(count, -1)[:, -1].astype(np.float64)


@pytest.mark.parametrize("task", EVERY, ids=lambda task: task.kind)
def test_one_mark_stands_in_each_half_and_anywhere_in_it(task: Task) -> None:
    _, marks_NT, _ = drawn(task)
    assert (marks_NT[:, :3].sum(axis=1) == 1).all()
    assert (marks_NT[:, 3:].sum(axis=1) == 1).all()
    assert marks_NT.mean(axis=0) == pytest.approx([1 / 3] * 3 + [1 / 4] * 4, abs=0.015)


@pytest.mark.parametrize(
    ("task", "answer"),
    [
        (Adding(), lambda a, b: a + b),
        (Adding(average=True), lambda a, b: (a + b) / 2),
        (Multiplication(), lambda a, b: a * b),
        (DelayedXor(), lambda a, b: float(a != b)),
        (DelayedXor(squared_error=True), lambda a, b: float(a != b)),
    ],
)
def test_the_answer_is_made_of_the_two_marked_numbers(task: Task, answer: object) -> None:
    numbers_NT, marks_NT, answers_N = drawn(task, 50)
    assert callable(answer)
    for numbers_T, marks_T, given in zip(numbers_NT, marks_NT, answers_N, strict=True):
        assert given == pytest.approx(answer(*numbers_T[marks_T]), abs=1e-6)


@pytest.mark.parametrize("length", [10, 50, 100])
def test_the_floors_of_adding_are_those_of_the_closed_form(length: int) -> None:
    floors = Adding(seq_len=length).floors(linear=False)
    assert floors == pytest.approx({"predict the mean": 1 / 6, "marks ignored": (1 - 2 / length) / 6}, rel=1e-14)
    averaged = Adding(seq_len=length, average=True).floors(linear=False)
    assert averaged == pytest.approx({name: floor / 4 for name, floor in floors.items()}, rel=1e-14)


def test_the_floors_of_multiplication_in_numbers() -> None:
    floors = Multiplication(seq_len=2).floors(linear=True)
    assert floors["predict the mean"] == pytest.approx(0.0486111111, abs=1e-10)
    assert floors["marks ignored"] == 0, "with one number in each half, its mark says nothing"
    assert floors["best linear filter"] == pytest.approx(1 / 144), "Var uv minus 1/4 (Var u + Var v)"
    assert "best linear filter" not in Multiplication().floors(linear=False)


@pytest.mark.parametrize("task", SMALL, ids=lambda task: f"{task.kind}-{task.seq_len}")
def test_the_floors_are_the_losses_of_a_simulation(task: Task) -> None:
    """The best constant; the mean over all places of the marks; the best linear function, by least squares."""
    numbers_NT, marks_NT, answers_N = drawn(task, 100_000)
    floors, first = task.floors(linear=True), task.seq_len // 2
    assert answers_N.var() == pytest.approx(floors["predict the mean"], rel=0.02)
    scale = 0.5 if getattr(task, "average", False) else 1.0
    pairs = list(itertools.product(range(first), range(first, task.seq_len)))
    made = [numbers_NT[:, i] * numbers_NT[:, j] for i, j in pairs]
    if isinstance(task, Adding):
        made = [scale * (numbers_NT[:, i] + numbers_NT[:, j]) for i, j in pairs]
    blind_N = np.mean(made, axis=0)
    assert ((answers_N - blind_N) ** 2).mean() == pytest.approx(floors["marks ignored"], rel=0.02)
    known = np.concatenate([numbers_NT, marks_NT, np.ones((len(answers_N), 1))], axis=1)
    residual_N = answers_N - known @ np.linalg.lstsq(known, answers_N, rcond=None)[0]
    best = floors.get("best linear filter", floors["marks ignored"])
    assert (residual_N**2).mean() == pytest.approx(best, rel=0.02)


def test_no_linear_net_beats_a_guess_at_the_exclusive_or() -> None:
    numbers_NT, marks_NT, answers_N = drawn(DelayedXor(seq_len=4, squared_error=True), 100_000)
    assert set(np.unique(numbers_NT)) == {0.0, 1.0}
    assert answers_N.mean() == pytest.approx(0.5, abs=0.01)
    known = np.concatenate([numbers_NT, marks_NT, np.ones((len(answers_N), 1))], axis=1)
    residual_N = answers_N - known @ np.linalg.lstsq(known, answers_N, rcond=None)[0]
    assert (residual_N**2).mean() == pytest.approx(0.25, abs=1e-3)
    assert DelayedXor(squared_error=True).floors(linear=True) == {"uniform guess": 0.25}
    assert DelayedXor().floors(linear=True) == {"uniform guess": math.log(2)}


def test_the_losses_are_taken_where_the_answer_is_due() -> None:
    for task in (Adding(), Multiplication(), DelayedXor(squared_error=True)):
        assert task.loss == MeanSquaredError(last_timestep_only=True)
    assert DelayedXor().loss == CrossEntropy(last_timestep_only=True)
