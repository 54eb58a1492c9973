"""Many runs as figures need them: what was swept, and the quantities and arrays of any group of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnlab.figures.quantities import value_text
from rnnlab.figures.subject import plain
from rnnlab.flow.quantity import iterate_summaries
from rnnlab.nested import flatten
from rnnlab.store import DamagedRunError
from rnnlab.store.atomic import read_npz
from rnnlab.store.index import varied_keys

if TYPE_CHECKING:
    from rnnlab.store import Run

RUN = "run"
"""The axis of runs that differ in so much, or so little, that each is a case of its own."""

_NOT_SWEPT = {"seed", RUN}
_FEW = 12


class Member:
    """A run among others."""

    def __init__(self, run: Run) -> None:
        self.run, self.info, self.path = run, run.info, run.path
        self.flat: dict[str, Any] = flatten(run.info["config"])
        self.arrays: dict[str, np.ndarray] = {}

    @property
    def diverged(self) -> bool:
        """Whether it ended by divergence."""
        return self.run.status == "diverged"

    def number(self, name: str) -> float:
        """Give a quantity of the index, NaN where the run has none."""
        value = self.info["summary"].get(name)
        return float("nan") if value is None else float(value)


class Collection:
    """Runs of a study, or of several.

    Attributes:
        name: what the figures are headed with.
        members: the runs.
        axes: the values that each swept key takes, sorted; `seed` comes last.
    """

    def __init__(self, name: str, runs: Sequence[Run]) -> None:
        self.name, self.members = plain(name), [Member(run) for run in runs]
        keys = varied_keys(run.info["config"] for run in runs)
        if len({member.flat.get("seed") for member in self.members}) > 1:
            keys.append("seed")
        keys, self.bound = self._part_bound(keys)
        if not keys or self._single_cases(keys):
            self._name_runs()
            keys, self.bound = [RUN], {}
        self.axes = {key: _sorted_values(member.flat.get(key) for member in self.members) for key in keys}

    def _part_bound(self, keys: list[str]) -> tuple[list[str], dict[str, list[str]]]:
        """Part the keys from those that another one determines, as model.cell does model.nonlinearity."""
        free = list(keys)
        for key in sorted(keys, key=lambda key: (len(self._values(key)), -keys.index(key))):
            if key != "seed" and any(self._determines(other, key) for other in free if other != key):
                free.remove(key)
        bound: dict[str, list[str]] = {}
        for key in keys:
            if key not in free:
                bound.setdefault(next(other for other in free if self._determines(other, key)), []).append(key)
        return free, bound

    def _values(self, *keys: str) -> set[str]:
        return {repr([member.flat.get(key) for key in keys]) for member in self.members}

    def _determines(self, other: str, key: str) -> bool:
        return other != "seed" and len(self._values(other, key)) == len(self._values(other))

    def _single_cases(self, keys: list[str]) -> bool:
        """Tell whether a few runs are cases of their own: of several studies, or of keys that are not combined."""
        if len(self.members) > _FEW:
            return False
        combined = [key for key in keys if key != "seed"]
        possible = np.prod([len(self._values(key)) for key in combined])
        from_studies = len(self._values("name")) > 1 and (bool(self.bound) or len(combined) > 1)
        return from_studies or (len(combined) > 1 and bool(len(self._values(*combined)) <= 0.5 * possible))

    def _name_runs(self) -> None:
        """Name every run by its study, its label and, where that is not enough, its hash."""
        names = [f"{member.flat.get('name')} {member.path.name.rpartition('-')[0]}" for member in self.members]
        uses = Counter(names)
        for member, name in zip(self.members, names, strict=True):
            short = name.removesuffix(" default")
            member.flat[RUN] = short if uses[name] == 1 else f"{short} {member.path.name[-12:][:6]}"

    @property
    def swept(self) -> list[str]:
        """The axes apart from the seed."""
        return [key for key in self.axes if key not in _NOT_SWEPT]

    def is_numeric(self, key: str) -> bool:
        """Tell whether an axis has numbers for values."""
        return all(isinstance(value, int | float) and not isinstance(value, bool) for value in self.axes[key])

    @cached_property
    def quantities(self) -> list[str]:
        """The quantities of the index that some run has."""
        present = {
            name for member in self.members for name, value in member.info["summary"].items() if value is not None
        }
        declared = [summary.name for summary in iterate_summaries()]
        return [name for name in declared if name in present] + sorted(present - set(declared))

    @property
    def diverged(self) -> int:
        """How many of the runs diverged."""
        return sum(member.diverged for member in self.members)

    @property
    def subtitle(self) -> str:
        """How many runs, over what, and how many of them diverged."""
        words = [f"{len(self.members)} runs"]
        words += [
            f"{self._axis_text(key)}\N{NO-BREAK SPACE}{_range_text(values)}"
            for key, values in self.axes.items()
            if key != RUN
        ]
        words += [f"{self.diverged}\N{NO-BREAK SPACE}diverged"] if self.diverged else []
        return plain("; ".join(words))

    def _axis_text(self, key: str) -> str:
        return f"{key} (with {', '.join(self.bound[key])})" if key in self.bound else key

    def groups(self, *keys: str | None) -> dict[tuple[Any, ...], list[Member]]:
        """Part the runs by the values of some axes, in the order of the axes; None stands for no axis."""
        order: list[dict[Any, int]] = [
            {v: i for i, v in enumerate(self.axes[key])} if key else {None: 0} for key in keys
        ]
        parted: dict[tuple[Any, ...], list[Member]] = {}
        for member in self.members:
            parted.setdefault(tuple(member.flat.get(key) if key else None for key in keys), []).append(member)
        ranked = sorted(parted, key=lambda place: [ranks[value] for ranks, value in zip(order, place, strict=True)])
        return {place: parted[place] for place in ranked}

    def read(self, names: Sequence[str], complain: Callable[[str], None]) -> None:
        """Read some arrays of every run; a run that turns out damaged is named and left out."""
        whole = []
        for member in self.members:
            try:
                missing = [name for name in names if name not in member.arrays]
                if missing:
                    member.arrays |= _read(member.path / "metrics.npz", missing)
                whole.append(member)
            except DamagedRunError as error:
                complain(f"left out: {error}")
        if not whole:
            raise DamagedRunError("none of these runs is whole, so there is nothing to draw")
        self.members = whole


def _read(path: Path, names: Sequence[str]) -> Mapping[str, np.ndarray]:
    if names == ["cell_grad_norm"] or "cell_grad_norm" in names:
        every = read_npz(path)
        return {name: every[name] for name in names if name in every}
    return read_npz(path, names)


def _sorted_values(values: Iterable[Any]) -> tuple[Any, ...]:
    """Sort values that may be numbers, words or null: numbers first, then words."""
    return tuple(sorted(set(values), key=lambda value: (value is None, isinstance(value, str), value or 0)))


def _range_text(values: Sequence[Any]) -> str:
    if len(values) <= 3:
        return ",\N{NO-BREAK SPACE}".join(map(value_text, values))
    if all(isinstance(value, int | float) for value in values):
        return f"{value_text(values[0])} to {value_text(values[-1])} ({len(values)})"
    return f"({len(values)})"
