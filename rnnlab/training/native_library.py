"""The compiled kernel, by ctypes: where it lies, which instruction sets it can use here, its functions as Python's.

It is built when rnnlab is installed from source where there is a C++ compiler (setup.py), in float32, which trains, and
in float64, which is the same source to 16 digits. What it can train it says itself, by name. A call releases the GIL.
"""

from __future__ import annotations

import ctypes
import functools
import itertools
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


class KernelRecipe(ctypes.Structure):
    """`Recipe` of kernel.h: what all nets of a session have in common, in the numbers of `Library.numbers`."""

    _fields_ = [
        (name, ctypes.c_int64)
        for name in (
            *("cell", "nonlinearity", "inputs", "hidden", "layers", "outputs"),
            *("timesteps", "batch", "loss", "last_timestep_only", "optimizer"),
        )
    ] + [("leak", ctypes.c_double)]


class KernelNet(ctypes.Structure):
    """`Net` of kernel.h: one net between two calls."""

    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("parameters", "first", "second")),
        *((name, ctypes.c_double) for name in ("rate", "limit")),
        ("step", ctypes.c_int64),
        ("own", ctypes.c_double),
        *((name, ctypes.c_void_p) for name in ("rates", "norms")),
    ]


class Library:
    """The kernel's functions, in one precision and with one of the instruction sets that this processor has."""

    def __init__(self, path: Path, instructions: str | None = None, precision: str = "float32") -> None:
        self._library = ctypes.CDLL(str(path))
        for name in ("build", "instructions", "precision", "cell", "nonlinearity", "loss", "optimizer", "function"):
            getattr(self._library, f"rnnlab_{name}").restype = ctypes.c_char_p
        self._library.rnnlab_refusal.restype = ctypes.c_char_p
        for name in ("recipe_bytes", "net_bytes", "workspace", "train", "gradient", "apply"):
            getattr(self._library, f"rnnlab_{name}").restype = ctypes.c_int64
        self._check_sizes()
        self.build = str(self._library.rnnlab_build().decode())
        self.precision = precision
        kernels = zip(self._names("instructions"), self._names("precision"), strict=True)
        indices = {name: index for index, (name, its) in enumerate(kernels) if its == precision}
        self.available = tuple(indices)
        if instructions is not None and instructions not in indices:
            raise EngineError(f"this processor cannot run '{instructions}'; valid: {', '.join(indices)}")
        self.instructions = instructions or self.available[0]
        self._kernel = ctypes.c_int64(indices[self.instructions])
        self.numbers = {
            name: {text: number for number, text in enumerate(self._names(name))}
            for name in ("cell", "nonlinearity", "loss", "optimizer", "function")
        }
        """By what is numbered, the number of each name that the kernel knows."""

    def _check_sizes(self) -> None:
        """Hold that the structs have the size here that they had for the compiler."""
        for name, ours in (("recipe", KernelRecipe), ("net", KernelNet)):
            theirs = getattr(self._library, f"rnnlab_{name}_bytes")()
            if theirs != ctypes.sizeof(ours):
                raise EngineError(
                    f"the native engine was built from other sources: its {name} has {theirs} bytes, "
                    f"here it has {ctypes.sizeof(ours)}; {_INSTALL}, or use --engine torch"
                )

    def _names(self, what: str) -> list[str]:
        """List the names that the kernel has for the numbers 0, 1, 2, ..."""
        names = (getattr(self._library, f"rnnlab_{what}")(ctypes.c_int64(number)) for number in itertools.count())
        return [name.decode() for name in itertools.takewhile(lambda name: name is not None, names)]

    def workspace(self, recipe: KernelRecipe) -> np.ndarray:
        """Give the memory that a training works in, zeroed as it must be before the first call."""
        import numpy as np  # only here: whether there is a kernel is asked where nothing else of numpy is needed

        size = self._library.rnnlab_workspace(self._kernel, ctypes.byref(recipe))
        return np.zeros(self._accepted(size), dtype=np.uint8)

    def train(
        self, recipe: KernelRecipe, net: KernelNet, workspace: np.ndarray, inputs: np.ndarray, targets: np.ndarray
    ) -> np.ndarray:
        """Make an update with each batch, inputs (N, B, T, I); give the losses, the last of which may not be finite.

        Args:
            recipe: what the kernel was told of the training.
            net: what is trained; its arrays are changed in place.
            workspace: from `workspace`; the nets of a session may share it.
            inputs: contiguous, of the kernel's precision.
            targets: the same, or int64 for a cross-entropy.
        """
        import numpy as np

        losses = np.empty(len(inputs), dtype=self.precision)
        made = self._library.rnnlab_train(
            self._kernel,
            ctypes.byref(recipe),
            ctypes.byref(net),
            address(workspace),
            address(inputs),
            address(targets),
            ctypes.c_int64(len(inputs)),
            address(losses),
        )
        return losses[: self._accepted(made) + 1]

    def gradient(
        self, recipe: KernelRecipe, parameters_P: np.ndarray, inputs_BTI: np.ndarray, targets: np.ndarray
    ) -> tuple[float, np.ndarray]:
        """Give the loss of one batch and its gradient, (P,).

        Args:
            recipe: what the kernel was told of the net.
            parameters_P: laid out as rnnlab.nets.parameters says.
            inputs_BTI: of any precision.
            targets: shape (B, T, O), or classes (B, T).
        """
        import numpy as np

        parameters_P, inputs_BTI = (np.ascontiguousarray(a, self.precision) for a in (parameters_P, inputs_BTI))
        targets = np.ascontiguousarray(targets, np.int64 if targets.ndim == 2 else self.precision)
        workspace = self.workspace(recipe)
        loss, gradient_P = np.empty(1, self.precision), np.empty_like(parameters_P)
        done = self._library.rnnlab_gradient(
            self._kernel,
            ctypes.byref(recipe),
            address(parameters_P),
            address(workspace),
            address(inputs_BTI),
            address(targets),
            address(loss),
            address(gradient_P),
        )
        self._accepted(done)
        return float(loss[0]), gradient_P

    def apply(self, function: str, x: np.ndarray) -> np.ndarray:
        """Take tanh, sigmoid, exp or the reciprocal of each number as the kernel does, in its precision; for tests."""
        assert x.dtype == self.precision
        y = x.copy()
        number, count = ctypes.c_int64(self.numbers["function"][function]), ctypes.c_int64(x.size)
        self._accepted(self._library.rnnlab_apply(self._kernel, number, count, address(x), address(y)))
        return y

    def _accepted(self, returned: int) -> int:
        """Give what a function returned, unless that is a refusal."""
        if returned < 0:
            said = self._library.rnnlab_refusal(ctypes.c_int64(returned)).decode()
            raise EngineError(f"the native engine refuses this training: {said}; use --engine torch")
        return returned


def address(array: np.ndarray) -> ctypes.c_void_p:
    """Give where a contiguous array lies."""
    assert array.flags.c_contiguous
    return ctypes.c_void_p(array.ctypes.data)


def load(instructions: str | None = None, precision: str = "float32") -> Library:
    """Give the kernel with the best instruction set of this processor, or with a given one.

    Raises:
        EngineError: it is not built, or cannot be used here; the message says why and what to do.
    """
    if os.environ.get(SWITCH):
        raise EngineError(f"the native engine is switched off by {SWITCH}; unset it, or use --engine torch")
    return _load(instructions, precision)


@functools.cache
def _load(instructions: str | None, precision: str) -> Library:
    path = _path()
    if path is None:
        raise EngineError(f"the native engine is not built here; {_INSTALL}, or use --engine torch")
    try:
        return Library(path, instructions, precision)
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
