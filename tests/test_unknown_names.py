"""An unknown name is an error that says what there is, and never something plausible."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest
from torch import Tensor

from rnnlab.audit import AuditCase, make_case, run_check
from rnnlab.audit.automatic import by_flow
from rnnlab.audit.by_hand import by_hand, forward
from rnnlab.audit.case import NotKnownError, loss_gradient, loss_of
from rnnlab.audit.complex_step import by_complex_step
from rnnlab.audit.paths import by_paths
from rnnlab.config import config_from_mapping
from rnnlab.nets import CELLS, Elman, LayerWeights, State, initial_weights, make_cell, make_initialiser
from rnnlab.nets.initialisers.base import scale_of
from rnnlab.nets.plain import predict
from rnnlab.registry import Registry, UnknownNameError
from rnnlab.tasks import LOSSES, TASKS, MeanSquaredError
from rnnlab.training import EngineError, available_engines, make_engine, make_optimizer, make_stream
from tests.names import CELL_NAMES, INIT_NAMES, NONLINEARITY_NAMES, OPTIMIZER_NAMES
from tests.nets.settings import make_architecture
from tests.training.native_setting import make_recipe
from tests.training.setting import begin


@dataclass(frozen=True)
class Unheard(Elman):
    """A cell that nothing but the torch engine knows, though it is an Elman net to Python."""

    name: ClassVar[str] = "unheard"
    place: ClassVar[int] = 100
    noun: ClassVar[str] = "an unheard net"


@dataclass(frozen=True)
class Halved(Elman):
    """Another cell than it extends."""

    name: ClassVar[str] = "halved"

    def step(self, drive_BG: Tensor, state: State, weights: LayerWeights) -> State:
        return (0.5 * super().step(drive_BG, state, weights)[0],)


@dataclass(frozen=True)
class Unlike(MeanSquaredError):  # noqa: N818 (it is no exception)
    """Another loss than it inherits from."""

    name: ClassVar[str] = "unheard"


ARCHITECTURE = make_architecture("elman", "tanh", 1)


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (lambda: make_cell("rnn"), f"there is no cell 'rnn'; valid: {CELL_NAMES}"),
        (lambda: make_cell("elmann"), f"there is no cell 'elmann'; valid: {CELL_NAMES}. Did you mean 'elman'?"),
        (lambda: make_optimizer("lion"), f"there is no optimizer 'lion'; valid: {OPTIMIZER_NAMES}"),
        (lambda: Elman("sine"), f"there is no nonlinearity 'sine'; valid: {NONLINEARITY_NAMES}"),
        (
            lambda: make_cell("elman", {"nonlinearity": "tan"}),
            f"there is no nonlinearity 'tan'; valid: {NONLINEARITY_NAMES}. Did you mean 'tanh'?",
        ),
        (
            lambda: initial_weights(ARCHITECTURE, make_stream(0, 0), init="kaiming_normal"),
            "there is no init 'kaiming_normal'; valid: " + INIT_NAMES + ". Did you mean 'kaiming-normal'?",
        ),
        (lambda: make_initialiser("he"), "there is no init 'he'; valid: uniform, kaiming-normal, "),
        (lambda: TASKS["parity"], "there is no task 'parity'; valid: adding, arrays, bigram, "),
        (lambda: LOSSES["hinge"], "there is no loss 'hinge'; valid: cross-entropy (nats), masked "),
        (
            lambda: predict({"cell": "rnn", "layers": 1}, {}, np.zeros((1, 1, 1))),
            f"there is no cell 'rnn'; valid: {CELL_NAMES}",
        ),
    ],
)
def test_an_unknown_name_is_an_error_that_lists_the_known_ones(ask: Callable[[], object], sentence: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        ask()
    assert str(caught.value).startswith(sentence)


def test_a_parameter_that_is_neither_matrix_nor_bias_has_no_scale() -> None:
    with pytest.raises(ValueError, match="the parameter 'rates_l0' is neither a matrix nor a bias"):
        scale_of("rates_l0", 1.0, 1.0)


def test_the_bigram_start_asks_for_its_task() -> None:
    with pytest.raises(ValueError, match="bigram needs the task whose solution it is"):
        initial_weights(ARCHITECTURE, make_stream(0, 0), init="bigram")


def case(cell: Elman) -> AuditCase:
    given = make_case(config_from_mapping({"name": "a", "model": {"hidden_size": 3}, "task": {"seq_len": 3}}))
    return replace(given, architecture=replace(given.architecture, cell=cell))


def test_no_way_of_the_audit_takes_a_cell_for_the_one_that_it_extends() -> None:
    unheard = case(Unheard())
    with pytest.raises(NotKnownError, match="this way does not know the cell 'unheard'"):
        forward(unheard)
    assert by_hand(unheard) is None
    assert by_paths(unheard) is None


def test_the_complex_step_of_a_cell_without_an_equation_is_taken_through_its_own_step() -> None:
    for cell in (Halved(), Elman(lambda x: x.sin())):
        own = case(cell)
        projected, exact = by_complex_step(own), by_flow(own)
        for quantity, value in projected.values.items():
            np.testing.assert_allclose(projected.project(quantity, exact[quantity]), value, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("way", [by_hand, by_paths])
def test_no_way_of_the_audit_takes_a_nonlinearity_for_another(way: Callable[[AuditCase], object]) -> None:
    with pytest.raises(NotKnownError, match="this way does not know the nonlinearity"):
        way(case(Elman(lambda x: x.sin())))


def test_no_way_of_the_audit_takes_a_loss_for_another() -> None:
    unheard = replace(case(Elman()), loss=Unlike())
    for ask in (loss_of, loss_gradient):
        with pytest.raises(NotKnownError, match="this way does not know the loss 'unheard'"):
            ask(unheard, unheard.targets)


def test_a_check_says_which_ways_and_engines_do_not_know_a_cell() -> None:
    with CELLS.extended(Unheard):
        config = config_from_mapping({"name": "a", "model": {"cell": "unheard", "hidden_size": 3}})
        report = run_check(config)
    assert report.missing == ["by hand", "paths"]
    assert "complex step" in report.findings[0].differences, "it is taken through the cell's own step"
    if "native" in available_engines():
        assert "unheard" in report.unknown["native engine"]
    assert report.agrees


def test_the_native_engine_refuses_what_it_has_no_code_for() -> None:
    if "native" not in available_engines():
        pytest.skip("the native engine is not built here")
    recipe = make_recipe("elman", "tanh")
    for wrong, word in [
        (replace(recipe, architecture=replace(recipe.architecture, cell=Unheard())), "cell 'unheard'"),
        (replace(recipe, architecture=replace(recipe.architecture, cell=Elman(lambda x: x.sin()))), "nonlinearity"),
        (replace(recipe, sequence_loss=Unlike()), "loss"),
    ]:
        with pytest.raises(EngineError, match=f"the native engine does not know the {word}"):
            make_engine("native").open(wrong, [begin(recipe, 0)])


def test_a_name_is_given_once() -> None:
    registry: Registry[type[Elman]] = Registry("cell", "rnnlab.nets.cells")
    registry.register(Unheard)
    with pytest.raises(ValueError, match="there is already a cell 'unheard'; choose another name"):
        registry.register(Unheard)


def test_extending_ends_with_its_block() -> None:
    before = list(CELLS), CELLS.version
    with pytest.raises(KeyError), CELLS.extended(Unheard):
        assert list(CELLS) == [*before[0], "unheard"]
        assert CELLS.version != before[1]
        raise KeyError
    assert (list(CELLS), CELLS.version) == before
