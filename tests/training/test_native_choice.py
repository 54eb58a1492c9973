"""When the native engine is taken, and what is said where it cannot be."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rnnlab.nets import Architecture, Elman
from rnnlab.tasks import MeanSquaredError
from rnnlab.training import EngineError, available_engines, choose_engine, make_engine, native_library
from rnnlab.training.native_engine import NativeEngine
from rnnlab.training.native_library import SWITCH
from rnnlab.training.optimizers import SGD
from rnnlab.training.torch_engine import TorchEngine
from tests.training.native_setting import CELLS, make_recipe, needs_kernel, train
from tests.training.setting import begin


@needs_kernel
def test_no_nets_are_refused() -> None:
    with pytest.raises(ValueError, match="a stack needs at least one net"):
        NativeEngine().open(make_recipe(), [])


@needs_kernel
def test_a_class_that_does_not_exist_is_an_error() -> None:
    recipe = make_recipe(sizes=(1, 3), classes=True)
    wrong = replace(recipe, sample=lambda g, n: (np.zeros((n, 6, 1), np.float32), np.full((n, 6), 3)))
    with pytest.raises(ValueError, match=r"classes from 3 to 3, but the net has outputs for 0 to 2"):
        train(NativeEngine(), wrong, [begin(recipe, 0)])


class Leaky(Elman):
    """Has the name of what the kernel knows, and another step."""


class Momentum(SGD):
    name = "momentum"


class Deviation(MeanSquaredError):  # noqa: N818 (its base is called an error)
    name = "mean absolute error"


def softplus(z: torch.Tensor) -> torch.Tensor:
    return z.exp().log1p()


UNKNOWN: dict[str, dict[str, Any]] = {
    "cell 'elman' of tests.training.test_native_choice": {"architecture": Architecture(Leaky(), 1, 5, 1, 1)},
    "nonlinearity '<function softplus at .*>'": {"architecture": Architecture(Elman(softplus), 1, 5, 1, 1)},
    "loss 'mean absolute error'": {"sequence_loss": Deviation()},
    "loss '<function softplus at .*>'": {"sequence_loss": softplus},
    "optimizer 'momentum'": {"optimizer": Momentum()},
}


@needs_kernel
@pytest.mark.parametrize("unknown", list(UNKNOWN))
def test_what_only_torch_knows_auto_gives_to_torch_and_native_refuses_with_what_to_do(unknown: str) -> None:
    recipe = replace(make_recipe(), **UNKNOWN[unknown])
    assert make_engine("auto", "cpu", recipe.needs).name == choose_engine(needs=recipe.needs) == "torch"
    assert available_engines(recipe.needs) == ["torch"]
    assert TorchEngine().supports(recipe) is None
    sentence = rf"the native engine does not know the {unknown}, only .*; use --engine torch"
    assert re.fullmatch(sentence, str(NativeEngine().supports(recipe)))
    with pytest.raises(EngineError, match=sentence):
        choose_engine("native", needs=recipe.needs)
    with pytest.raises(EngineError, match=sentence):
        NativeEngine().open(recipe, [begin(recipe, 0)])


@needs_kernel
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("classes", [False, True])
@pytest.mark.parametrize(("cell", "nonlinearity"), CELLS)
def test_what_the_kernel_knows_auto_gives_to_it(
    cell: str, nonlinearity: str | None, classes: bool, optimizer: str
) -> None:
    recipe = make_recipe(cell, nonlinearity, classes=classes, optimizer=optimizer)
    assert choose_engine("auto", needs=recipe.needs) == choose_engine("native", needs=recipe.needs) == "native"
    assert choose_engine("torch", needs=recipe.needs) == "torch"
    assert choose_engine("auto", "auto", recipe.needs) == "torch", "a device of choice is PyTorch's"
    assert NativeEngine().supports(recipe) is None


def test_choosing_imports_no_torch() -> None:
    """As `sweep` does while its workers start."""
    code = (
        "import sys; from rnnlab.nets import make_cell; from rnnlab.tasks import MeanSquaredError;"
        "from rnnlab.training import Needs, choose_engine, make_optimizer;"
        "choose_engine('auto', 'cpu', Needs(make_cell('gru'), MeanSquaredError(), make_optimizer('adam')));"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.skipif(
    native_library._path() is None or SWITCH in os.environ, reason="the native engine is not built here"
)
def test_what_is_built_can_be_loaded() -> None:
    """Else every test of it would be left out."""
    assert native_library.missing() is None


@needs_kernel
def test_an_unknown_instruction_set_is_an_error_that_lists_the_valid_ones() -> None:
    with pytest.raises(EngineError, match=r"this processor cannot run 'mmx'; valid: .*baseline"):
        NativeEngine("mmx")


@needs_kernel
def test_cuda_is_not_for_the_native_engine() -> None:
    with pytest.raises(EngineError, match="trains on the CPU; use --device cpu, or --engine torch"):
        make_engine("native", "cuda")


@needs_kernel
def test_the_automatic_engine_is_the_native_one() -> None:
    assert make_engine().name == "native"


def test_switched_off_the_automatic_engine_is_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(native_library.SWITCH, "1")
    assert make_engine().name == "torch"
    with pytest.raises(EngineError, match="switched off by RNNLAB_NO_NATIVE; unset it, or use --engine torch"):
        make_engine("native")


def test_not_built_is_an_error_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(native_library.SWITCH, raising=False)
    monkeypatch.setattr(native_library, "_path", lambda: None)
    native_library._load.cache_clear()
    with pytest.raises(EngineError, match=r"not built here; install rnnlab from source .* or use --engine torch"):
        make_engine("native")
    assert make_engine().name == "torch"
    native_library._load.cache_clear()


def test_a_broken_library_is_an_error_that_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "_native.so"
    broken.write_bytes(b"not a library")
    monkeypatch.delenv(native_library.SWITCH, raising=False)
    monkeypatch.setattr(native_library, "_path", lambda: broken)
    native_library._load.cache_clear()
    with pytest.raises(EngineError, match=r"cannot be loaded \(.*\); install rnnlab from source"):
        make_engine("native")
    native_library._load.cache_clear()
