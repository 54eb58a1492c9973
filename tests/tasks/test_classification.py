"""The tasks with classes: what they draw, the cross-entropy, and the floors that a loss is held against."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from rnnlab.tasks import TASKS, CrossEntropy, Task
from rnnlab.tasks.bigram import Bigram, entropy_rate, stationary
from rnnlab.tasks.phonemes import Phonemes
from rnnlab.tasks.random_labels import RandomLabels
from rnnlab.tasks.sentiment import SENTENCES, VOCABULARY, Sentiment
from rnnlab.training import BATCHES, make_stream

EVERY = [
    Bigram(),
    Bigram(seq_len=3, vocabulary=2, table="0.9 0.1; 0.5 0.5"),
    Phonemes(seq_len=3),
    RandomLabels(),
    Sentiment(),
]


@pytest.mark.parametrize("task", EVERY, ids=lambda task: task.kind)
def test_samples_have_the_promised_shapes_and_types(task: Task) -> None:
    inputs, targets = task.sample(make_stream(0, BATCHES), 6)
    assert inputs.shape == (6, task.seq_len, task.input_size)
    assert targets.shape == (6, task.seq_len)
    assert inputs.dtype == np.float32
    assert targets.dtype == np.int64
    assert 0 <= targets.min() <= targets.max() < task.output_size


@pytest.mark.parametrize("task", EVERY, ids=lambda task: task.kind)
def test_samples_do_not_depend_on_how_they_are_cut(task: Task) -> None:
    whole = task.sample(make_stream(3, BATCHES), 9)
    stream = make_stream(3, BATCHES)
    parts = [task.sample(stream, count) for count in (1, 3, 5)]
    for which in (0, 1):
        assert np.array_equal(whole[which], np.concatenate([part[which] for part in parts]))


@pytest.mark.parametrize("last_timestep_only", [False, True])
def test_cross_entropy_is_pytorch_s_for_each_sequence(last_timestep_only: bool) -> None:
    torch.manual_seed(1)
    logits, classes = torch.randn(2, 4, 5, 3, dtype=torch.float64), torch.randint(0, 3, (2, 4, 5))
    loss = CrossEntropy(last_timestep_only)(logits, classes)
    assert loss.shape == (2, 4)
    kept = slice(-1, None) if last_timestep_only else slice(None)
    for s in range(2):
        for b in range(4):
            expected = torch.nn.functional.cross_entropy(logits[s, b, kept], classes[s, b, kept])
            assert torch.allclose(loss[s, b], expected, rtol=1e-14)


def test_cross_entropy_of_huge_logits_is_finite() -> None:
    logits = torch.tensor([[[1000.0, -1000.0]]])
    assert CrossEntropy()(logits, torch.tensor([[1]])).item() == 2000.0
    assert CrossEntropy()(logits, torch.tensor([[0]])).item() == 0.0


def test_the_chain_has_its_table_s_frequencies_and_begins_stationary() -> None:
    task = Bigram(seq_len=20, vocabulary=3, table="0.8 0.2 0; 0.1 0.6 0.3; 0.5 0 0.5")
    inputs, following = task.sample(make_stream(0, BATCHES), 5000)
    tokens = inputs.argmax(axis=-1)
    assert np.array_equal(tokens[:, 1:], following[:, :-1]), "the target is the next token"
    counts = np.zeros((3, 3))
    np.add.at(counts, (tokens.ravel(), following.ravel()), 1)
    assert counts[0, 2] == counts[2, 1] == 0, "what is impossible never happens"
    assert np.allclose(counts / counts.sum(axis=1, keepdims=True), task.transition_table(), atol=0.01)
    first = np.bincount(tokens[:, 0], minlength=3) / 5000
    assert np.allclose(first, stationary(task.transition_table()), atol=0.03)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ([[0.9, 0.1], [0.5, 0.5]], [5 / 6, 1 / 6]),
        ([[0.0, 1.0], [1.0, 0.0]], [0.5, 0.5]),  # periodic
        ([[1.0, 0.0], [0.0, 1.0]], [0.5, 0.5]),  # falls apart: as reached from a uniform start
    ],
)
def test_the_stationary_distribution(table: list[list[float]], expected: list[float]) -> None:
    assert np.allclose(stationary(np.array(table)), expected, atol=1e-8)


def test_the_entropy_rate_by_hand() -> None:
    def entropy(p: float) -> float:
        return -(p * math.log(p) + (1 - p) * math.log(1 - p))

    expected = 5 / 6 * entropy(0.9) + 1 / 6 * entropy(0.5)
    assert entropy_rate(np.array([[0.9, 0.1], [0.5, 0.5]])) == pytest.approx(expected, rel=1e-7)
    assert entropy_rate(np.full((4, 4), 0.25)) == pytest.approx(math.log(4))
    assert entropy_rate(np.eye(2)[::-1]) == 0


def test_a_uniform_guess_is_a_floor_of_every_task() -> None:
    for task in EVERY:
        assert task.floors(linear=True)["uniform guess"] == math.log(task.output_size)


@pytest.mark.parametrize(("seed", "entropy"), [(0, 0.9002560513), (1, 0.9743147529), (2, 0.6931471806)])
def test_a_constant_guess_at_random_labels_costs_their_entropy(seed: int, entropy: float) -> None:
    floors = RandomLabels(examples_seed=seed).floors(linear=False)
    assert floors["best constant guess"] == pytest.approx(entropy, abs=1e-10)


def test_three_of_four_words_say_nothing_of_the_sentiment() -> None:
    assert Sentiment().floors(linear=False) == {"uniform guess": math.log(2)}
    floors = Sentiment(last_timestep_only=False).floors(linear=False)
    assert floors["best possible"] == pytest.approx(0.75 * math.log(2))


@pytest.mark.parametrize(("signal", "last", "loss"), [(0.5, True, 1.4451), (1.0, True, 0.3903), (1.0, False, 0.9642)])
def test_the_bayes_loss_of_phonemes_is_that_of_a_simulation(signal: float, last: bool, loss: float) -> None:
    """The losses of the best classifier on sequences drawn by the task, against the integral."""
    task = Phonemes(signal=signal, last_timestep_only=last)
    floor = task.floors(linear=False)["Bayes classifier"]
    assert floor == pytest.approx(loss, abs=1e-3)
    inputs, labels = task.sample(make_stream(0, BATCHES), 20_000)
    means_CI = np.stack([inputs[labels[:, 0] == k].mean(axis=(0, 1), dtype=np.float64) for k in range(task.classes)])
    evidence_BTC = np.cumsum(inputs @ means_CI.T - (means_CI**2).sum(axis=1) / 2, axis=1)
    losses_BT = np.log(np.exp(evidence_BTC - evidence_BTC[..., np.arange(10) == 0]).sum(axis=-1))
    losses_BT -= np.take_along_axis(evidence_BTC, labels[..., None], axis=-1)[..., 0] - evidence_BTC[..., 0]
    assert (losses_BT[:, -1] if last else losses_BT).mean() == pytest.approx(floor, abs=0.02)


def test_the_bayes_loss_is_left_out_where_it_would_take_long() -> None:
    assert Phonemes(classes=100).floors(linear=False) == {"uniform guess": math.log(100)}


@pytest.mark.parametrize(
    ("table", "rate"),
    [
        ([[0.9, 0.1], [0.5, 0.5]], 0.386427007919531),
        ([[0.618033988749895, 0.381966011250105], [1, 0]], 0.481211825059603),  # golden mean shift: ln of the ratio
        ([[0, 1], [1, 0]], 0.0),
        ([[1, 0, 0, 0], [0.5, 0, 0.5, 0], [0, 0.5, 0, 0.5], [0, 0, 0, 1]], 0.0),  # gambler's ruin: it ends
    ],
)
def test_the_entropy_rate_is_right_to_the_last_digits(table: list[list[float]], rate: float) -> None:
    assert entropy_rate(np.array(table)) == pytest.approx(rate, rel=1e-14, abs=0)


def test_a_chain_that_falls_apart_ends_in_each_class_as_often_as_a_uniform_start_does() -> None:
    table = np.array([[0.5, 0.25, 0.25, 0], [0, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
    assert stationary(table) == pytest.approx([0, 0.375, 0.375, 0.25], abs=1e-15)


@pytest.mark.parametrize(
    "table", ["0.5 0.5", "0.5 0.5; 1", "0.6 0.5; 0.5 0.5", "a b; c d", "-1 2; 1 0", "1", "", "nan 1; 0 1"]
)
def test_a_table_that_is_none_is_refused(table: str) -> None:
    with pytest.raises(ValidationError, match="valid: a square table of probabilities"):
        Bigram(vocabulary=2, table=table)


def test_a_table_of_another_size_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"task\.table has 2 rows and task\.vocabulary is 3"):
        Bigram(vocabulary=3, table="0.5 0.5; 0.5 0.5")


def test_random_labels_are_a_few_sequences_each_with_one_label() -> None:
    inputs, labels = RandomLabels(examples=4).sample(make_stream(0, BATCHES), 400)
    found = {(x.tobytes(), int(label[0])) for x, label in zip(inputs, labels, strict=True)}
    assert len(found) == len({x for x, _ in found}) == 4
    assert (labels == labels[:, :1]).all()


def test_phonemes_are_their_class_s_mean_in_noise() -> None:
    task = Phonemes(seq_len=4, inputs=3, classes=2, signal=2.0)
    inputs, labels = task.sample(make_stream(0, BATCHES), 20_000)
    assert np.bincount(labels[:, 0]) / 20_000 == pytest.approx([0.5, 0.5], abs=0.02)
    for label in (0, 1):
        frames = inputs[labels[:, 0] == label]
        assert np.allclose(frames.std(axis=(0, 1)), 1, atol=0.02)
    means = [inputs[labels[:, 0] == label].mean(axis=(0, 1)) for label in (0, 1)]
    assert np.linalg.norm(means[0] - means[1]) > 0.5
    silent, _ = Phonemes(signal=0.0).sample(make_stream(0, BATCHES), 2000)
    assert np.abs(silent.mean(axis=(0, 1))).max() < 0.03


def test_the_sentences_are_the_lab_s() -> None:
    inputs, labels = Sentiment().sample(make_stream(0, BATCHES), 50)
    spoken = {
        (" ".join(VOCABULARY[i] for i in x.argmax(axis=-1)), int(y[-1])) for x, y in zip(inputs, labels, strict=True)
    }
    assert spoken == {("The movie is good", 1), ("The movie is bad", 0)}
    assert len(SENTENCES) == 2


def test_every_task_is_found_by_its_kind() -> None:
    names = "adding arrays bigram constant copy cumulative-average delay delayed-xor digits multiplication phonemes "
    assert list(TASKS) == (names + "random-labels sentiment sine temporal-order text").split()
