"""What is wrong with a config, as sentences: problems with their place, and the words to write them with."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from rnnlab.errors import UserError
from rnnlab.words import LONGEST_QUOTE, did_you_mean, escaped

LONGEST_NUMBER = 100  # digits of a number that are read: far above every use, far below Python's own limit


@dataclass(frozen=True)
class Diagnostic:
    """One thing that is wrong, and where: `line` and `column` count from 1 and are None where there is no line."""

    message: str
    source: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        place = [self.source]
        if self.line is not None:
            place += [str(self.line), str(self.column)]
        return escaped(f"{':'.join(place)}: {self.message}")


class ConfigError(UserError):
    """A config that cannot be used. `problems` holds everything that is wrong with it, in the order of the file."""

    exit_code: ClassVar[int] = 2

    def __init__(self, problems: Iterable[Diagnostic]) -> None:
        self.problems = tuple(problems)
        super().__init__(*self.problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


def quoted(text: str) -> str:
    """Put text into quotes, shortened and escaped."""
    short = text if len(text) <= LONGEST_QUOTE else text[: LONGEST_QUOTE - 3] + "..."
    return f"'{escaped(short)}'"


def shown(value: object) -> str:
    """Write a value as YAML would, shortened: for `got ...` in messages."""
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, list | tuple | dict):
        return "a mapping" if isinstance(value, dict) else "a list"
    if value is None or isinstance(value, int | float):
        return _number_or_word(value)
    return f"a value of type {type(value).__module__}.{type(value).__qualname__}"


def _number_or_word(value: float | None) -> str:
    if value is None or isinstance(value, bool):
        return str(value).lower() if value is not None else "null"
    if isinstance(value, int):
        return str(value) if abs(value) < 10**LONGEST_QUOTE else "a number of very many digits"
    if math.isfinite(value):
        return repr(value)
    return ".nan" if math.isnan(value) else (".inf" if value > 0 else "-.inf")


def meant_or_listed(name: str, valid: Iterable[str], label: str = "valid") -> str:
    """End a sentence about an unknown name: with what was probably meant, or with all that is valid."""
    names = list(valid)
    return did_you_mean(name, names) or f"; {label}: {listed(names) or 'none'}"


def listed(names: Iterable[str]) -> str:
    """Join names with commas."""
    return ", ".join(names)
