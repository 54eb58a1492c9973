"""What an extension has declared in one test does not count in the next."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rnnlab.extensions import LOADER


@pytest.fixture(autouse=True)
def _without() -> Iterator[None]:
    yield
    LOADER.use_none()
