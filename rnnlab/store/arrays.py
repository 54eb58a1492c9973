"""The arrays of a run's files, held against what is declared: what does not fit is damage, and named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnlab.flow.group import GROUPS
from rnnlab.flow.quantity import BATCH, LAYER, RECORD, Quantity
from rnnlab.nested import flatten
from rnnlab.store.atomic import read_npz
from rnnlab.store.errors import DamagedRunError, MissingPartError

if TYPE_CHECKING:
    import numpy as np

_CONFIGURED = {LAYER.name: "model.layers", BATCH.name: "training.batches"}
"""Axes whose length a key of the config says."""


class Arrays(dict[str, "np.ndarray"]):
    """The arrays of one file by name; asked for one that it lacks, it says so."""

    def __init__(self, path: Path, arrays: Mapping[str, np.ndarray]) -> None:
        super().__init__(arrays)
        self._path = path

    def __missing__(self, name: str) -> np.ndarray:
        raise MissingPartError(f"{self._path} has no array '{name}'", self._path)


def read_arrays(path: Path, config: Mapping[str, Any], names: Sequence[str] | None = None) -> Arrays:
    """Read the arrays of a file of a run, or some of them.

    Args:
        path: the file.
        config: of the run, as plain data.
        names: which; all by default.

    Raises:
        DamagedRunError: the file is damaged, or an array is not of the kind or the shape that is declared.
    """
    arrays = read_npz(path, names)
    declared = {
        quantity.name: quantity for group in GROUPS.values() if group.file == path.name for quantity in group.quantities
    }
    found = [(declared[name], array) for name, array in arrays.items() if name in declared]
    lengths: dict[tuple[str, str], int] = {}
    for quantity, array in found:
        _check(path, quantity, array, lengths, flatten(dict(config)))
    return Arrays(path, arrays)


def _check(
    path: Path,
    quantity: Quantity,
    array: np.ndarray,
    lengths: dict[tuple[str, str], int],
    config: Mapping[str, Any],
) -> None:
    """Hold an array against its declaration and against those before it: the same axis of a table has one length."""
    if array.dtype.kind != quantity.dtype[0] or array.ndim != len(quantity.axes):
        raise DamagedRunError(
            f"{path} is damaged ('{quantity.name}' is {array.dtype} of shape {array.shape}, not {quantity.shape})"
        )
    for axis, length in zip(quantity.axes, array.shape, strict=True):
        table = "" if axis is RECORD else quantity.table.name
        known = lengths.setdefault((table, axis.name), length)
        said = config.get(_CONFIGURED.get(axis.name, ""), known)
        if length != known or length != said or (length == 0 and not axis.may_be_empty):
            raise DamagedRunError(
                f"{path} is damaged ('{quantity.name}' has {length} places along its {axis.name}, not {said or known})"
            )
