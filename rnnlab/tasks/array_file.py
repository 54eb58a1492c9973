"""Reading the arrays of a person's file: everything that can be wrong with them is said in a sentence.

N sequences, T timesteps, I inputs, O outputs.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from tokenize import TokenError
from typing import TYPE_CHECKING, Any, NamedTuple

from rnnlab.tasks.data_file import DataError
from rnnlab.words import did_you_mean

if TYPE_CHECKING:
    import numpy as np

NAMES = ("inputs", "targets", "lengths", "mask")
_MOST_CLASSES = 100_000
_DAMAGE = (
    ValueError,
    EOFError,
    OSError,
    KeyError,
    RuntimeError,
    SyntaxError,
    TokenError,
    zlib.error,
    zipfile.BadZipFile,
)
"""What numpy lets through of a file that is damaged: found by changing bytes."""
_PICKLED = "it holds Python objects, which only a pickle could hold, and opening one would run code; save numbers only"


class ArrayData(NamedTuple):
    """What a file holds, checked: inputs, targets by timestep, where they count, and the keys that follow from them."""

    inputs_NTI: np.ndarray  # float32
    targets: np.ndarray  # (N, T, O) float32, or (N, T) int64
    counted_NT: np.ndarray  # bool
    facts: dict[str, Any]


def parse(content: bytes, path: Path) -> ArrayData:
    """Make arrays of the content of a file.

    Raises:
        DataError: it is no .npz or .npy file, or its arrays are not as they must be.
    """
    try:
        return _parse(content)
    except ValueError as error:
        raise DataError("file", f"{path}: {error}") from None


def _parse(content: bytes) -> ArrayData:
    import numpy as np

    loaded = _loaded(content)
    if isinstance(loaded, np.ndarray):
        series = _numbers("the series", loaded, ("N", "T + 1", "I"))
        if series.shape[1] < 2:
            raise ValueError(f"the series has shape {series.shape}; to predict a next value, it needs two timesteps")
        given: dict[str, np.ndarray] = {"inputs": series[:, :-1], "targets": series[:, 1:]}
    else:
        given = dict(loaded)
    inputs_NTI = _numbers("inputs", given["inputs"], ("N", "T", "I"), given.get("lengths"))
    examples, timesteps, _ = inputs_NTI.shape
    within_NT = _within(given.get("lengths"), examples, timesteps)
    counted_NT = within_NT & _mask(given.get("mask"), examples, timesteps)
    if not counted_NT.any(axis=1).all():
        raise ValueError(f"sequence {_first(~counted_NT.any(axis=1))} has no timestep at which a target counts")
    inputs_NTI = np.where(within_NT[..., None], inputs_NTI, np.float32(0))
    targets, outputs = _targets(given["targets"], counted_NT)
    facts = {
        "seq_len": timesteps,
        "last_timestep_only": given["targets"].ndim == 1,
        "examples": examples,
        "inputs": inputs_NTI.shape[2],
        "targets": "classes" if targets.dtype == np.int64 else "numbers",
        "outputs": outputs,
        "masked": not bool(counted_NT.all()),
    }
    return ArrayData(inputs_NTI, targets, counted_NT, facts)


def _loaded(content: bytes) -> np.ndarray | Mapping[str, np.ndarray]:
    """Open the file, and see that an .npz holds the arrays that are needed, and none that would be overlooked."""
    import numpy as np

    try:
        loaded = np.load(io.BytesIO(content), allow_pickle=False)
        arrays = loaded if isinstance(loaded, np.ndarray) else {name: loaded[name] for name in loaded.files}
    except _DAMAGE as error:
        if "allow_pickle" in str(error) and content.startswith((b"PK", b"\x93NUMPY", b"\x80")):  # the last: a pickle's
            raise ValueError(_PICKLED) from None
        raise ValueError("this is no whole .npz or .npy file; numpy.savez writes one") from None
    if isinstance(arrays, np.ndarray):
        return arrays
    missing = [name for name in NAMES[:2] if name not in arrays]
    unknown = [name for name in arrays if name not in NAMES]
    if missing or unknown:
        problem = f"there is no array '{missing[0]}'" if missing else f"there is an unknown array '{unknown[0]}'"
        hint = did_you_mean(missing[0], arrays) if missing else did_you_mean(unknown[0], NAMES)
        raise ValueError(
            f"{problem}, among {', '.join(arrays) or 'none'}; needed: inputs and targets; "
            f"optional: lengths and mask{hint}"
        )
    return arrays


def _numbers(name: str, array: np.ndarray, axes: tuple[str, ...], lengths: np.ndarray | None = None) -> np.ndarray:
    """Give numbers as float32, of the shape that they must have, all finite but past a sequence's length."""
    import numpy as np

    if array.dtype.kind not in "fiub":
        raise ValueError(f"{_whose(name)} type {array.dtype}; valid: real numbers")
    if array.ndim != len(axes) or 0 in array.shape:
        raise ValueError(f"{_whose(name)} shape {array.shape}; valid: ({', '.join(axes)}), none of them 0")
    with np.errstate(over="ignore", invalid="ignore"):
        numbers = np.ascontiguousarray(array, dtype=np.float32)
    wrong = ~np.isfinite(numbers)
    if lengths is not None and lengths.ndim == 1 and len(lengths) == len(array) and lengths.dtype.kind in "iu":
        wrong &= (np.arange(array.shape[1]) < lengths[:, None])[..., None]
    _refuse_first(name, array, wrong)
    return numbers


def _refuse_first(name: str, array: np.ndarray, wrong: np.ndarray) -> None:
    """Name the first number that is none, or is too large for float32."""
    import numpy as np

    if wrong.any():
        at = np.unravel_index(int(np.argmax(wrong)), wrong.shape)
        where = ", ".join(map(str, (int(i) for i in at)))
        raise ValueError(
            f"{name}[{where}] is {array[at]}, not a finite number in float32; "
            "where a sequence ends early or has no target, say so with an array 'lengths' or 'mask'"
        )


def _within(lengths: np.ndarray | None, examples: int, timesteps: int) -> np.ndarray:
    """Give which timesteps belong to a sequence, (N, T)."""
    import numpy as np

    if lengths is None:
        return np.ones((examples, timesteps), dtype=bool)
    if lengths.shape != (examples,) or lengths.dtype.kind not in "iu":
        raise ValueError(
            f"{_whose('lengths')} shape {lengths.shape} and type {lengths.dtype}; "
            f"valid: ({examples},) whole numbers, one for each sequence of inputs"
        )
    wrong_N = (lengths < 1) | (lengths > timesteps)
    if wrong_N.any():
        raise ValueError(f"lengths[{_first(wrong_N)}] is {lengths[_first(wrong_N)]}; valid: from 1 to {timesteps}")
    return np.asarray(np.arange(timesteps) < lengths[:, None])


def _mask(mask: np.ndarray | None, examples: int, timesteps: int) -> np.ndarray:
    """Give at which timesteps a target is said to count, (N, T)."""
    import numpy as np

    if mask is None:
        return np.ones((examples, timesteps), dtype=bool)
    if mask.shape != (examples, timesteps) or mask.dtype.kind not in "biuf" or not np.isin(mask, (0, 1)).all():
        raise ValueError(
            f"{_whose('mask')} shape {mask.shape} and type {mask.dtype}; "
            f"valid: ({examples}, {timesteps}), true or 1 where a target counts, false or 0 elsewhere"
        )
    return mask.astype(bool)


def _targets(array: np.ndarray, counted_NT: np.ndarray) -> tuple[np.ndarray, int]:
    """Give targets by timestep, and how many outputs they need; what does not count is 0."""
    import numpy as np

    examples, timesteps = counted_NT.shape
    is_class = array.dtype.kind in "iub"
    shapes = [(examples,), (examples, timesteps)] if is_class else [(examples,), (examples, timesteps, -1)]
    if array.dtype.kind not in "fiub" or not any(_is_shaped(array, shape) for shape in shapes):
        raise ValueError(
            f"{_whose('targets')} shape {array.shape} and type {array.dtype}, and there are {examples} sequences of "
            f"{timesteps} timesteps; valid: ({examples},) or ({examples}, {timesteps}) whole numbers, which are "
            f"classes, and ({examples},) or ({examples}, {timesteps}, O) numbers with a point, such as float32"
        )
    if array.ndim == 1:
        array = np.repeat(array[:, None], timesteps, axis=1)
    if not is_class:
        array = array if array.ndim == 3 else array[..., None]
        with np.errstate(over="ignore", invalid="ignore"):
            numbers_NTO = array.astype(np.float32)
        _refuse_first("targets", array, ~np.isfinite(numbers_NTO) & counted_NT[..., None])
        return np.where(counted_NT[..., None], numbers_NTO, np.float32(0)), array.shape[2]
    classes_NT = np.where(counted_NT, array, 0).astype(np.int64)
    if classes_NT.min() < 0 or classes_NT.max() >= _MOST_CLASSES:
        raise ValueError(
            f"the targets are classes from {classes_NT.min()} to {classes_NT.max()}; "
            f"valid: whole numbers from 0 to {_MOST_CLASSES - 1}"
        )
    return classes_NT, max(2, int(classes_NT.max()) + 1)


def _is_shaped(array: np.ndarray, shape: tuple[int, ...]) -> bool:
    return (
        array.ndim == len(shape)
        and 0 not in array.shape
        and all(wanted in (size, -1) for size, wanted in zip(array.shape, shape, strict=True))
    )


def _whose(name: str) -> str:
    return f"{name} has" if name.startswith("the ") or name == "mask" else f"{name} have"


def _first(wrong_N: np.ndarray) -> int:
    return int(wrong_N.argmax())
