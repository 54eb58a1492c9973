"""A finding: a sentence with its numbers, where they come from, how sure they are, and what kind of sentence it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import isfinite, isinf, isnan
from typing import Any, Literal

Level = Literal["fact", "reading", "advice"]
"""What was measured, what it means by the rules of judgement, and what could be done."""


@dataclass(frozen=True)
class Source:
    """An array that a finding comes from.

    Attributes:
        file: of the run folder.
        array: its name.
        recorded: whether the run folder holds it; if not it was measured for this, from the weights that it holds.
    """

    file: str
    array: str
    recorded: bool = True


@dataclass(frozen=True)
class RunFinding:
    """One sentence.

    Attributes:
        question: that it helps to answer.
        level: what kind of sentence it is.
        sentence: with numbers and units.
        numbers: the same numbers in full, by name.
        uncertainty: how sure they are.
        sources: the arrays that they come from.
        update: of the record that it is of; None where it is of the whole run.
    """

    question: str
    level: Level
    sentence: str
    numbers: Mapping[str, float | None] = field(default_factory=dict)
    uncertainty: str = ""
    sources: tuple[Source, ...] = ()
    update: int | None = None

    def of_layer_0(self, layers: int) -> RunFinding:
        """Say in the sentence that it is of layer 0, where there are others."""
        return self if layers == 1 else replace(self, sentence=f"In layer 0: {self.sentence}")

    def to_json(self) -> dict[str, Any]:
        """Give it as plain data; a number that is not finite is a string, since JSON has none."""
        return {
            "question": self.question,
            "level": self.level,
            "update": self.update,
            "sentence": self.sentence,
            "numbers": {name: _plain(value) for name, value in self.numbers.items()},
            "uncertainty": self.uncertainty,
            "sources": [vars(source) for source in self.sources],
        }


def _plain(value: float | None) -> float | str | None:
    return value if value is None or isfinite(value) else str(value)


def number(value: float, digits: int = 3) -> str:
    """Write a number for a sentence: 0.118, 1.2e-05, 2000."""
    if isnan(value) or isinf(value) or value == 0:
        return f"{value:g}"
    return f"{value:.{digits}g}" if 1e-3 <= abs(value) < 1e4 else f"{value:.{digits - 1}e}"


def with_error(value: float, stderr: float) -> str:
    """Write a number with its standard error, to the digit that this allows: -0.581 +- 0.004."""
    if not stderr > 0 or not isfinite(value):
        return number(value, 4)
    if stderr < 1e-12 * max(1.0, abs(value)):  # rounding, which no sentence needs
        return number(value, 4) if abs(value) > 1e-12 else "0"
    digits = min(12, max(0, -_exponent_of(stderr)))
    return f"{round(value, digits) + 0.0:.{digits}f} +- {stderr:.{digits}f}"


def _exponent_of(value: float) -> int:
    return int(f"{value:.0e}".partition("e")[2])
