"""How the kernel is built: from the sources as they are, without undefined behaviour, for other processors too."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from rnnlab.training import native_library
from rnnlab.training.native_engine import NativeEngine
from tests.training import native_sanitized
from tests.training.native_building import Target, compilers
from tests.training.native_setting import INSTRUCTIONS, needs_kernel

ONE_IN = 7
"""Of the trainings that `make sanitize` makes all of: coprime to the numbers of sizes, so that each is there."""

TOLERANCES = {"float32": 1e-5, "float64": 1e-12}
"""Relative, and a tenth of it absolute."""


def assert_agree(losses: np.ndarray, others: np.ndarray, precision: str) -> None:
    tolerance = TOLERANCES[precision]
    assert_allclose(losses, others, rtol=tolerance, atol=tolerance / 10)


@needs_kernel
@pytest.mark.skipif(not compilers(), reason="there is no C++ compiler here")
def test_sanitizers_find_nothing_and_instruction_sets_agree(tmp_path: Path) -> None:
    """Addresses and undefined behaviour, over odd sizes of every kind of net, some of them."""
    said = native_sanitized.run(tmp_path, native_sanitized.sanitized(compilers()[0]), ONE_IN)
    assert said.endswith("trainings: nothing found")
    losses = native_sanitized.losses(said)
    assert list(losses) == [(name, precision) for name in INSTRUCTIONS for precision in TOLERANCES]
    for (_, precision), its in losses.items():
        assert_agree(its, losses["baseline", precision], precision)


@needs_kernel
@pytest.mark.skipif(native_sanitized.emulated_arm() is None, reason="needs g++-aarch64-linux-gnu and qemu-user")
def test_an_arm_processor_comes_to_the_same_losses(tmp_path: Path) -> None:
    """Built for NEON, without sanitizers, which an emulator does not take; against the baseline of this processor."""
    arm = native_sanitized.emulated_arm()
    assert arm is not None
    told = []
    for name, target in (("arm", arm), ("here", Target(compilers()[0], ("-O1",)))):
        (tmp_path / name).mkdir()
        told.append(native_sanitized.losses(native_sanitized.run(tmp_path / name, target, ONE_IN)))
    assert list(told[0]) == [("baseline", precision) for precision in TOLERANCES]
    for kernel, its in told[0].items():
        assert_agree(its, told[1][kernel], kernel[1])


@needs_kernel
def test_the_kernel_is_built_from_the_sources_as_they_are() -> None:
    """Else `make` has not been run since they changed."""
    folder = Path(native_library.__file__).parent / "native"
    if not folder.exists():
        pytest.skip("installed without sources")
    sources = sorted([*folder.glob("*.cpp"), *folder.glob("*.h")])
    whole = hashlib.sha256(b"".join(path.read_bytes() for path in sources))
    assert NativeEngine().details["kernel"].startswith(whole.hexdigest()[:12])
