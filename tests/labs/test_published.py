"""The labs with published numbers: the numbers are those of expected.yaml, all are shown, and a fault is convicted."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from numpy.testing import assert_allclose

from rnnlab.config import load_config, load_sweep
from rnnlab.labs import LABS, carry_out, gradients, manual, sentiment
from rnnlab.labs.report import LabReport, compare, compare_arrays
from rnnlab.studies.hooks import StoppedError

ROOT = Path(__file__).parents[2]
EXPECTED = yaml.safe_load((ROOT / "tests" / "expected.yaml").read_text())


def numbers(value: Any) -> Iterator[float]:
    """Give every number of nested lists and mappings."""
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from numbers(item)
    else:
        yield value


@pytest.fixture(scope="module")
def gradients_report() -> LabReport:
    """Carry the lab out with very short training."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gradients, "SHORT", 100)
        return gradients.carry_out()


@pytest.mark.parametrize("lab", [manual, gradients, sentiment])
def test_the_published_numbers_are_those_of_the_file(lab: Any) -> None:
    assert EXPECTED[lab.__name__.rpartition(".")[2]] == lab.PUBLISHED


@pytest.mark.parametrize("lab", [manual, gradients])
def test_every_published_number_is_held_against_a_result(lab: Any, request: pytest.FixtureRequest) -> None:
    report = request.getfixturevalue("gradients_report") if lab is gradients else lab.carry_out()
    wanted = [number for key, value in lab.PUBLISHED.items() for number in numbers(_found(key, value))]
    held = [value for step in report.judged for value in step.beside]
    for number in wanted:
        assert held.count(number) >= wanted.count(number)
    assert report.reproduced


def _found(key: str, value: Any) -> Any:
    """Leave out what a lab is given, not what it finds."""
    if key == "loss" and isinstance(value, dict):
        return {name: item for name, item in value.items() if name not in {"pred", "target"}}
    return [] if key == "sequences" else value


# manual


def test_the_gradients_by_hand_are_those_of_autograd_for_any_net() -> None:
    x, labels, _ = manual.draw_run()
    generator = torch.Generator().manual_seed(1)
    shapes = {"U": (5, 3), "W": (3, 3), "b": (3,), "V": (3, 3), "c": (3,)}
    draws = {name: torch.randn(shape, generator=generator, dtype=torch.float64) for name, shape in shapes.items()}
    states, logits = manual.run(x.double(), draws)
    by_hand = manual.gradients(x.double(), labels, states, logits, draws)
    for name, gradient in manual.autograd(x.double(), labels, draws).items():
        assert_allclose(by_hand[name].numpy(), gradient.numpy(), rtol=0, atol=1e-14)


def test_a_step_goes_down_each_gradient() -> None:
    parameters = {"U": torch.tensor([1.0, 2.0])}
    assert manual.sgd_step(parameters, {"U": torch.tensor([10.0, -10.0])}, 0.1)["U"].tolist() == [0.0, 3.0]
    assert parameters["U"].tolist() == [1.0, 2.0]


def test_a_wrong_gradient_is_convicted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bias of the first timestep is forgotten."""
    true = manual.gradients

    def forgetful(x: Any, labels: Any, states: Any, logits: Any, parameters: Any) -> dict[str, torch.Tensor]:
        found = true(x, labels, states, logits, parameters)
        return found | {"b": found["b"] * 0.999}

    monkeypatch.setattr(manual, "gradients", forgetful)
    wrong = {step.what for step in manual.carry_out().judged if not step.agrees}
    assert {"||dL/db||, after one step", "||dL/db||", "loss after one sgd step"} <= wrong


# gradients


def test_the_lab_trains_the_notebooks_nets(gradients_report: LabReport) -> None:
    titles = [section.title for section in gradients_report.sections]
    names = ["one layer, all timesteps", "one layer, last only", "two layers, all timesteps", "two layers, last only"]
    assert "Loss after 100 batches" in titles
    assert [title.partition(": ")[2] for title in titles if title.startswith("Predictions")] == names
    losses = next(section for section in gradients_report.sections if section.title.startswith("Loss after"))
    assert [step.what for step in losses.steps] == names
    assert [step.beside[0] for step in losses.steps] == [pytest.approx(x, abs=1e-6) for x in (0.292897, 0.1) * 2]
    targets = [[step.beside for step in s.steps] for s in gradients_report.sections if s.beside == "target"]
    assert len(targets[0]) == 10
    assert all(each == targets[0] for each in targets)


def test_its_config_is_the_notebook() -> None:
    file = ROOT / "configs" / "labs" / "gradients.yaml"
    config = load_config(file)
    training = config.training
    assert (training.optimizer, training.learning_rate) == ("adam", 1e-4)
    assert (training.batches, training.batch_size, config.task.seq_len, config.model.hidden_size) == (5000, 32, 10, 32)
    sweep = load_sweep(file)
    assert sweep.axes == {"model.layers": (1, 2), "task.last_timestep_only": (False, True)}


def test_its_training_can_be_stopped_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(StoppedError):
        carry_out("gradients", should_stop=lambda: True)
    assert list(tmp_path.iterdir()) == []


def test_pytorchs_generator_is_left_as_it_was(gradients_report: LabReport) -> None:
    state = torch.get_rng_state()
    gradients.train_all(["training.batches=0"])
    gradients_report.draw()
    sentiment.carry_out()
    manual.carry_out()
    assert torch.equal(torch.get_rng_state(), state)


def test_a_unit_that_differs_from_the_others_is_convicted() -> None:
    output = torch.tensor(EXPECTED["gradients"]["tanh_layer"]["unit"])[..., None].repeat(1, 1, 3)
    assert all(step.agrees for step in gradients._all_alike("tanh_layer", output).steps)
    output[1, 2, 2] += 1e-3
    assert [step.agrees for step in gradients._all_alike("tanh_layer", output).steps] == [True, False]


# sentiment


@pytest.mark.parametrize("seed", range(8))
def test_any_seed_learns_both_sentences(seed: int) -> None:
    report = sentiment.carry_out(seed)
    assert report.reproduced
    assert len(report.judged) == 3


def test_its_gradients_are_those_of_autograd() -> None:
    parameters = {
        name: np.random.default_rng([3, i]).standard_normal(value.shape)
        for i, (name, value) in enumerate(sentiment.initial_parameters().items())
    }
    for sentence, label in sentiment.SENTENCES.items():
        leaves = {name: torch.tensor(value, requires_grad=True) for name, value in parameters.items()}
        s = torch.zeros(2, dtype=torch.float64)
        for x in torch.from_numpy(sentiment.one_hot(sentence)):
            s = torch.tanh(leaves["W"] @ s + leaves["U"] @ x + leaves["b"])
        loss = -torch.log_softmax(leaves["W_out"] @ s + leaves["b_out"], dim=0)[label]
        expected = torch.autograd.grad(loss, list(leaves.values()))
        got_loss, got = sentiment.gradients(sentiment.one_hot(sentence), label, parameters)
        assert got_loss == pytest.approx(loss.item(), abs=1e-14)
        for gradient, value in zip(got.values(), expected, strict=True):
            assert_allclose(gradient, value.numpy(), rtol=0, atol=1e-14)


def test_the_first_losses_fall_with_one_update_a_sentence() -> None:
    _, losses = sentiment.train(sentiment.initial_parameters(), 2)
    parameters = sentiment.initial_parameters()
    for epoch in range(2):
        total = 0.0
        for sentence, label in sentiment.SENTENCES.items():
            loss, found = sentiment.gradients(sentiment.one_hot(sentence), label, parameters)
            parameters = {name: value - 0.1 * found[name] for name, value in parameters.items()}
            total += loss
        assert losses[epoch] == pytest.approx(total, abs=1e-15)


# All


@pytest.mark.parametrize(
    ("got", "beside", "agrees"),
    [
        (1.0001, 1.0, True),
        (1.0003, 1.0, False),
        (float("nan"), 1.0, False),
        ([1.0, 2.0], [1.0, 2.0], True),
        ([1.0, 2.0], [1.0, 2.1], False),
        ([1.0, 2.0], [1.0], False),
    ],
)
def test_a_result_agrees_within_the_last_published_digit(got: Any, beside: Any, agrees: bool) -> None:
    assert compare("it", got, beside, digits=4, tolerance=1.5e-4).agrees is agrees


def test_arrays_agree_if_every_entry_does() -> None:
    one, other = np.array([3.0, 4.0]), np.array([4.0, 3.0])
    assert compare_arrays("it", one, one, digits=6, tolerance=0.0).agrees
    swapped = compare_arrays("it", one, other, digits=6, tolerance=1e-6)
    assert (swapped.got, swapped.beside, swapped.agrees) == ((5.0,), (5.0,), False)


def test_every_lab_has_a_file_and_a_line() -> None:
    files = {file.stem for file in Path(manual.__file__).parent.glob("*.py")} - {"__init__", "report"}
    assert files == set(LABS)
