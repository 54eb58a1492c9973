"""When the native engine is taken, and what is said where it cannot be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rnnlab.training import EngineError, make_engine, native_library
from rnnlab.training.native_engine import NativeEngine
from tests.training.native_setting import make_recipe, needs_kernel, train
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


@needs_kernel
def test_an_unknown_loss_is_an_error_that_says_what_to_do() -> None:
    recipe = replace(make_recipe(), sequence_loss=lambda predictions, targets: (predictions - targets).abs())
    with pytest.raises(EngineError, match=r"does not know the loss .*; use --engine torch"):
        NativeEngine().open(recipe, [begin(recipe, 0)])


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
