"""Groups of quantities: what is computed together, and which of them a run has.

A group is one file of `rnnlab/flow/groups/`, which declares its quantities (rnnlab.flow.quantity) and computes them.
Nothing here imports numpy or PyTorch: `rnnlab ls` and `--help` read the declarations too.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from rnnlab.flow.quantity import Arrays, Quantity, Sizes, Summary, Table
from rnnlab.registry import Registry, UnknownNameError
from rnnlab.words import unknown_name

if TYPE_CHECKING:
    import numpy as np

    from rnnlab.flow.problem import Problem


class Group(ABC):
    """Quantities that are computed together: one file of `rnnlab/flow/groups/`.

    Attributes:
        name: what messages call it.
        place: where it stands in lists.
        by_default: whether it is measured of every run, unasked.
        of_training: whether it needs what training itself tells, and not the weights of records alone.
    """

    name: ClassVar[str]
    place: ClassVar[int] = 100
    by_default: ClassVar[bool] = True
    of_training: ClassVar[bool] = False
    quantities: ClassVar[tuple[Quantity, ...]]
    summaries: ClassVar[tuple[Summary, ...]] = ()

    @property
    def file(self) -> str:
        """The file of a run folder that holds its arrays."""
        return f"{self.name}.npz"

    @abstractmethod
    def compute(self, problem: Problem) -> dict[str, np.ndarray]:
        """Measure some records of a run: arrays by name, records first, those that the cell has."""

    @abstractmethod
    def training_steps(self, sizes: Sizes) -> float:
        """Estimate what computing costs, in updates of the same net."""

    def records(self, count: int, _timesteps: int) -> Sequence[int]:
        """Choose which of so many records are measured, the first among them, rising: here all.

        Who measures gives `compute` the weights of these alone, and writes their `step` into the group's file. A group
        whose cost grows faster than T may choose fewer of long sequences.
        """
        return range(count)

    def underflows(self, _problem: Problem) -> bool:
        """Tell whether a number fell below the range of float64 where it should not have."""
        return False

    def bytes(self, sizes: Sizes) -> int:
        """Estimate the size of its arrays in memory and in the run folder."""
        return sum(quantity.bytes(sizes) for quantity in self.quantities)

    def summarise(self, arrays: Arrays, floors: Mapping[str, float]) -> dict[str, float | None]:
        """Give its summary numbers, first those of the whole run, then by record; None for what is not finite."""
        import numpy as np

        by_record = sorted(self.summaries, key=lambda summary: (None, 0, -1).index(summary.record))
        with np.errstate(all="ignore"):  # what has exploded has no ratio, and that is no warning
            found = {
                each.name: each.take(arrays, floors) for each in by_record if not each.needs or each.needs in arrays
            }
        return {
            name: None if value is None or not math.isfinite(value) else float(value) for name, value in found.items()
        }


GROUPS: Registry[Group] = Registry("group of quantities", "rnnlab.flow.groups")
"""Every group, `base` first."""


def default_groups() -> dict[str, Group]:
    """Give the groups that are measured of every run, by name."""
    return {name: group for name, group in GROUPS.items() if group.by_default}


ALL = "all"
"""Stands for every group, where groups are named."""


def named_groups(names: str | Sequence[str]) -> list[str]:
    """Take a list of groups apart: text with commas between the names, or a list of them; `all` stands for every one.

    Raises:
        ValueError: there is no such group; the message lists what there is, and names the nearest.
    """
    each = [name.strip() for name in names.split(",") if name.strip()] if isinstance(names, str) else list(names)
    known = addable_groups()
    if not each:
        raise ValueError(f"this names no group of quantities; valid: {', '.join([*known, ALL])}")
    for name in each:
        if name not in known and name != ALL:
            raise ValueError(unknown_name("group of quantities", name, [*known, ALL]))
    return list(known) if ALL in each else [name for name in known if name in each]


def wanted_groups(quantities: str | None) -> dict[str, Group]:
    """Give the groups that a run records, by name: those of every run, and those that `record.quantities` names."""
    named = set() if quantities is None else set(named_groups(quantities))
    return {name: group for name, group in GROUPS.items() if group.by_default or name in named}


def missing_groups(quantities: str | None, files: Collection[str]) -> list[str]:
    """Name the groups that `record.quantities` names and a run with these files has not got.

    What every run records now, and one of an older version lacks, is none of them: nobody has asked for it.
    """
    names = [] if quantities is None else named_groups(quantities)
    return [name for name in names if GROUPS[name].file not in files]


def addable_groups() -> dict[str, Group]:
    """Give the groups that a finished run can gain, by name: all but the first, which every run has."""
    return dict(list(GROUPS.items())[1:])


def iterate_quantities() -> Iterator[Quantity]:
    """Give every quantity of every group, in order."""
    return (quantity for group in GROUPS.values() for quantity in group.quantities)


def iterate_summaries() -> Iterator[Summary]:
    """Give every summary number of every group, in the order of the index."""
    return (summary for group in GROUPS.values() for summary in group.summaries)


def find_quantity(name: str) -> Quantity:
    """Give a quantity by its name.

    Raises:
        UnknownNameError: there is none; the message lists what there is.
    """
    named = {quantity.name: quantity for quantity in iterate_quantities()}
    if name not in named:
        raise UnknownNameError(f"there is no quantity '{name}'; valid: {', '.join(named)}")
    return named[name]


def find_file(name: str) -> str | None:
    """Give the file of a run folder that holds a quantity; None where it is declared nowhere."""
    return next((group.file for group in GROUPS.values() if any(each.name == name for each in group.quantities)), None)


def declared_tables() -> dict[str, Table]:
    """Give the tables of all quantities by name, in order."""
    return {quantity.table.name: quantity.table for quantity in iterate_quantities()}
