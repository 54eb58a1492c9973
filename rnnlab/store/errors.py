"""What can go wrong with run folders; each message is a sentence for the person at the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from rnnlab.errors import UserError


class StoreError(UserError):
    """A run folder cannot be read or written."""


class MissingRunError(StoreError):
    """There is no run where one was asked for."""

    exit_code: ClassVar[int] = 2


class WatchedRunError(StoreError):
    """A run was recorded from a training loop of somebody's own, and lacks what only rnnlab's own runs have."""

    exit_code: ClassVar[int] = 2


class DamagedRunError(StoreError):
    """A run folder is not whole: a file is missing, cut short or changed."""

    exit_code: ClassVar[int] = 2

    def __init__(self, message: str, path: Path | None = None) -> None:
        super().__init__(message)
        self.path = path


class MissingPartError(DamagedRunError, KeyError):
    """A file of a run lacks something that every such file has."""

    def __str__(self) -> str:
        """Give the sentence: a KeyError alone would put it in quotes."""
        return str(self.args[0])


class RunBusyError(StoreError):
    """Another process is making this run."""

    exit_code: ClassVar[int] = 75
