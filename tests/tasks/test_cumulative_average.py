"""The cumulative-average task: its sequences, its loss, its floors, its keys; and how tasks are found."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from pydantic import ValidationError

from rnnlab.tasks import TASKS, MeanSquaredError, Task
from rnnlab.training import PROBE, make_stream

KIND = "cumulative-average"


def make(**keys: object) -> Task:
    return TASKS[KIND].model_validate(keys)


def test_a_task_is_found_by_its_kind() -> None:
    assert KIND in TASKS
    assert list(TASKS) == sorted(TASKS)
    assert all(issubclass(task, Task) for task in TASKS.values())
    assert all(task.model_fields["kind"].default == kind for kind, task in TASKS.items())


@given(st.integers(0, 1000), st.integers(0, 20), st.integers(1, 40))
def test_targets_are_the_means_so_far(seed: int, count: int, seq_len: int) -> None:
    """By a loop in float64."""
    inputs, targets = make(seq_len=seq_len).sample(make_stream(seed, PROBE), count)
    assert inputs.shape == targets.shape == (count, seq_len, 1)
    assert inputs.dtype == targets.dtype == np.float32
    for x, y in zip(inputs[:, :, 0].tolist(), targets[:, :, 0].tolist(), strict=True):
        for t in range(seq_len):
            assert y[t] == np.float32(math.fsum(x[: t + 1]) / (t + 1))


@given(st.integers(0, 1000), st.lists(st.integers(0, 7), min_size=1, max_size=5))
def test_sequences_do_not_depend_on_how_they_are_cut(seed: int, counts: list[int]) -> None:
    task = make(seq_len=7)
    whole, stream = task.sample(make_stream(seed, PROBE), sum(counts)), make_stream(seed, PROBE)
    parts = [task.sample(stream, count) for count in counts]
    for which in (0, 1):
        assert_array_equal(np.concatenate([part[which] for part in parts]), whole[which])


def test_inputs_are_standard_normal_and_independent_over_time() -> None:
    x_NT = make(seq_len=10).sample(make_stream(0, PROBE), 20_000)[0][:, :, 0].astype(np.float64)
    assert abs(x_NT.mean()) < 4 / math.sqrt(x_NT.size)
    assert_allclose(np.cov(x_NT.T), np.eye(10), atol=5 * math.sqrt(2 / 20_000))
    assert np.mean(np.abs(x_NT) < 1) == pytest.approx(math.erf(1 / math.sqrt(2)), abs=0.005)


def test_each_seed_has_its_own_sequences() -> None:
    task = make()
    first = {task.sample(make_stream(seed, PROBE), 1)[0].tobytes() for seed in range(50)}
    assert len(first) == 50


def test_a_task_is_one_number_in_and_one_out() -> None:
    assert (make().input_size, make().output_size) == (1, 1)


@pytest.mark.parametrize("last_timestep_only", [False, True])
def test_predicting_zero_costs_its_floor(last_timestep_only: bool) -> None:
    """The mean over 50,000 sequences; its standard error is below 0.001."""
    task = make(last_timestep_only=last_timestep_only)
    targets = torch.from_numpy(task.sample(make_stream(1, PROBE), 50_000)[1])
    losses = task.loss(torch.zeros_like(targets), targets)
    floor = task.floors(linear=False)["predict zero"]
    assert losses.mean().item() == pytest.approx(floor, abs=3 * losses.std().item() / math.sqrt(50_000))


def test_the_best_linear_filter_costs_its_floor_and_others_more() -> None:
    task = make()
    inputs, targets = (part[:, :, 0].astype(np.float64) for part in task.sample(make_stream(2, PROBE), 50_000))
    best_T = np.array([np.mean([1 / t for t in range(k + 1, 11)]) for k in range(10)])

    def loss(filter_T: np.ndarray) -> float:
        outputs = np.stack([inputs[:, : t + 1][:, ::-1] @ filter_T[: t + 1] for t in range(10)], axis=1)
        return float(np.mean((outputs - targets) ** 2))

    floor = task.floors(linear=True)["best linear filter"]
    assert loss(best_T) == pytest.approx(floor, abs=0.001)
    assert loss(best_T + 0.05) > floor + 0.01
    assert loss(best_T - 0.05) > floor + 0.01
    assert 0 < floor < task.floors(linear=True)["predict zero"]


@given(st.integers(1, 300))
def test_floors_follow_their_formulas(timesteps: int) -> None:
    floors = make(seq_len=timesteps).floors(linear=True)
    lags = [[1 / t for t in range(k + 1, timesteps + 1)] for k in range(timesteps)]
    best = math.fsum(math.fsum((x - math.fsum(row) / len(row)) ** 2 for x in row) for row in lags) / timesteps
    assert floors["predict zero"] == pytest.approx(math.fsum(lags[0]) / timesteps, rel=1e-12)
    assert floors["best linear filter"] == pytest.approx(best, rel=1e-9, abs=1e-14)
    last = make(seq_len=timesteps, last_timestep_only=True)
    assert last.floors(linear=False) == {"predict zero": pytest.approx(1 / timesteps, rel=1e-15)}


# its keys


def test_a_task_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        setattr(make(), "seq_len", 5)  # noqa: B010 (mypy knows it, too)


@pytest.mark.parametrize(
    "keys",
    [
        {"seq_len": 0},
        {"seq_len": -1},
        {"seq_len": 1_000_001},
        {"seq_len": 2.5},
        {"seq_len": "10"},
        {"seq_len": True},
        {"last_timestep_only": 1},
        {"last_timestep_only": "yes"},
        {"kind": "adding"},
        {"length": 10},
    ],
)
def test_keys_out_of_bounds_of_another_type_or_unknown_are_refused(keys: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        make(**keys)


@pytest.mark.parametrize("seq_len", [1, 1_000_000])
def test_the_bounds_themselves_are_valid(seq_len: int) -> None:
    assert make(seq_len=seq_len).seq_len == seq_len


# its loss


@pytest.mark.parametrize("leading", [(), (3,), (2, 3)])
@pytest.mark.parametrize("last_timestep_only", [False, True])
def test_the_loss_is_each_sequences_own(leading: tuple[int, ...], last_timestep_only: bool) -> None:
    generator = np.random.default_rng(0)
    predictions, targets = (generator.standard_normal((*leading, 4, 5, 2)) for _ in range(2))
    losses = MeanSquaredError(last_timestep_only)(torch.from_numpy(predictions), torch.from_numpy(targets))
    assert losses.shape == (*leading, 4)
    for index in np.ndindex(*leading, 4):
        errors = [
            (predictions[index][t, o] - targets[index][t, o]) ** 2
            for t in ([4] if last_timestep_only else range(5))
            for o in range(2)
        ]
        assert losses[index].item() == pytest.approx(sum(errors) / len(errors), rel=1e-14)
