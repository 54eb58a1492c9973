"""Copy memory, temporal order, delay, sine, constant input and digits: sequences by definition, floors in numbers."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from rnnlab.config import config_from_mapping
from rnnlab.flow.mean_field import mean_field
from rnnlab.studies.run import run_one
from rnnlab.tasks import CrossEntropy, Task
from rnnlab.tasks.constant import ConstantInput
from rnnlab.tasks.copy import CopyMemory
from rnnlab.tasks.delay import Delay
from rnnlab.tasks.digits import Digits, permutation
from rnnlab.tasks.sine import Sine
from rnnlab.tasks.temporal_order import TemporalOrder
from rnnlab.training import BATCHES, make_stream

EVERY = [
    CopyMemory(),
    TemporalOrder(),
    TemporalOrder(seq_len=11, marked=3),
    Delay(),
    Sine(),
    ConstantInput(value=0.5, kick=1.0),
    Digits(),
    Digits(seq_len=64, permuted=True),
]


def draw(task: Task, count: int) -> tuple[np.ndarray, np.ndarray]:
    return task.sample(make_stream(0, BATCHES), count)


def test_copy_shows_symbols_waits_and_asks_for_them() -> None:
    task = CopyMemory(seq_len=11, items=3, symbols=4)
    inputs, said_BT = draw(task, 200)
    tokens_BT, blank, go = inputs.argmax(axis=-1), 4, 5
    assert task.delay == 5
    assert (inputs.sum(axis=-1) == 1).all()
    assert (tokens_BT[:, 3:7] == blank).all()
    assert (tokens_BT[:, 7] == go).all(), "delay steps after the last symbol the net is told to begin"
    assert (tokens_BT[:, 8:] == blank).all()
    assert (said_BT[:, :8] == blank).all()
    assert (said_BT[:, 8:] == tokens_BT[:, :3]).all()
    assert np.bincount(tokens_BT[:, :3].ravel(), minlength=6) / 600 == pytest.approx([0.25] * 4 + [0] * 2, abs=0.06)
    assert task.loss == CrossEntropy()


@pytest.mark.parametrize(
    ("delay", "floor"),
    [(10, 0.6931471806), (20, 0.5198603854), (50, 0.2970630774), (100, 0.1732867951), (200, 0.0945200701)],
)
def test_without_memory_copying_costs_ten_guesses(delay: int, floor: float) -> None:
    floors = CopyMemory(seq_len=delay + 20).floors(linear=False)
    assert floors["no memory"] == pytest.approx(floor, abs=1e-10)
    assert floors["uniform guess"] == math.log(9)


def test_copying_without_a_delay_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"task\.seq_len is 20 and leaves no delay.*at least 21"):
        CopyMemory(seq_len=20)


@pytest.mark.parametrize(("marked", "windows"), [(2, [(5, 5), (20, 5)]), (3, [(5, 5), (15, 5), (30, 5)])])
def test_the_class_is_the_order_of_the_marked_symbols(marked: int, windows: list[tuple[int, int]]) -> None:
    task = TemporalOrder.model_validate({"marked": marked})
    inputs, classes_BT = draw(task, 4000)
    tokens_BT = inputs.argmax(axis=-1)
    assert task.windows() == windows
    assert task.floors(linear=True) == {"uniform guess": marked * math.log(2)}
    assert ((tokens_BT >= 4).sum(axis=1) == marked).all()
    for tokens_T, classes_T in zip(tokens_BT[:300], classes_BT, strict=False):
        places = np.flatnonzero(tokens_T >= 4)
        assert all(start <= at < start + length for at, (start, length) in zip(places, windows, strict=True))
        word = "".join("XY"[token - 4] for token in tokens_T[places])
        assert (classes_T == int(word.replace("X", "0").replace("Y", "1"), 2)).all()
    shares = np.bincount(classes_BT[:, 0], minlength=2**marked) / 4000
    assert shares == pytest.approx(np.full(2**marked, 0.5**marked), abs=0.03)
    rest = np.bincount(tokens_BT.ravel())[:4] / (4000 * (50 - marked))
    assert rest == pytest.approx([0.25] * 4, abs=0.01)


def test_every_place_of_a_window_is_taken_even_where_windows_are_one_step_long() -> None:
    tokens_BT = draw(TemporalOrder(seq_len=10), 50)[0].argmax(axis=-1)
    assert (tokens_BT[:, [1, 4]] >= 4).all()
    later = draw(TemporalOrder(seq_len=30), 500)[0].argmax(axis=-1)
    assert set(np.nonzero(later >= 4)[1]) == {3, 4, 5, 12, 13, 14}


def test_delay_says_the_input_of_k_steps_before() -> None:
    inputs, targets = draw(Delay(seq_len=6, delay=2), 10)
    assert np.array_equal(targets[:, 2:], inputs[:, :4])
    assert (targets[:, :2] == 0).all()
    assert np.array_equal(*draw(Delay(delay=0), 3))
    assert (draw(Delay(seq_len=4, delay=9), 3)[1] == 0).all()


@pytest.mark.parametrize(
    ("seq_len", "delay", "last", "floor"),
    [(20, 5, False, 0.75), (20, 5, True, 1.0), (4, 9, False, 0.0), (4, 4, True, 0.0), (5, 4, False, 0.2)],
)
def test_predicting_zero_costs_the_share_of_steps_with_a_target(
    seq_len: int, delay: int, last: bool, floor: float
) -> None:
    task = Delay(seq_len=seq_len, delay=delay, last_timestep_only=last)
    assert task.floors(linear=True) == {"predict zero": floor}
    kept_B = draw(task, 20_000)[1][:, -1:] if last else draw(task, 20_000)[1]
    assert (kept_B**2).mean() == pytest.approx(floor, rel=0.03)


@pytest.mark.parametrize("period", [2.0, 5.0, 10.0, 25.5])
def test_the_losses_of_simple_predictions_of_a_sine(period: float) -> None:
    task = Sine(seq_len=3, period=period)
    inputs, targets = draw(task, 20_000)
    x_BT, y_BT = inputs[..., 0].astype(np.float64), targets[..., 0].astype(np.float64)
    assert np.array_equal(x_BT[:, 1:], y_BT[:, :-1])
    two_cos = 2 * math.cos(2 * math.pi / period)
    assert np.abs(y_BT[:, 1:] - (two_cos * x_BT[:, 1:] - x_BT[:, :-1])).max() < 1e-6, "two values determine the rest"
    floors = task.floors(linear=True)
    assert (y_BT**2).mean() == pytest.approx(floors["predict zero"], rel=0.02)
    assert ((y_BT - x_BT) ** 2).mean() == pytest.approx(floors["repeat the input"], rel=0.02)
    slope = (x_BT * y_BT).mean() / (x_BT**2).mean()
    assert ((y_BT - slope * x_BT) ** 2).mean() == pytest.approx(floors["no memory"], rel=0.02, abs=1e-6)
    assert floors["best possible"] == pytest.approx(floors["no memory"] / 3)
    assert Sine(period=period, last_timestep_only=True).floors(linear=True)["best possible"] == 0


def test_the_first_value_of_a_sine_says_no_more_than_its_multiple() -> None:
    """The mean of x_2 among sequences that begin alike, by slices of x_1."""
    inputs, targets = draw(Sine(seq_len=1, period=7.0), 200_000)
    x_B, y_B = inputs[:, 0, 0].astype(np.float64), targets[:, 0, 0].astype(np.float64)
    slices_B = np.digitize(x_B, np.linspace(-1, 1, 201))
    counts = np.bincount(slices_B)
    means = np.bincount(slices_B, y_B) / np.maximum(counts, 1)
    floor = Sine(seq_len=1, period=7.0).floors(linear=False)["best possible"]
    assert ((y_B - means[slices_B]) ** 2).mean() == pytest.approx(floor, rel=0.01)


def test_a_constant_input_says_nothing_of_its_target() -> None:
    inputs, targets = draw(ConstantInput(seq_len=4), 5000)
    assert (inputs == 0).all()
    assert (targets == targets[:, :1]).all()
    assert (targets[:, 0] ** 2).mean() == pytest.approx(1, abs=0.06)
    assert targets[:, 0].mean() == pytest.approx(0, abs=0.05)
    assert (draw(ConstantInput(value=-0.5), 2)[0] == -0.5).all()
    kicked = draw(ConstantInput(seq_len=4, value=0.5, kick=3.0), 5000)
    assert (kicked[0][:, 1:] == 0.5).all()
    assert kicked[0][:, 0].std() == pytest.approx(3, abs=0.15)
    assert abs(np.corrcoef(kicked[0][:, 0, 0], kicked[1][:, 0, 0])[0, 1]) < 0.05
    assert ConstantInput().floors(linear=True) == {"predict zero": 1.0}


def test_a_kicked_net_has_the_chaos_of_mean_field_theory(tmp_path: Path) -> None:
    """Sompolinsky, Crisanti and Sommers 1988: .31025 at g = 3 for infinitely many units; 600 are within 1/sqrt(H)."""
    task = {"kind": "constant", "seq_len": 200, "kick": 5.0}
    model = {"init": "gaussian", "weight_scale": 3.0, "hidden_size": 600}
    content = {"name": "chaos", "task": task, "model": model, "training": {"batches": 0}, "record": {"sequences": 1}}
    run = run_one(config_from_mapping(content), runs=tmp_path).run
    assert run["exponent"][0, 0] == pytest.approx(mean_field(3.0).exponent, abs=0.015)
    assert -run.summary["initial_gradient_slope"] == pytest.approx(mean_field(3.0).exponent, abs=0.03)


@pytest.mark.parametrize("gain", [0.9, 1.0, 1.2])
def test_without_input_a_tanh_net_is_its_matrix(gain: float, tmp_path: Path) -> None:
    """With zero biases h stays 0, where the slope of tanh is 1: an orthogonal matrix times g gives ln g a step."""
    config = config_from_mapping(
        {
            "name": "silent",
            "task": {"kind": "constant", "seq_len": 40},
            "model": {"init": "orthogonal", "weight_scale": gain},
            "training": {"batches": 0},
        }
    )
    run = run_one(config, runs=tmp_path).run
    assert (run.metrics["hidden_norm"] == 0).all()
    steps_T = np.diff(run.metrics["grad_log_norm"][0, 0])
    assert steps_T == pytest.approx(np.full(39, -math.log(gain)), abs=1e-6)


def test_digits_are_read_by_rows_or_by_pixels() -> None:
    rows, labels_BT = draw(Digits(), 100)
    pixels, same_BT = draw(Digits(seq_len=64), 100)
    assert np.array_equal(rows.reshape(100, 64), pixels.reshape(100, 64))
    assert np.array_equal(labels_BT[:, 0], same_BT[:, 0])
    assert (rows.min(), rows.max()) == (0.0, 1.0)
    assert np.array_equal(rows * 16, np.round(rows * 16)), "17 shades"


def test_permuted_digits_have_the_same_pixels_in_one_other_order() -> None:
    plain, _ = draw(Digits(seq_len=64), 50)
    permuted, _ = draw(Digits(seq_len=64, permuted=True, permutation_seed=3), 50)
    assert sorted(permutation(3)) == list(range(64))
    assert not np.array_equal(permutation(3), permutation(4))
    assert np.array_equal(permuted, plain[:, permutation(3)])


def test_the_digits_are_the_1797_with_their_labels() -> None:
    floors = Digits().floors(linear=False)
    assert floors["best constant guess"] == pytest.approx(2.3024792210, abs=1e-10)
    assert floors["uniform guess"] == math.log(10)
    inputs, labels_BT = draw(Digits(), 30_000)
    images = {(image.tobytes(), int(label)) for image, label in zip(inputs, labels_BT[:, 0], strict=True)}
    assert len(images) == 1797
    means = [inputs[labels_BT[:, 0] == digit].mean(axis=0) for digit in (0, 1)]
    assert means[0][3:5, 3:5].mean() < 0.15 < 0.6 < means[1][3:5, 3:5].mean(), "a zero is empty inside, a one is not"


@pytest.mark.parametrize("task", EVERY, ids=lambda task: task.kind)
def test_pictures_and_waves_are_float32_and_classes_int64(task: Task) -> None:
    inputs, targets = draw(task, 3)
    assert inputs.shape == (3, task.seq_len, task.input_size)
    assert inputs.dtype == np.float32
    classes = isinstance(task.loss, CrossEntropy)
    assert targets.dtype == (np.int64 if classes else np.float32)
    assert targets.shape == ((3, task.seq_len) if classes else (3, task.seq_len, task.output_size))
