"""Several runs as figures compare them: what was swept, and the numbers and arrays of any part of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnlab.figures.names import plain, value_text
from rnnlab.flow.group import find_file, iterate_summaries
from rnnlab.nested import flatten
from rnnlab.store import DamagedRunError
from rnnlab.store.atomic import read_npz, read_npz_shapes
from rnnlab.store.index import flat_config
from rnnlab.store.swept import axis_values, swept_keys

if TYPE_CHECKING:
    from rnnlab.store import Run

RUN = "run"
"""The axis of runs that differ in so much, or so little, that each is a case of its own."""

_NOT_SWEPT = {"seed", RUN}
_FEW = 12


class ComparedRun:
    """A run among others."""

    def __init__(self, run: Run) -> None:
        self.run, self.record, self.path = run, run.record, run.path
        self.flat: dict[str, Any] = flatten(run.record.config)
        self.arrays: dict[str, np.ndarray] = {}

    def read(self, names: Sequence[str]) -> None:
        """Read the arrays of these names that it has.

        Raises:
            DamagedRunError: a file is damaged.
        """
        missing = [name for name in names if name not in self.arrays]
        for file in {find_file(name) or "" for name in missing} & set(self.record.files):
            path = self.path / file
            self.arrays |= read_npz(path, list(read_npz_shapes(path, missing)))

    @property
    def diverged(self) -> bool:
        """Whether it ended by divergence."""
        return self.run.status == "diverged"

    def number(self, name: str) -> float:
        """Give a quantity of the index, NaN where the run has none."""
        value = self.record.summary.get(name)
        return float("nan") if value is None else float(value)


class Collection:
    """Runs of a study, or of several.

    Attributes:
        name: what the figures are headed with.
        runs: that are compared.
        axes: the values that each swept key takes, sorted; `seed` comes last.
    """

    def __init__(self, name: str, runs: Sequence[Run]) -> None:
        self.name, self.runs = plain(name), [ComparedRun(run) for run in runs]
        swept = swept_keys(run.record.config for run in runs)
        for each in self.runs:
            each.flat = flat_config(each.record.config, swept)
        keys, self.bound = self._part_bound(swept)
        if not keys or self._single_cases(keys):
            self._name_runs()
            keys, self.bound = [RUN], {}
        self.axes = axis_values(keys, [run.flat for run in self.runs])

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
        return {repr([run.flat.get(key) for key in keys]) for run in self.runs}

    def _determines(self, other: str, key: str) -> bool:
        return other != "seed" and len(self._values(other, key)) == len(self._values(other))

    def _single_cases(self, keys: list[str]) -> bool:
        """Tell whether a few runs are cases of their own: of several studies, or of keys that are not combined."""
        if len(self.runs) > _FEW:
            return False
        combined = [key for key in keys if key != "seed"]
        possible = np.prod([len(self._values(key)) for key in combined])
        from_studies = len(self._values("name")) > 1 and (bool(self.bound) or len(combined) > 1)
        return from_studies or (len(combined) > 1 and bool(len(self._values(*combined)) <= 0.5 * possible))

    def _name_runs(self) -> None:
        """Name every run by its study, its label and, where that is not enough, its hash."""
        names = [f"{run.flat.get('name')} {run.path.name.rpartition('-')[0]}" for run in self.runs]
        uses = Counter(names)
        for run, name in zip(self.runs, names, strict=True):
            short = name.removesuffix(" default")
            run.flat[RUN] = short if uses[name] == 1 else f"{short} {run.path.name[-12:][:6]}"

    @property
    def swept(self) -> list[str]:
        """The axes apart from the seed."""
        return [key for key in self.axes if key not in _NOT_SWEPT]

    def is_numeric(self, key: str) -> bool:
        """Tell whether an axis has numbers for values."""
        return all(isinstance(value, int | float) and not isinstance(value, bool) for value in self.axes[key])

    @cached_property
    def summaries(self) -> list[str]:
        """The summary numbers that some run has, in the order of their declarations."""
        present = {name for run in self.runs for name, value in run.record.summary.items() if value is not None}
        declared = [summary.name for summary in iterate_summaries()]
        return [name for name in declared if name in present] + sorted(present - set(declared))

    @property
    def trained(self) -> bool:
        """Whether any run was trained at all."""
        return any(run.record.is_watched or run.flat.get("training.batches") for run in self.runs)

    @property
    def diverged(self) -> int:
        """How many of the runs diverged."""
        return sum(run.diverged for run in self.runs)

    @property
    def subtitle(self) -> str:
        """How many runs, over what, and how many of them diverged."""
        words = [f"{len(self.runs)} runs"]
        words += [
            f"{self._axis_text(key)}\N{NO-BREAK SPACE}{_range_text(values)}"
            for key, values in self.axes.items()
            if key != RUN
        ]
        words += [f"{self.diverged}\N{NO-BREAK SPACE}diverged"] if self.diverged else []
        return plain("; ".join(words))

    def _axis_text(self, key: str) -> str:
        return f"{key} (with {', '.join(self.bound[key])})" if key in self.bound else key

    def groups(self, *keys: str | None) -> dict[tuple[Any, ...], list[ComparedRun]]:
        """Part the runs by the values of some axes, in the order of the axes; None stands for no axis."""
        order: list[dict[Any, int]] = [
            {v: i for i, v in enumerate(self.axes[key])} if key else {None: 0} for key in keys
        ]
        parted: dict[tuple[Any, ...], list[ComparedRun]] = {}
        for run in self.runs:
            parted.setdefault(tuple(run.flat.get(key) if key else None for key in keys), []).append(run)
        ranked = sorted(parted, key=lambda place: [ranks[value] for ranks, value in zip(order, place, strict=True)])
        return {place: parted[place] for place in ranked}

    def read(self, names: Sequence[str], complain: Callable[[str], None]) -> None:
        """Read some arrays of every run that has them; a run that turns out damaged is named and left out."""
        whole = []
        for run in self.runs:
            try:
                run.read(names)
                whole.append(run)
            except DamagedRunError as error:
                complain(f"left out: {error}")
        if not whole:
            raise DamagedRunError("none of these runs is whole, so there is nothing to draw")
        self.runs = whole


def _range_text(values: Sequence[Any]) -> str:
    if len(values) <= 3:
        return ",\N{NO-BREAK SPACE}".join(map(value_text, values))
    if all(isinstance(value, int | float) for value in values):
        return f"{value_text(values[0])} to {value_text(values[-1])} ({len(values)})"
    return f"({len(values)})"
