"""What the compiled library refuses by itself, whatever Python asks of it: unknown numbers, structs of other sizes."""

from __future__ import annotations

import ctypes
import itertools
import math
from collections.abc import Iterator

import numpy as np
import pytest

from rnnlab.training import EngineError, native_library
from rnnlab.training.native_engine import kernel_recipe
from tests.training.native_setting import make_recipe, needs_kernel
from tests.training.setting import begin

pytestmark = needs_kernel


def refused() -> Iterator[tuple[dict[str, int], str]]:
    for name in ("cell", "nonlinearity", "loss", "optimizer"):
        for number in (-1, 7):
            yield {name: number}, f"it knows no such {name}"
    for name in ("inputs", "hidden", "layers", "outputs", "timesteps", "batch"):
        yield {name: 0}, "every size must be at least 1"


@pytest.mark.parametrize(("wrong", "said"), list(refused()))
def test_a_recipe_that_the_kernel_does_not_know_is_refused_by_the_kernel(wrong: dict[str, int], said: str) -> None:
    recipe = make_recipe()
    library, x = native_library.load(), np.zeros((1, 8, 6, 1), np.float32)
    told = kernel_recipe(library, recipe, 6)
    parameters_P, workspace = begin(recipe, 0).parameters_P, library.workspace(told)
    for name, number in wrong.items():
        setattr(told, name, number)
    net = native_library.KernelNet(parameters_P.ctypes.data, None, None, 1.0, math.inf, 0)
    with pytest.raises(EngineError, match=f"refuses this training: {said}; use --engine torch"):
        library.workspace(told)
    with pytest.raises(EngineError, match=said):
        library.train(told, net, workspace, x, x)
    with pytest.raises(EngineError, match=said):
        library.gradient(told, parameters_P, x[0], x[0])
    assert net.step == 0


@pytest.mark.parametrize("kernel", [-1, 6, 2**40])
def test_a_kernel_that_is_not_there_is_refused(kernel: int, monkeypatch: pytest.MonkeyPatch) -> None:
    library = native_library.load()
    told = kernel_recipe(library, make_recipe(), 6)
    monkeypatch.setattr(library, "_kernel", ctypes.c_int64(kernel))
    with pytest.raises(EngineError, match="it has no such instruction set"):
        library.workspace(told)
    with pytest.raises(EngineError, match="it has no such instruction set"):
        library.apply("tanh", np.zeros(3, np.float32))


def test_every_number_has_a_name_and_every_name_a_number() -> None:
    numbers = native_library.load().numbers
    assert {kind: list(names.values()) for kind, names in numbers.items()} == {
        kind: list(range(count))
        for kind, count in {"cell": 4, "nonlinearity": 6, "loss": 2, "optimizer": 4, "function": 4}.items()
    }
    assert len(set(itertools.chain(*numbers.values()))) == 18  # tanh and sigmoid are nonlinearities and functions


def test_structs_of_another_size_are_refused_when_the_library_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    path = native_library._path()
    assert path is not None

    class Longer(ctypes.Structure):
        _fields_ = [*native_library.KernelRecipe._fields_, ("more", ctypes.c_double)]

    monkeypatch.setattr(native_library, "KernelRecipe", Longer)
    with pytest.raises(EngineError, match="its recipe has 96 bytes, here it has 104; install rnnlab from"):
        native_library.Library(path)
