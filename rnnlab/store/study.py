"""A whole study, opened for reading: arrays whose leading axes are what was swept, by name.

study = open_study("runs/weight-scale")
study.axes             {'model.nonlinearity': ('identity', 'relu', 'tanh'), 'model.weight_scale': (0.25, ...)}
study["final_loss"]    (3, 10, 5), NaN where there is no run
study["grad_norm"]     (3, 10, 5, R, L, T)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnlab.store.errors import MissingRunError, StoreError
from rnnlab.store.folders import RunEntry, list_runs
from rnnlab.store.index import flat_config, index_rows
from rnnlab.store.reading import Run
from rnnlab.store.swept import axis_values, swept_keys

if TYPE_CHECKING:
    import numpy as np
    import pandas


class Study:
    """The runs of a study folder, or some of them.

    Attributes:
        path: the study folder.
        runs: every whole run.
        damaged: what is wrong with each run folder that is not whole, by its name.
        axes: the values that each swept key takes in these runs, sorted; `seed` comes last.
    """

    def __init__(self, path: Path, entries: Sequence[RunEntry]) -> None:
        self.path, self._entries = path, [entry for entry in entries if not entry.damage]
        self.damaged = {entry.path.name: entry.damage for entry in entries if entry.damage}
        self.runs = [Run(entry) for entry in self._entries]
        keys = swept_keys(run.record.config for run in self.runs)
        self._flat = [flat_config(run.record.config, keys) for run in self.runs]
        self.axes = axis_values(keys, self._flat)

    def __repr__(self) -> str:
        sizes = ", ".join(f"{key}: {len(values)}" for key, values in self.axes.items())
        return f"Study({str(self.path)!r}, {len(self.runs)} runs, {{{sizes}}})"

    def __len__(self) -> int:
        return len(self.runs)

    def __getitem__(self, name: str) -> np.ndarray:
        """Give a number of the summary, or an array of the run folders, of every run.

        Args:
            name: `final_loss`, `initial_spectral_radius`, ..., or `grad_norm`, `loss`, ...

        Returns:
            The swept axes in the order of `axes`, then the array's own; NaN where there is no run or no number.

        Raises:
            KeyError: no run has it.
            StoreError: the runs have it in different shapes.
        """
        import numpy as np

        found = [self._value(run, name) for run in self.runs]
        values = dict(zip(map(self._place, self._flat), found, strict=True))
        shapes = {value.shape for value in values.values() if value is not None}
        if not shapes:
            raise KeyError(name)
        if len(shapes) > 1:
            raise StoreError(
                f"the runs of {self.path} have {name} in different shapes, {sorted(shapes)}; "
                f"choose runs of one shape with select, e.g. study.select({self._of_one_shape(found)!r})"
            )
        kinds = [value.dtype for value in values.values() if value is not None]
        filled = np.full((*map(len, self.axes.values()), *shapes.pop()), np.nan, np.result_type(*kinds, np.float32))
        for place, value in values.items():
            if value is not None:
                filled[place] = value
        return filled

    def select(self, wanted: Mapping[str, Any]) -> Study:
        """Give the study of the runs with these values: `{"model.cell": "lstm", "seed": [0, 1]}`.

        Raises:
            KeyError: no run has the key.
            StoreError: no run has the value, or none of the values.
        """
        known = {key for flat in self._flat for key in flat}
        for key in wanted:
            if key not in known:
                raise KeyError(f"no run has the key '{key}'; swept here: {', '.join(self.axes) or 'nothing'}")
        for key, value in wanted.items():
            there = [flat.get(key) for flat in self._flat]
            if not any(each in there for each in _values_of(value)):
                some = ", ".join(map(str, axis_values([key], self._flat)[key]))
                raise StoreError(f"no run of {self.path} has {key}={value}; they have {some}")
        pairs = zip(self._entries, self._flat, strict=True)
        return Study(self.path, [entry for entry, flat in pairs if _matches(flat, wanted)])

    def to_pandas(self) -> pandas.DataFrame:
        """Give the index as a table, one row a run.

        Raises:
            StoreError: pandas is not installed; the message says how to install it.
        """
        try:
            import pandas as pd
        except ModuleNotFoundError:
            raise StoreError("to_pandas needs pandas: pip install 'rnnlab[pandas]'") from None
        header, rows = index_rows(lambda: self._entries)
        return pd.DataFrame(list(rows), columns=header)

    def _of_one_shape(self, values: Sequence[np.ndarray | None]) -> dict[str, Any]:
        """Give what to select runs of one shape by: the key with the fewest values that tells shapes apart, or all."""
        pairs = [(flat, value.shape) for flat, value in zip(self._flat, values, strict=True) if value is not None]
        telling = [
            key
            for key in self.axes
            if len({flat.get(key) for flat, _ in pairs}) == len({(flat.get(key), shape) for flat, shape in pairs})
        ]
        keys = sorted(telling, key=lambda key: len(self.axes[key]))[:1] or [key for key in self.axes if key != "seed"]
        first = min((flat for flat, _ in pairs), key=self._place)
        return {key: first.get(key) for key in keys}

    def _place(self, flat: Mapping[str, Any]) -> tuple[int, ...]:
        return tuple(values.index(flat.get(key)) for key, values in self.axes.items())

    def _value(self, run: Run, name: str) -> np.ndarray | None:
        import numpy as np

        if name in run.record.summary:
            value = run.record.summary[name]
            return np.array(np.nan if value is None else value)
        try:
            array = run[name]
        except KeyError:
            return None
        if array.dtype.kind not in "fc":
            return array.astype(np.float64) if array.dtype.kind in "iu" else None
        return array


def _matches(flat: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return all(flat.get(key) in _values_of(value) for key, value in wanted.items())


def _values_of(wanted: Any) -> list[Any]:
    """Give one value, or the values of a list, set, range or array, as a list."""
    if hasattr(wanted, "tolist"):  # numpy's
        wanted = wanted.tolist()
    return list(wanted) if isinstance(wanted, list | tuple | range | set | frozenset) else [wanted]


def open_study(path: str | Path) -> Study:
    """Open a study folder; damaged runs are named in `damaged` and left out.

    Raises:
        MissingRunError: there is no such folder, or no run in it.
    """
    folder = Path(path)
    entries = list_runs(folder)
    if not entries:
        raise MissingRunError(f"{folder} holds no runs; rnnlab ls shows what there is")
    return Study(folder, entries)
