"""What holds for every group: it declares what it computes, for every cell, and cells that it does not know."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from torch import Tensor

from rnnlab.flow.group import GROUPS
from rnnlab.flow.partials import StepPoint, partials
from rnnlab.flow.quantity import Sizes
from rnnlab.nets import Architecture, Elman, LayerWeights, State
from tests.flow.groups.settings import ALL_CELLS, random_problem

OPTIONAL = [name for name, group in GROUPS.items() if name != "base" and not group.of_training]
EVERY_GROUP = pytest.mark.parametrize("group", OPTIONAL)


def test_the_groups_stand_in_their_order() -> None:
    order = ["base", "exponent", "lags", "jacobians", "lyapunov", "split", "bounds", "activity", "updates"]
    assert list(GROUPS) == order
    assert [name for name, group in GROUPS.items() if group.by_default] == ["base", "exponent"]


def test_no_name_is_declared_twice() -> None:
    for kind in ("quantities", "summaries"):
        names = [each.name for group in GROUPS.values() for each in getattr(group, kind)]
        assert len(names) == len(set(names))


@EVERY_GROUP
@ALL_CELLS
def test_arrays_are_those_declared_with_their_axes_and_types(cell: str, nonlinearity: str | None, group: str) -> None:
    problem, _ = random_problem(cell, nonlinearity, 2, False)
    its, net = GROUPS[group], problem.architecture.cell
    arrays = its.compute(problem)
    declared = {each.name: each for each in its.quantities if each.why_absent(net) is None}
    assert set(arrays) == set(declared)
    for name, array in arrays.items():
        assert array.ndim == len(declared[name].axes), name
        assert array.dtype == np.dtype(declared[name].dtype), name
        assert array.shape[:2] == (2, 2), name
        if not declared[name].zero_is_minus_infinity:
            assert np.isfinite(array).all(), name


@EVERY_GROUP
def test_every_quantity_is_explained(group: str) -> None:
    for quantity in GROUPS[group].quantities:
        assert quantity.symbol
        assert quantity.source
        assert quantity.meaning
        assert not quantity.meaning.endswith(".")


@EVERY_GROUP
def test_records_may_be_measured_in_pieces(group: str) -> None:
    problem, _ = random_problem("lstm", None, 2, True, nets=3)
    whole = GROUPS[group].compute(problem)
    pieces = [
        GROUPS[group].compute(replace(problem, weights={name: one[some] for name, one in problem.weights.items()}))
        for some in (slice(0, 1), slice(1, 3))
    ]
    for name, array in whole.items():
        joined = np.concatenate([piece[name] for piece in pieces])
        np.testing.assert_allclose(joined, array, rtol=1e-11, atol=1e-14, err_msg=name)


@EVERY_GROUP
def test_costs_grow_with_the_records(group: str) -> None:
    few, many = (Sizes(records, 1, 10, 32, 5, 32, 500) for records in (2, 51))
    assert 0 < GROUPS[group].training_steps(few) <= GROUPS[group].training_steps(many)


@dataclass(frozen=True)
class Halving(Elman):
    """A cell whose step is not its parent's, and does not work unit by unit."""

    def step(self, drive_BG: Tensor, state: State, weights: LayerWeights) -> State:
        return (0.5 * super().step(drive_BG, state, weights)[0].roll(1, dims=-1),)


@EVERY_GROUP
def test_a_cell_whose_derivatives_are_not_known_lacks_what_is_taken_from_them(group: str) -> None:
    problem, _ = random_problem("elman", "tanh", 1, False)
    other = replace(problem, architecture=Architecture(Halving(), 2, 3, 1, 2))
    arrays = GROUPS[group].compute(other)
    assert set(arrays) == {each.name for each in GROUPS[group].quantities if each.why_absent(Halving()) is None}
    assert bool(arrays) == (group == "bounds")


def test_derivatives_of_an_unknown_cell_are_refused() -> None:
    nothing = Tensor()
    with pytest.raises(TypeError, match="no derivatives are written down for the cell Halving"):
        partials(Halving(), StepPoint(nothing, nothing, (), {}), {})
