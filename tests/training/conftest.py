"""What holds for every engine is tested with every engine."""

from __future__ import annotations

import pytest

from rnnlab.training import available_engines
from tests.training import setting


@pytest.fixture(params=available_engines())
def each_engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let the tests' trainings be by each engine in turn."""
    monkeypatch.setattr(setting, "ENGINE", request.param)
    return str(request.param)
