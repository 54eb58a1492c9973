"""What a lab gives: numbers, each beside the one that it is held against, and a figure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class LabResult:
    """One result: a number, or a row of them.

    Attributes:
        what: in words.
        got: what came out.
        beside: what it is held against, if anything: as many numbers.
        digits: the decimals that `beside` is known to.
        agrees: whether `got` is what it must be; None where it need not be anything.
    """

    what: str
    got: tuple[float, ...]
    beside: tuple[float, ...] = ()
    digits: int = 6
    agrees: bool | None = None


@dataclass(frozen=True)
class LabSection:
    """Results that belong together.

    Attributes:
        title: what they show.
        steps: each a row of the table.
        beside: what stands beside the results: "published", or the other way that they were found.
        columns: what the numbers of a row are, where each step has several.
    """

    title: str
    steps: Sequence[LabResult]
    beside: str = "published"
    columns: Sequence[str] = ()


@dataclass(frozen=True)
class LabReport:
    """All that a lab found.

    Attributes:
        sections: in the order of the lab.
        draw: makes the lab's figure.
        next_command: what to try after it, if anything.
    """

    sections: Sequence[LabSection]
    draw: Callable[[], Figure]
    next_command: str | None = None

    @property
    def judged(self) -> list[LabResult]:
        """The steps that must agree with something."""
        return [step for section in self.sections for step in section.steps if step.agrees is not None]

    @property
    def reproduced(self) -> bool:
        """Whether all of them do."""
        return all(step.agrees for step in self.judged)


def compare(
    what: str,
    got: float | Sequence[float],
    beside: float | Sequence[float],
    *,
    digits: int = 6,
    tolerance: float | None = None,
) -> LabResult:
    """Hold results against what they must be.

    Args:
        what: in words.
        got: a number, or several.
        beside: as many.
        digits: the decimals that `beside` is known to.
        tolerance: the largest difference that agrees; by default 1 in the last of these decimals.
    """
    found, wanted = _row(got), _row(beside)
    largest = 10.0**-digits if tolerance is None else tolerance
    agrees = len(found) == len(wanted) and all(abs(a - b) <= largest for a, b in zip(found, wanted, strict=True))
    return LabResult(what, found, wanted, digits, agrees)


def show(
    what: str, got: float | Sequence[float], beside: float | Sequence[float] = (), *, digits: int = 6
) -> LabResult:
    """Give results, perhaps with something to look at beside them, that need not be equal to anything."""
    return LabResult(what, _row(got), _row(beside), digits)


def compare_arrays(what: str, got: np.ndarray, beside: np.ndarray, *, digits: int, tolerance: float) -> LabResult:
    """Show the 2-norms of two arrays; they agree if no two entries differ by more than the tolerance times the norm."""
    norms = [float(np.linalg.norm(array)) for array in (got, beside)]
    agrees = got.shape == beside.shape and bool(np.all(np.abs(got - beside) <= tolerance * norms[1]))
    return LabResult(what, (norms[0],), (norms[1],), digits, agrees)


def _row(values: float | Sequence[float]) -> tuple[float, ...]:
    return (float(values),) if isinstance(values, int | float) else tuple(map(float, values))
