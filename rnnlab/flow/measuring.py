"""Everything that is recorded of a run, group by group, from its stack of snapshots and its probe sequences.

What there is to measure is declared in `rnnlab/flow/groups/`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from rnnlab.flow.group import GROUPS, Group, default_groups
from rnnlab.flow.problem import Problem
from rnnlab.flow.quantity import RECORD, Quantity

_CHUNK_BYTES = 32 * 2**20
"""States and gradients of so many snapshots at once: large enough to hide overhead, small enough for any machine."""


@dataclass(frozen=True)
class Measured:
    """What was measured of the snapshots of a run.

    Attributes:
        groups: the arrays of each group by name, records first.
        flags: what left the range of float64: `underflow` (a gradient fell below it), `overflow` (something is
            infinite or NaN).
    """

    groups: dict[str, dict[str, np.ndarray]]
    flags: list[str]

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays of all groups by name."""
        return {name: array for arrays in self.groups.values() for name, array in arrays.items()}


def measure(
    problem: Problem,
    records: Mapping[str, Sequence[int]] | None = None,
    *,
    on_chunk: Callable[[], None] = lambda: None,
) -> Measured:
    """Measure the snapshots of a run on its probe sequences, all in float64.

    Args:
        problem: the weights of every record that was reached, and the sequences.
        records: which groups to measure, by name, and at which records; those that were not reached are left out.
            By default those that are measured of every run, at the records that they choose.
        on_chunk: called between pieces of work; it may raise to stop.
    """
    count, timesteps = len(problem.weights["readout_bias"]), problem.inputs_BTI.shape[1]
    wanted = (
        {name: group.records(count, timesteps) for name, group in default_groups().items()}
        if records is None
        else records
    )
    reached = {name: tuple(record for record in each if record < count) for name, each in wanted.items()}
    parts: dict[str, list[dict[str, np.ndarray]]] = {name: [] for name in wanted}
    underflow = False
    for some in dict.fromkeys(reached.values()):
        together = [GROUPS[name] for name in wanted if reached[name] == some]
        for piece in _pieces(problem, some):
            on_chunk()
            for group in together:
                parts[group.name].append(group.compute(piece))
                underflow |= group.underflows(piece)
    groups = {name: _join(GROUPS[name], parts[name]) for name in wanted}
    overflow = any(_overflows(GROUPS[name], arrays) for name, arrays in groups.items())
    flags = [name for name, is_raised in (("underflow", underflow), ("overflow", overflow)) if is_raised]
    return Measured(groups, flags)


def _pieces(problem: Problem, records: Sequence[int]) -> Iterator[Problem]:
    """Cut the chosen records into pieces of bounded memory."""
    chunk = _chunk_size(problem)
    for start in range(0, len(records), chunk):
        some = list(records[start : start + chunk])
        yield replace(problem, weights={name: weight[some] for name, weight in problem.weights.items()})


def _join(group: Group, parts: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    declared = {quantity.name: quantity for quantity in group.quantities}
    joined = {}
    for name in parts[0]:
        if name not in declared:
            raise ValueError(f"the group '{group.name}' computes '{name}', which is none of its quantities")
        is_recorded = declared[name].axes[0] is RECORD
        joined[name] = np.concatenate([part[name] for part in parts]) if is_recorded else np.asarray(parts[0][name])
        if joined[name].ndim != len(declared[name].axes):
            raise ValueError(f"'{name}' is declared as {declared[name].shape}, and its shape is {joined[name].shape}")
        joined[name] = _as_declared(joined[name], declared[name])
    return joined


def _as_declared(array: np.ndarray, quantity: Quantity) -> np.ndarray:
    """Give an array its declared type, in which it is read again; whole numbers do for a quantity of real ones."""
    if not np.can_cast(array.dtype, quantity.dtype, "same_kind"):
        raise ValueError(f"'{quantity.name}' is declared as {quantity.shape}, and its type is {array.dtype}")
    return array if array.dtype.kind == "U" else array.astype(quantity.dtype, copy=False)


def _overflows(group: Group, arrays: Mapping[str, np.ndarray]) -> bool:
    """Tell whether something is infinite or NaN that should not be."""
    may_be_infinite = {quantity.name for quantity in group.quantities if quantity.zero_is_minus_infinity}
    numbers = (array for name, array in arrays.items() if array.dtype.kind in "fc" and name not in may_be_infinite)
    return not all(np.isfinite(array).all() for array in numbers)


def _chunk_size(problem: Problem) -> int:
    """Choose how many snapshots to take at once, by sizes alone, so that the same run is always cut alike."""
    architecture = problem.architecture
    sequences, timesteps, _ = problem.inputs_BTI.shape
    states = architecture.layers * architecture.hidden_size * (architecture.cell.gates + 3)
    return max(1, _CHUNK_BYTES // int(8 * sequences * timesteps * states))
