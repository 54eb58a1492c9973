"""Helpers of the config tests: files in a folder of their own, and what is wrong with them as text."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from rnnlab.config import Config, ConfigError, Sweep, load_config, load_sweep

Write = Callable[[str], Path]
Load = Callable[..., Config]
Wrong = Callable[..., list[str]]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write `a.yaml` into an empty working folder."""
    monkeypatch.chdir(tmp_path)

    def write(text: str) -> Path:
        path = Path("a.yaml")
        path.write_text(text, encoding="utf-8", newline="")
        return path

    return write


@pytest.fixture
def load(write: Write) -> Load:
    return lambda text, overrides=(): load_config(write(text), overrides)


@pytest.fixture
def sweep_of(write: Write) -> Callable[..., Sweep]:
    return lambda text, overrides=(): load_sweep(write(text), overrides)


@pytest.fixture
def wrong(write: Write) -> Wrong:
    """Give the lines that `load_config` says about a text, with overrides."""

    def wrong(text: str, overrides: Iterable[str] = ()) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            load_config(write(text), overrides)
        return str(caught.value).splitlines()

    return wrong


@pytest.fixture
def wrong_sweep(write: Write) -> Wrong:
    """Give the lines that loading and expanding a sweep says about a text, with overrides."""

    def wrong(text: str, overrides: Iterable[str] = ()) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            load_sweep(write(text), overrides).expand()
        return str(caught.value).splitlines()

    return wrong
