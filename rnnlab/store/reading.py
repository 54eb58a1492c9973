"""A finished run, opened for reading: its files are read when first asked for, and checked."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnlab.flow.group import find_file
from rnnlab.registry import UnknownNameError
from rnnlab.store.arrays import Arrays, read_arrays
from rnnlab.store.atomic import read_npz
from rnnlab.store.errors import DamagedRunError, MissingRunError, WatchedRunError
from rnnlab.store.folders import RunEntry, is_run_folder, list_runs, look_at
from rnnlab.store.record import file_facts

if TYPE_CHECKING:
    import numpy as np

    from rnnlab.config import Config


class Run:
    """One finished run.

    Attributes:
        path: its folder.
        record: run.json: status, flags, identity, times, versions, summary, and the whole config as plain data.
    """

    def __init__(self, entry: RunEntry) -> None:
        self.path, self.record = entry.path, entry.record
        self._read: dict[str, dict[str, np.ndarray]] = {}

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r}, {self.status})"

    @property
    def status(self) -> str:
        """`completed` or `diverged`; `unfinished` of a loop that is being recorded, or was until it died."""
        return self.record.status

    @property
    def identity(self) -> str:
        """The sha256 of what determines the result."""
        return self.record.identity

    @property
    def summary(self) -> dict[str, Any]:
        """The run in a few numbers, as in the index."""
        return self.record.summary

    @cached_property
    def info(self) -> dict[str, Any]:
        """The record as plain data."""
        return self.record.to_json()

    @cached_property
    def config(self) -> Config:
        """The config it was made from.

        Raises:
            WatchedRunError: it was made by a loop of somebody's own.
        """
        self._require_own("a config to be made again from")
        from rnnlab.config import load_config

        return load_config(self.path / "config.yaml")

    def __getitem__(self, name: str) -> np.ndarray:
        """Give an array by its name, whatever file of the folder it lies in: `grad_norm` (R, L, T), `loss` (batches,).

        Raises:
            UnknownNameError: this run has no such array; a KeyError whose message says which it has.
            DamagedRunError: a file is damaged.
        """
        files = [file for file in self.record.files if file.endswith(".npz") and file != "weights.npz"]
        declared = find_file(name)
        for file in sorted(files, key=lambda file: (file != declared, file != "metrics.npz")):
            if name in self._arrays(file):
                return self._arrays(file)[name]
        known = sorted({known for file in files for known in self._arrays(file)})
        raise UnknownNameError(f"{self.path} has no array '{name}'; it has {', '.join(known)}")

    @property
    def metrics(self) -> dict[str, np.ndarray]:
        """The arrays of metrics.npz by name: `loss` (batches,), `step` (R,), `grad_norm` (R, L, T), ...

        Raises:
            DamagedRunError: the file is damaged.
        """
        return self._arrays("metrics.npz")

    def group(self, name: str) -> dict[str, np.ndarray]:
        """Give the arrays of a group of quantities by name, with the `step` of the records that it measured.

        Raises:
            UnknownNameError: nothing of the kind was measured of this run.
            DamagedRunError: the file is damaged.
        """
        file = "metrics.npz" if name == "base" else f"{name}.npz"
        if file not in self.record.files:
            raise UnknownNameError(f"{self.path} has no {file}: the group '{name}' was not measured")
        return self._arrays(file)

    def _arrays(self, file: str) -> dict[str, np.ndarray]:
        if file not in self._read:
            self._read[file] = read_arrays(self.path / file, self.record.config)
        return self._read[file]

    @cached_property
    def weights(self) -> dict[str, np.ndarray]:
        """The arrays of weights.npz: `initial/<weight>`, `final/<weight>`, `probe/inputs`, `probe/targets`.

        Raises:
            WatchedRunError: it was recorded from a model of somebody's own.
            DamagedRunError: the file is damaged.
        """
        self._require_own("weights or sequences of its own")
        path = self.path / "weights.npz"
        return Arrays(path, read_npz(path))

    def _require_own(self, what: str) -> None:
        if self.record.is_watched:
            raise WatchedRunError(
                f"{self.path} has not {what}: it was recorded from a training loop that rnnlab does not know"
            )

    def verify(self) -> None:
        """Compare every file with its checksum in run.json.

        Raises:
            DamagedRunError: one differs.
        """
        for name, facts in self.record.files.items():
            try:
                differs = file_facts((self.path / name).read_bytes()).sha256 != facts.sha256
            except OSError as error:
                raise DamagedRunError(f"{self.path / name} cannot be read: {error.strerror}") from None
            if differs:
                raise DamagedRunError(f"{self.path / name} has changed since it was written (its checksum differs)")


def open_run(path: str | Path) -> Run:
    """Open a run folder, or the only run of a study folder.

    Raises:
        MissingRunError: there is no run, or more than one; the message says what is there.
        DamagedRunError: the run is not whole.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise MissingRunError(f"there is no folder {folder}")
    if is_run_folder(folder):
        return Run(look_at(folder))
    entries = list_runs(folder)
    if len(entries) == 1:
        return Run(entries[0])
    if entries:
        names = ", ".join(entry.path.name for entry in entries[:3])
        raise MissingRunError(f"{folder} holds {len(entries)} runs; name one of them, e.g. {names}")
    raise MissingRunError(f"{folder} is not a run folder and holds none; rnnlab ls shows what there is")
