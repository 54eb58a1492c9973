"""Work, counted: how many calls something makes, which is the same on every machine and under any load."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from types import FrameType


def calls_of(function: Callable[[], object]) -> int:
    """Count the calls that a function makes, of Python's functions and of those in C, once its caches are filled."""
    count = 0

    def note(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    function()
    before = sys.getprofile()
    gc.disable()  # whose finalizers would be counted where they happen to run
    sys.setprofile(note)
    try:
        function()
    finally:
        sys.setprofile(before)
        gc.enable()
    return count
