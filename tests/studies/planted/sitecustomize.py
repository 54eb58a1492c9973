"""Plants a fault in the workers of a sweep; python imports this by itself where its folder is on PYTHONPATH.

PLANTED is `place kind rate` or `place kind rate marker`: the run with this learning rate misbehaves, and with a
marker - a file that is made then - only the first time. Nothing of rnnlab knows of it: the function to misbehave is
wrapped when its module has been imported.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

Wrapped = Callable[..., Any]

PLACES = {
    "prepare": ("rnnlab.experiment", "prepare"),
    "train": ("rnnlab.training.torch_engine", "TorchSession.advance"),
    "measure": ("rnnlab.studies.results", "make_results"),
    "import": ("rnnlab.studies.executors.local.worker", ""),  # whatever the rate: while the server gets ready
}


def _raise() -> None:
    raise RuntimeError("a planted error")


def _hang() -> None:
    while True:
        time.sleep(1)


def _exceed_memory() -> None:
    import numpy as np

    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (8 * 2**30, hard))
    try:
        np.ones(2**34)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))


KINDS: dict[str, Callable[[], object]] = {
    "raise": _raise,
    "exit": lambda: os._exit(3),
    "segfault": lambda: ctypes.string_at(0),
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "hang": _hang,
    "memory": _exceed_memory,
}


class Plant:
    """One fault, and whose it is."""

    def __init__(self, place: str, kind: str, rate: str, marker: str | None = None) -> None:
        self.module, self.name = PLACES[place]
        self._kind, self._rate, self._marker = kind, float(rate), marker

    def wrap(self, function: Wrapped) -> Wrapped:
        """Let a function misbehave for the chosen run; training only after its first updates."""

        def wrapped(first: Any, *rest: Any) -> Any:
            if self._rate in _rates(first):
                self._misbehave()
            return function(first, *rest)

        return wrapped

    def _misbehave(self) -> None:
        if self._marker is not None:
            if Path(self._marker).exists():
                return
            Path(self._marker).touch()
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        KINDS[self._kind]()

    def set_in(self, module: ModuleType) -> None:
        """Put the wrapped function in the place of the right one."""
        if not self.name:
            self._misbehave()
            return
        *owners, name = self.name.split(".")
        owner: Any = module
        for each in owners:
            owner = getattr(owner, each)
        setattr(owner, name, self.wrap(getattr(owner, name)))


def _rates(first: Any) -> list[float]:
    """Give the learning rates of what a function is called with: a config, a prepared run, a stack in training."""
    if hasattr(first, "_states"):
        return [state.learning_rate for state in first._states] if first.step else []
    return [getattr(first, "config", first).training.learning_rate]


class Planter(MetaPathFinder):
    """Finds the module as everybody does, and sets the plant when it has been executed."""

    def __init__(self, plant: Plant) -> None:
        self._plant, self._busy = plant, False

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Give the module's spec with a loader that plants."""
        if fullname != self._plant.module or self._busy:
            return None
        self._busy = True
        try:
            spec = importlib.util.find_spec(fullname)
        finally:
            self._busy = False
        assert spec is not None
        loader: Any = spec.loader
        execute = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            self._plant.set_in(module)

        loader.exec_module = exec_module
        return spec


if "PLANTED" in os.environ:
    sys.meta_path.insert(0, Planter(Plant(*os.environ["PLANTED"].split())))
