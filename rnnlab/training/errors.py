"""What can be wrong with the choice of an engine."""

from __future__ import annotations

from typing import ClassVar

from rnnlab.errors import UserError


class EngineError(UserError, ValueError):
    """There is no such engine or device here; the message says what to do."""

    exit_code: ClassVar[int] = 2
