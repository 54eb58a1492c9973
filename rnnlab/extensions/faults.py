"""Faults in a person's own code: told apart from rnnlab's by whose lines an error has come through."""

from __future__ import annotations

import linecache
import traceback
from typing import ClassVar

from rnnlab.errors import UserError
from rnnlab.words import escaped

_LONGEST = 500  # characters of what an error says of itself

_modules: set[str] = set()
"""The top-level names of the modules that extensions consist of."""


class ExtensionError(UserError):
    """An extension cannot be used, or its code has failed; the message says where and why."""

    exit_code: ClassVar[int] = 2


def note_module(name: str) -> None:
    """Remember that a module, by its top-level name, is an extension's."""
    _modules.add(name.partition(".")[0])


def has_part_in(module: str) -> bool:
    """Tell whether a module is an extension's."""
    return module.partition(".")[0] in _modules


def fault_of(error: BaseException) -> ExtensionError | None:
    """Give the sentence for an error that came out of an extension, with its file and line; None for any other.

    The last of its lines that the error came through is named, also where what it called has raised.
    """
    for frame, line in reversed(list(traceback.walk_tb(error.__traceback__))):
        if has_part_in(str(frame.f_globals.get("__name__"))):
            return _fault(frame.f_code.co_filename, line, error)
    return None


def syntax_fault(error: SyntaxError, path: str) -> ExtensionError:
    """Give the sentence for a file that is no Python."""
    place = f"{path}:{error.lineno}:{error.offset}" if error.lineno else path
    return ExtensionError(f"{place}: {_said(error.msg)}")


def _fault(file: str, line: int, error: BaseException) -> ExtensionError:
    text = linecache.getline(file, line).strip()
    code = f"\n    {escaped(text)}" if text else ""
    said = _said(str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error))
    what = type(error).__name__ + (f": {said}" if said else "")
    return ExtensionError(f"{file}:{line}: {what}{code}")


def _said(text: str) -> str:
    first = text.strip().split("\n", 1)[0]
    return escaped(first if len(first) <= _LONGEST else first[:_LONGEST] + "...")
