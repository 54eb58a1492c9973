"""Arrays of one's own: what is read and drawn, what it is held against, and every way in which a file is refused."""

from __future__ import annotations

import hashlib
import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from rnnlab.tasks import CrossEntropy, DataError, MaskedCrossEntropy, MaskedMeanSquaredError, MeanSquaredError
from rnnlab.tasks.array_file import parse
from rnnlab.tasks.arrays import ArraysTask
from rnnlab.tasks.losses import NO_CLASS
from rnnlab.training import BATCHES, make_stream

GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(20, 6, 2))
NUMBERS = GENERATOR.normal(1.0, 2.0, size=(20, 6, 3))
CLASSES = GENERATOR.integers(4, size=(20, 6))
LENGTHS = np.array([1, 2, 3, 4, 5] * 4)


@pytest.fixture
def task(tmp_path: Path) -> Any:
    """Give a function that writes arrays and makes the task of them."""

    def make(keys: dict[str, Any] | None = None, **arrays: Any) -> ArraysTask:
        np.savez(tmp_path / "data.npz", **arrays)
        return ArraysTask.model_validate({"file": str(tmp_path / "data.npz"), **(keys or {})})

    return make


def test_the_file_answers_every_key(task: Any, tmp_path: Path) -> None:
    made = task(inputs=X, targets=NUMBERS)
    assert made.model_dump() == {
        "kind": "arrays",
        "seq_len": 6,
        "file": str(tmp_path / "data.npz"),
        "sha256": hashlib.sha256((tmp_path / "data.npz").read_bytes()).hexdigest(),
        "last_timestep_only": False,
        "examples": 20,
        "inputs": 2,
        "targets": "numbers",
        "outputs": 3,
        "masked": False,
    }
    assert (made.input_size, made.output_size, made.loss) == (2, 3, MeanSquaredError())


@pytest.mark.parametrize(
    ("targets", "outputs", "loss"),
    [
        (NUMBERS[:, :, 0].mean(axis=1), 1, MeanSquaredError(last_timestep_only=True)),
        (CLASSES, 4, CrossEntropy()),
        (CLASSES[:, 0], 4, CrossEntropy(last_timestep_only=True)),
        (CLASSES[:, 0] > 1, 2, CrossEntropy(last_timestep_only=True)),
        (np.zeros(20, dtype=np.uint8), 2, CrossEntropy(last_timestep_only=True)),
    ],
)
def test_the_form_of_the_targets_says_what_is_learned(task: Any, targets: np.ndarray, outputs: int, loss: Any) -> None:
    made = task(inputs=X, targets=targets)
    assert (made.outputs, made.loss) == (outputs, loss)
    drawn = made.sample(make_stream(0, BATCHES), 5)[1]
    assert drawn.dtype == (np.int64 if isinstance(loss, CrossEntropy) else np.float32)
    assert drawn.shape == ((5, 6) if isinstance(loss, CrossEntropy) else (5, 6, 1))


def test_sequences_are_those_of_the_file_each_about_as_often_and_do_not_depend_on_cuts(task: Any) -> None:
    made = task(inputs=X, targets=NUMBERS)
    inputs, targets = made.sample(make_stream(0, BATCHES), 4000)
    found = [int(np.argmin(np.abs(X - one).sum(axis=(1, 2)))) for one in inputs]
    assert np.array_equal(inputs, X.astype(np.float32)[found])
    assert np.array_equal(targets, NUMBERS.astype(np.float32)[found])
    assert np.bincount(found) / 4000 == pytest.approx(np.full(20, 0.05), abs=0.015)
    stream = make_stream(0, BATCHES)
    parts = [made.sample(stream, count)[0] for count in (1, 3, 5)]
    assert np.array_equal(np.concatenate(parts), inputs[:9])


def test_past_the_end_of_a_sequence_there_is_neither_input_nor_target(task: Any) -> None:
    padded_x, padded_y = X.copy(), NUMBERS.copy()
    for i, length in enumerate(LENGTHS):
        padded_x[i, length:] = padded_y[i, length:] = np.nan
    made = task(inputs=padded_x, targets=padded_y, lengths=LENGTHS)
    assert (made.masked, made.loss) == (True, MaskedMeanSquaredError())
    inputs, targets = made.sample(make_stream(0, BATCHES), 100)
    lengths = np.isfinite(targets[..., 0]).sum(axis=1)
    past = np.arange(6) >= lengths[:, None]
    assert set(lengths) == set(LENGTHS)
    assert np.isnan(targets[past]).all()
    assert (inputs[past] == 0).all()
    assert (inputs[~past] != 0).all()


def test_the_last_timestep_is_each_sequence_s_own(task: Any) -> None:
    made = task({"last_timestep_only": True}, inputs=X, targets=CLASSES, lengths=LENGTHS)
    assert made.loss == MaskedCrossEntropy()
    targets = made.sample(make_stream(0, BATCHES), 100)[1]
    assert ((targets != NO_CLASS).sum(axis=1) == 1).all()
    assert set((targets != NO_CLASS).argmax(axis=1) + 1) == set(LENGTHS)


def test_a_mask_says_which_targets_count(task: Any) -> None:
    mask = np.zeros((20, 6), dtype=np.uint8)
    mask[:, [1, 4]] = 1
    made = task(inputs=X, targets=CLASSES, mask=mask, lengths=np.full(20, 4))
    targets = made.sample(make_stream(0, BATCHES), 50)[1]
    assert ((targets != NO_CLASS) == [False, True, False, False, False, False]).all()
    assert not task(inputs=X, targets=CLASSES, mask=np.ones((20, 6))).masked


def test_a_series_is_asked_for_its_next_value(tmp_path: Path) -> None:
    np.save(tmp_path / "series.npy", X)
    made = ArraysTask.model_validate({"file": str(tmp_path / "series.npy")})
    inputs, targets = made.sample(make_stream(0, BATCHES), 10)
    assert (made.seq_len, made.inputs, made.outputs) == (5, 2, 2)
    assert np.array_equal(inputs[:, 1:], targets[:, :-1])
    assert np.array_equal(
        targets[0, -1], X[np.argmin(np.abs(X[:, 0] - inputs[0, 0]).sum(axis=1)), -1].astype(np.float32)
    )


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("lengths", [None, LENGTHS])
@pytest.mark.parametrize("targets", [NUMBERS, CLASSES], ids=["numbers", "classes"])
def test_no_constant_does_better_than_the_floor(
    task: Any, targets: np.ndarray, lengths: np.ndarray | None, last: bool
) -> None:
    """By the loss itself of every sequence of the file, minimised over constants by PyTorch."""
    import torch

    made = task(
        {"last_timestep_only": last}, inputs=X, targets=targets, **({} if lengths is None else {"lengths": lengths})
    )
    every = type("Each", (), {"integers": lambda _, high, size, dtype: np.arange(high, dtype=dtype)})()
    wanted = torch.from_numpy(made.sample(every, 20)[1])
    wanted = wanted if targets is CLASSES else wanted.double()
    constant = torch.zeros(made.outputs, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([constant], max_iter=100, tolerance_grad=1e-12, line_search_fn="strong_wolfe")

    def closure() -> Any:
        optimizer.zero_grad()
        loss = made.loss(constant.expand(20, 6, -1), wanted).mean()
        loss.backward()
        return loss

    optimizer.step(closure)
    floors = made.floors(linear=False)
    least = floors["best constant guess" if targets is CLASSES else "predict the mean"]
    assert closure().item() == pytest.approx(least, rel=1e-6)
    assert targets is NUMBERS or floors["uniform guess"] == math.log(4)


NAN = NUMBERS.copy()
NAN[3, 4, 1] = np.nan

WRONG: list[tuple[dict[str, Any], str]] = [
    (
        {"inputs": X},
        "there is no array 'targets', among inputs; needed: inputs and targets; optional: lengths and mask",
    ),
    ({"inputs": X, "target": NUMBERS}, "there is no array 'targets', among inputs, target; .* Did you mean 'target'?"),
    ({"inputs": X, "targets": CLASSES, "length": LENGTHS}, "there is an unknown array 'length', .* mean 'lengths'?"),
    ({"inputs": X[0], "targets": CLASSES}, r"inputs have shape \(6, 2\); valid: \(N, T, I\), none of them 0"),
    ({"inputs": X[:0], "targets": CLASSES[:0]}, r"inputs have shape \(0, 6, 2\); valid: "),
    ({"inputs": X + 1j, "targets": CLASSES}, "inputs have type complex128; valid: real numbers"),
    ({"inputs": X.astype(str), "targets": CLASSES}, "inputs have type <U32; valid: real numbers"),
    (
        {"inputs": NAN, "targets": CLASSES},
        r"inputs\[3, 4, 1\] is nan, not a finite number in float32; where a sequence",
    ),
    ({"inputs": X * 1e60, "targets": CLASSES}, r"inputs\[0, 0, 0\] is .*e\+\d\d, not a finite number in float32"),
    ({"inputs": X, "targets": NAN}, r"targets\[3, 4, 1\] is nan, not a finite number"),
    ({"inputs": X, "targets": NUMBERS[:19]}, r"targets have shape \(19, 6, 3\) .* there are 20 sequences of 6 time"),
    (
        {"inputs": X, "targets": NUMBERS[:, :, 0]},
        r"targets have shape \(20, 6\) and type float64, .* valid: \(20,\)",
    ),
    (
        {"inputs": X, "targets": CLASSES - 1},
        "the targets are classes from -1 to 2; valid: whole numbers from 0 to 99999",
    ),
    ({"inputs": X, "targets": CLASSES, "lengths": LENGTHS - 1}, r"lengths\[0\] is 0; valid: from 1 to 6"),
    ({"inputs": X, "targets": CLASSES, "lengths": LENGTHS + 2}, r"lengths\[4\] is 7; valid: from 1 to 6"),
    (
        {"inputs": X, "targets": CLASSES, "lengths": LENGTHS[:3]},
        r"lengths have shape \(3,\) and type int64; valid: ",
    ),
    (
        {"inputs": X, "targets": CLASSES, "mask": CLASSES},
        r"mask has shape \(20, 6\) and type int64; valid: \(20, 6\), ",
    ),
    (
        {"inputs": X, "targets": CLASSES, "mask": np.eye(20)[:, :6]},
        "sequence 6 has no timestep at which a target counts",
    ),
    ({"inputs": X, "targets": np.array([None] * 20)}, "it holds Python objects, which only a pickle could hold"),
]


@pytest.mark.parametrize(("arrays", "sentence"), WRONG, ids=[sentence[:25] for _, sentence in WRONG])
def test_what_is_wrong_with_arrays_is_said(task: Any, arrays: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=f"task.file: .*data.npz: {sentence}"):
        task(**arrays)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "this is no whole .npz or .npy file"),
        (b"PK\x03\x04 not really", "this is no whole .npz or .npy file"),
        (b"1.0,2.0\n", "this is no whole .npz or .npy file; numpy.savez writes one"),
        (pickle.dumps([1, 2]), "it holds Python objects, .* opening one would run code"),
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "data.npz").write_bytes(content)
    with pytest.raises(ValidationError, match=sentence):
        ArraysTask.model_validate({"file": str(tmp_path / "data.npz")})


def test_a_file_that_was_cut_off_is_refused(task: Any, tmp_path: Path) -> None:
    task(inputs=X, targets=NUMBERS)
    whole = (tmp_path / "data.npz").read_bytes()
    for share in (0.3, 0.9, 0.99):
        (tmp_path / "data.npz").write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(ValidationError, match="this is no whole"):
            ArraysTask.model_validate({"file": str(tmp_path / "data.npz")})


def test_a_key_that_the_file_contradicts_is_refused(task: Any) -> None:
    with pytest.raises(ValidationError, match=r"task\.seq_len: got 7, but .*data\.npz has 6; leave the key out"):
        task({"seq_len": 7}, inputs=X, targets=CLASSES)
    with pytest.raises(ValidationError, match=r"task\.outputs: got 3, but .* has 4"):
        task({"outputs": 3}, inputs=X, targets=CLASSES)
    with pytest.raises(ValidationError, match=r"task\.outputs: got 9, but .* has 3"):
        task({"outputs": 9}, inputs=X, targets=NUMBERS)
    assert task({"outputs": 9}, inputs=X, targets=CLASSES).floors(linear=False)["uniform guess"] == math.log(9)


def test_a_damaged_file_is_refused_or_read_and_nothing_else(tmp_path: Path) -> None:
    """A few bytes changed, in plain and in compressed files: what comes of it is a sentence or numbers."""
    damage, path, outcomes = np.random.default_rng(0), tmp_path / "data.npz", set()
    for save in (np.savez, np.savez_compressed):
        save(path, inputs=X, targets=CLASSES, lengths=LENGTHS)
        whole = np.frombuffer(path.read_bytes(), dtype=np.uint8)
        for _ in range(300):
            content = whole.copy()
            content[damage.integers(len(content), size=3)] = damage.integers(256, size=3)
            try:
                parse(content.tobytes(), path)
                outcomes.add("read")
            except DataError as error:
                outcomes.add(str(error).partition("data.npz: ")[2][:16])
    assert {"read", "this is no whole"} <= outcomes


def test_what_the_data_take_of_memory_is_their_sizes(task: Any) -> None:
    """The file and its arrays: inputs and numbers in float32, classes in int64."""
    assert task(inputs=X, targets=NUMBERS).data_bytes == 2 * (4 * X.size + 4 * NUMBERS.size)
    assert task(inputs=X, targets=CLASSES).data_bytes == 2 * (4 * X.size + 8 * CLASSES.size)
