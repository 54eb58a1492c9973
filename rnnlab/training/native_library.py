"""The compiled kernel, by ctypes: where it lies, which instruction sets it can use here, its functions as Python's.

It is built when rnnlab is installed from source where there is a C++ compiler (setup.py). A call releases the GIL.
"""

from __future__ import annotations

import ctypes
import functools
import os
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import TYPE_CHECKING

from rnnlab.training.errors import EngineError

if TYPE_CHECKING:
    import numpy as np

SWITCH = "RNNLAB_NO_NATIVE"
"""With this variable set in the environment, rnnlab does as if the kernel were not built."""

_INSTALL = "install rnnlab from source where there is a C++ compiler (pip install --force-reinstall --no-deps .)"

FUNCTIONS = ("tanh", "sigmoid", "exp")


class Recipe(ctypes.Structure):
    """kernel.h: what all nets of a session have in common."""

    _fields_ = [
        (name, ctypes.c_int64)
        for name in (
            *("cell", "nonlinearity", "inputs", "hidden", "layers", "outputs"),
            *("timesteps", "batch", "loss", "last_timestep_only", "optimizer"),
        )
    ]


class Net(ctypes.Structure):
    """kernel.h: one net between two calls."""

    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("parameters", "first", "second")),
        *((name, ctypes.c_double) for name in ("rate", "limit")),
        ("step", ctypes.c_int64),
    ]


class Library:
    """The kernel's functions, with one of the instruction sets that this processor has."""

    def __init__(self, path: Path, instructions: str | None = None) -> None:
        self._library = ctypes.CDLL(str(path))
        self._library.rnnlab_instructions.restype = ctypes.c_char_p
        self._library.rnnlab_build.restype = ctypes.c_char_p
        self._library.rnnlab_workspace.restype = ctypes.c_int64
        self._library.rnnlab_train.restype = ctypes.c_int64
        self.build = str(self._library.rnnlab_build().decode())
        self.available = self._list_instructions()
        if instructions is not None and instructions not in self.available:
            raise EngineError(f"this processor cannot run '{instructions}'; valid: {', '.join(self.available)}")
        self.instructions = instructions or self.available[0]
        self._index = ctypes.c_int64(self.available.index(self.instructions))

    def _list_instructions(self) -> tuple[str, ...]:
        names = (self._library.rnnlab_instructions(ctypes.c_int64(index)) for index in range(8))
        return tuple(name.decode() for name in names if name is not None)

    def workspace(self, recipe: Recipe) -> np.ndarray:
        """Give the memory that a training works in, zeroed as it must be before the first call."""
        import numpy as np  # only here: whether there is a kernel is asked where nothing else of numpy is needed

        return np.zeros(self._library.rnnlab_workspace(self._index, ctypes.byref(recipe)), dtype=np.float32)

    def train(
        self, recipe: Recipe, net: Net, workspace: np.ndarray, inputs: np.ndarray, targets: np.ndarray
    ) -> np.ndarray:
        """Make an update with each batch, inputs (N, B, T, I); give the losses, the last of which may not be finite.

        Args:
            recipe: what the kernel was told of the training.
            net: what is trained; its arrays are changed in place.
            workspace: from `workspace`; the nets of a session may share it.
            inputs: contiguous float32.
            targets: contiguous float32, or int64 for a cross-entropy.
        """
        import numpy as np

        losses = np.empty(len(inputs), dtype=np.float32)
        made = self._library.rnnlab_train(
            self._index,
            ctypes.byref(recipe),
            ctypes.byref(net),
            address(workspace),
            address(inputs),
            address(targets),
            ctypes.c_int64(len(inputs)),
            address(losses),
        )
        return losses[: made + 1]

    def apply(self, function: str, x: np.ndarray) -> np.ndarray:
        """Take tanh, sigmoid or exp of each number as the kernel does, float32; for tests."""
        y = x.copy()
        which, count = ctypes.c_int64(FUNCTIONS.index(function)), ctypes.c_int64(x.size)
        self._library.rnnlab_apply(self._index, which, count, address(x), address(y))
        return y


def address(array: np.ndarray) -> ctypes.c_void_p:
    """Give where a contiguous array lies."""
    assert array.flags.c_contiguous
    return ctypes.c_void_p(array.ctypes.data)


def load(instructions: str | None = None) -> Library:
    """Give the kernel with the best instruction set of this processor, or with a given one.

    Raises:
        EngineError: it is not built, or cannot be used here; the message says why and what to do.
    """
    if os.environ.get(SWITCH):
        raise EngineError(f"the native engine is switched off by {SWITCH}; unset it, or use --engine torch")
    return _load(instructions)


@functools.cache
def _load(instructions: str | None) -> Library:
    path = _path()
    if path is None:
        raise EngineError(f"the native engine is not built here; {_INSTALL}, or use --engine torch")
    try:
        return Library(path, instructions)
    except (OSError, AttributeError) as error:
        raise EngineError(f"the native engine cannot be loaded ({error}); {_INSTALL}, or use --engine torch") from error


def _path() -> Path | None:
    folder = Path(__file__).parent
    candidates = [folder / f"_native{suffix}" for suffix in EXTENSION_SUFFIXES]
    return next((path for path in candidates if path.exists()), None)


def missing() -> str | None:
    """Say why there is no native engine here, or None where there is one."""
    try:
        load()
    except EngineError as error:
        return str(error)
    return None
