"""Derivatives that no cell has written down: against those that some have, and refused where they would be wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import Tensor

from rnnlab.flow.deriving import can_derive, derive
from rnnlab.flow.partials import has_partials
from rnnlab.nets import GRU, LSTM, Cell, Elman, LayerWeights, State, make_cell
from rnnlab.nets.cells.antisymmetric import Antisymmetric
from rnnlab.nets.partials import StepPoint


def drawn(cell: Cell, units: int = 4) -> tuple[StepPoint, dict[str, Tensor]]:
    """Give steps at random places, (S, T, B) = (2, 3, 5), and the weights of a stack."""
    generator = torch.Generator().manual_seed(1)
    weights = {
        name: torch.randn((2, *shape), generator=generator, dtype=torch.float64) / 2
        for name, shape in cell.parameter_shapes(2, units).items()
    }

    def rows(size: int) -> Tensor:
        return torch.randn((2, 3, 5, size), generator=generator, dtype=torch.float64)

    drive, before = rows(cell.gates * units), tuple(rows(units) for _ in cell.states)
    matrix = weights["weight_hh"] if cell.has_recurrent_matrix else torch.zeros((2, 0, units), dtype=torch.float64)
    product = before[0] @ matrix[:, None].mT
    vectors = {name: weight[:, None, None, :] for name, weight in weights.items() if weight.dim() == 2}
    return StepPoint(drive, product, before, vectors), weights


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("elman", {"nonlinearity": "tanh"}),
        ("elman", {"nonlinearity": "softplus"}),
        ("leaky", {"leak": 0.3}),
        ("lstm", {}),
        ("mingru", {}),
        ("lru", {}),
    ],
)
def test_they_are_those_that_the_cell_has_written_down(name: str, keys: dict[str, Any]) -> None:
    cell = make_cell(name, keys)
    point, weights = drawn(cell)
    written, found = cell.linearise(point), derive(cell, point, weights)
    for one, other in (
        (written.by_product, found.by_product),
        (written.by_drive, found.by_drive),
        (written.by_state, found.by_state),
    ):
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            assert_allclose(other.numpy(), np.broadcast_to(one.numpy(), other.shape), rtol=1e-12, atol=1e-14)


@dataclass(frozen=True)
class Squared(Elman):
    """A cell that is written as an equation alone."""

    def step(self, drive_BG: Tensor, state: State, weights: LayerWeights) -> State:
        (h_BH,) = state
        a_BH = drive_BG + h_BH @ weights["weight_hh"].mT
        return (0.5 * h_BH**2 + a_BH.tanh() * h_BH,)


@dataclass(frozen=True)
class Rolled(Elman):
    """A cell in which a unit sees its neighbour."""

    def step(self, drive_BG: Tensor, state: State, weights: LayerWeights) -> State:
        return ((drive_BG + state[0] @ weights["weight_hh"].mT + state[0].roll(1, dims=-1)).tanh(),)


@dataclass(frozen=True)
class Gain(Elman):
    """A cell in which the recurrent product multiplies."""

    def step(self, drive_BG: Tensor, state: State, weights: LayerWeights) -> State:
        return ((drive_BG * (state[0] @ weights["weight_hh"].mT)).tanh(),)


@dataclass(frozen=True)
class Broken(Elman):
    """A cell that fails."""

    def step(self, drive_BG: Tensor, state: State, weights: LayerWeights) -> State:
        raise KeyError


@dataclass(frozen=True)
class Subclass(GRU):
    """A GRU of one's own: its product with the reset gate is not added to a drive."""

    def step(self, drive_BG: Tensor, state: State, weights: LayerWeights) -> State:
        return super().step(drive_BG, state, weights)


@pytest.mark.parametrize(
    ("cell", "derivable"),
    [
        (Squared(), True),
        (Rolled(), False),
        (Gain(), False),
        (Broken(), False),
        (Subclass(), False),
        (GRU(), False),
        (LSTM(), False),
        (Antisymmetric(), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_it_is_found_out_where_they_would_be_wrong(cell: Cell, derivable: bool) -> None:
    assert can_derive(cell) == derivable
    assert has_partials(cell) == (derivable or type(cell).linearise is not Cell.linearise)


def test_a_jacobian_from_them_is_the_dense_one() -> None:
    cell = Squared()
    point, weights = drawn(cell)
    found = derive(cell, point, weights)
    net, t, b = 1, 2, 3
    own = {name: weight[net] for name, weight in weights.items()}
    dense = torch.func.jacrev(lambda h_H: cell.step(point.drive[net, t, b][None], (h_H[None],), own)[0][0])(
        point.before[0][net, t, b]
    )
    assert found.by_state is not None
    composed = found.by_product[net, t, b, 0, 0][:, None] * own["weight_hh"] + torch.diag(
        found.by_state[net, t, b, 0, 0]
    )
    assert_allclose(composed.numpy(), dense.numpy(), rtol=1e-12, atol=1e-14)
