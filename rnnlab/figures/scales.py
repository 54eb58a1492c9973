"""Scales as numbers: which values a logarithmic axis shows, its limits and ticks, and what is marked instead of others.

A value that a logarithmic axis cannot show is never moved to where it could: it becomes a mark at the edge.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.ticker import LogLocator, MaxNLocator

SMALLEST, LARGEST = 5e-324, float(np.finfo(np.float64).max)
"""The ends of float64: a limit beyond them would itself be 0 or infinite."""

_LARGEST_LIMIT = 1.7e308  # beyond it matplotlib's own room at the ends overflows

SHOWN, ZERO, INFINITE, NOT_A_NUMBER = -1, 0, 1, 2
"""What `classify` tells apart."""

_MOST_TICKS = 5
_LEAST_POWER = -323
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def classify(values: np.ndarray, *, zeros: bool = True) -> np.ndarray:
    """Tell true zeros, infinities and NaN from what can be shown; `zeros`: they cannot, on a logarithmic axis."""
    kinds = [(values == 0) & zeros, np.isinf(values), np.isnan(values)]
    return np.asarray(np.select(kinds, [ZERO, INFINITE, NOT_A_NUMBER], default=SHOWN))


def finite_positive(values: np.ndarray) -> np.ndarray:
    """Give those values that a logarithmic axis can show."""
    values = np.asarray(values, dtype=np.float64).ravel()
    return values[np.isfinite(values) & (values > 0)]


def log_helps(values: np.ndarray, factor: float = 5.0) -> bool:
    """Tell whether values span so much that a logarithmic axis shows more: all positive, and such a factor."""
    finite = np.asarray(values, dtype=np.float64).ravel()
    finite = finite[np.isfinite(finite)]
    return bool(finite.size and finite.min() > 0 and finite.max() >= factor * finite.min())


def log_limits(values: np.ndarray) -> tuple[float, float]:
    """Give limits with room for all values that a logarithmic axis can show."""
    shown = finite_positive(values)
    low, high = (float(shown.min()), float(shown.max())) if shown.size else (0.1, 10.0)
    room = 10 ** max(0.06 * math.log10(high / low) if high / low < math.inf else 30, 0.08)
    return max(low / room, SMALLEST), min(high * room, _LARGEST_LIMIT)


def log_ticks(low: float, high: float) -> list[float]:
    """Give at most six ticks: powers of ten, or 1, 2, 5, or evenly spaced ones where the range is narrow."""
    powers = range(math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9) + 1)
    if len(powers) > 2:
        stride = math.ceil(len(powers) / _MOST_TICKS)
        return [10.0**power for power in powers if power % stride == 0 and power >= _LEAST_POWER]
    for steps in ((1, 3), (1, 2, 5)):
        ticks = [step * 10.0**power for power in range(powers.start - 1, powers.stop) for step in steps]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if 3 <= len(ticks) <= _MOST_TICKS:
            return ticks
    unit = 10.0 ** max(powers.start - 1, _LEAST_POWER)  # near 1 nothing overflows, as it would at the ends of float64
    even = MaxNLocator(_MOST_TICKS - 1, steps=[1, 2, 2.5, 5, 10]).tick_values(low / unit, high / unit)
    return sorted({tick for tick in (float(value) * unit for value in even) if low <= tick <= high and tick > 0})


class LogTicks(LogLocator):
    """The same ticks for an axis whose limits move."""

    def __call__(self) -> list[float]:
        """Give the ticks of the current view."""
        assert self.axis is not None
        return log_ticks(*sorted(self.axis.get_view_interval()))

    def tick_values(self, vmin: float, vmax: float) -> list[float]:
        """Give the ticks between two values."""
        return log_ticks(*sorted((vmin, vmax)))


def tick_labels(ticks: Sequence[float]) -> list[str]:
    """Write the ticks of a logarithmic axis: all plain, or all as powers of ten."""
    exponents = [math.log10(tick) for tick in ticks]
    are_powers = all(abs(exponent - round(exponent)) < 1e-6 for exponent in exponents)
    if are_powers and not all(-2.5 < exponent < 3.5 for exponent in exponents):
        return [f"$10^{{{round(exponent)}}}$" for exponent in exponents]
    return [f"{tick:.4g}" for tick in ticks]


def plain_label(value: float, _: Any = None) -> str:
    """Write one tick without mathtext, which is slow to lay out: 0.02, 1, 50, 10⁻⁷ or 2·10⁻⁷."""
    if value <= 0 or 1e-3 < value < 1e4:
        return f"{value:.4g}"
    # A little up, so that 10⁻³²², of which few digits are left, is that.
    exponent = max(math.floor(math.log10(value) + 0.01), _LEAST_POWER)
    factor, power = f"{value / 10.0**exponent:.3g}", f"10{str(exponent).translate(_SUPERSCRIPT)}"
    return power if factor == "1" else f"{factor}·{power}"
