"""A finished run, opened for reading: its files are read when first asked for, and checked."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnlab.store.atomic import read_npz
from rnnlab.store.errors import DamagedRunError, MissingRunError
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

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r}, {self.status})"

    @property
    def status(self) -> str:
        """`completed` or `diverged`."""
        return self.record.status

    @property
    def identity(self) -> str:
        """The sha256 of what determines the result."""
        return self.record.identity

    @property
    def summary(self) -> dict[str, Any]:
        """The run in a few numbers, as in the index."""
        return dict(self.record.summary)

    @cached_property
    def info(self) -> dict[str, Any]:
        """The record as plain data."""
        return self.record.to_json()

    @cached_property
    def config(self) -> Config:
        """The config it was made from."""
        from rnnlab.config import load_config

        return load_config(self.path / "config.yaml")

    @cached_property
    def metrics(self) -> dict[str, np.ndarray]:
        """The arrays of metrics.npz by name: `loss` (batches,), `step` (R,), `grad_norm` (R, L, T), ...

        Raises:
            DamagedRunError: the file is damaged.
        """
        return read_npz(self.path / "metrics.npz")

    @cached_property
    def weights(self) -> dict[str, np.ndarray]:
        """The arrays of weights.npz: `initial/<weight>`, `final/<weight>`, `probe/inputs`, `probe/targets`.

        Raises:
            DamagedRunError: the file is damaged.
        """
        return read_npz(self.path / "weights.npz")

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
