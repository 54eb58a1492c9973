"""A change that is no change of results leaves every bit of metrics.npz and weights.npz, of every shipped config."""

from __future__ import annotations

from pathlib import Path

import pytest

from rnnlab.training import available_engines
from tests.checksums import CONFIGS, checksums_of, fingerprint, known, shipped


@pytest.fixture(scope="module")
def kept() -> dict[str, list[str]]:
    if "native" not in available_engines():
        pytest.skip("the checksums are the native engine's, and it is not built here")
    of_this_machine = known().get(fingerprint())
    if of_this_machine is None:
        pytest.skip("this processor and PyTorch round otherwise than where the checksums were taken")
    return of_this_machine


@pytest.mark.parametrize("path", shipped(), ids=lambda path: str(path.relative_to(CONFIGS)))
def test_a_shipped_config_gives_the_same_bytes(path: Path, kept: dict[str, list[str]], tmp_path: Path) -> None:
    assert checksums_of(path, tmp_path) == kept[path.relative_to(CONFIGS).as_posix()]
