"""Axes that say what they show: decades without mathtext, limits that do not tremble, marks for 0, inf and NaN.

A value that a logarithmic axis cannot show is never moved to where it could: it becomes a mark at the edge.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from matplotlib.ticker import LogLocator

_SMALLEST, _LARGEST = 5e-324, float(np.finfo(np.float64).max)
"""The ends of float64: a limit beyond them would itself be 0 or infinite."""

_MOST_LABELS = 6
MARK_START, MARK_ROW = 0.03, 0.028
"""Shares of an axis: where the marks of the first curve stand, and how far apart those of two curves are."""

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


class DecadeLocator(LogLocator):
    """Ticks at powers of ten, as many as can be labelled; within two decades also at 2 and 5 times them."""

    def __call__(self) -> list[float]:
        """Give the ticks of the current view."""
        assert self.axis is not None
        return decade_ticks(*sorted(self.axis.get_view_interval()))

    def tick_values(self, vmin: float, vmax: float) -> list[float]:
        """Give the ticks between two values."""
        return decade_ticks(*sorted((vmin, vmax)))


def decade_ticks(low: float, high: float) -> list[float]:
    """Choose ticks between two positive numbers."""
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    if last - first < 2:
        factors = (1, 2, 5) if last - first < 1 else (1, 3)
        fine = (factor * _power(exponent) for exponent in range(first - 1, last + 1) for factor in factors)
        return [value for value in fine if low <= value <= high]
    step = next(step for step in (1, 2, 5, 10, 20, 25, 50, 100, 200) if (last - first) / step < _MOST_LABELS)
    first += -first % step
    return [_power(exponent) for exponent in range(first, last + 1, step)]


def _power(exponent: int) -> float:
    return min(max(10.0 ** max(min(exponent, 308), -323), _SMALLEST), _LARGEST)


def write_tick(value: float, _: Any = None) -> str:
    """Write 0.02, 1, 50, 10⁻⁷ or 2·10⁻⁷."""
    if value <= 0 or 1e-3 < value < 1e4:
        return f"{value:.4g}"
    exponent = math.floor(math.log10(value) + 0.01)  # so that 10⁻³²², of which few digits are left, is that
    factor = round(value / _power(exponent))
    power = f"10{str(exponent).translate(_SUPERSCRIPT)}"
    return power if factor <= 1 else f"{factor}·{power}"


def logarithmic_limits(norms_NT: np.ndarray) -> tuple[float, float]:
    """Give whole decades around what a logarithmic axis can show, and room at its ends for the marks of the rest."""
    shown = norms_NT[np.isfinite(norms_NT) & (norms_NT > 0)]
    if not shown.size:
        return 0.1, 1.0
    low, high = math.floor(math.log10(shown.min())), math.ceil(math.log10(shown.max()))
    high = max(high, low + 1)
    below, above = (_margin(rows_N) for rows_N in ((norms_NT == 0).any(axis=-1), ~np.isfinite(norms_NT).all(axis=-1)))
    decades = (high - low) / (1 - below - above)
    return _inside(low - below * decades), _inside(high + above * decades)


def _margin(marked_N: np.ndarray) -> float:
    """Give the share of the axis that the marks of some curves need: each curve has a row of its own."""
    rows = int(np.flatnonzero(marked_N).max()) + 1 if marked_N.any() else 0
    return MARK_START + MARK_ROW * (rows + 1)


def _inside(exponent: float) -> float:
    return _SMALLEST if exponent < -323 else _LARGEST if exponent > 308 else 10.0**exponent


def linear_limits(values: np.ndarray) -> tuple[float, float]:
    """Give 0 and a round number above everything finite, which changes rarely while a slider moves."""
    shown = values[np.isfinite(values)]
    top = float(shown.max()) * 1.05 if shown.size else 0.0
    if top < 1e-300:
        return 0.0, 1.0
    power = 10.0 ** math.floor(math.log10(top))
    return 0.0, next(round_number for f in (1, 1.5, 2, 3, 4, 5, 7, 10.5) if (round_number := f * power) >= top)


def needs_logarithm(values: np.ndarray) -> bool:
    """Tell whether a linear axis would hide most of the values, or could not label them."""
    shown = values[np.isfinite(values) & (values > 0)]
    if not shown.size:
        return False
    low, high = float(shown.min()), float(shown.max())
    return low < high / 1e3 or not 1e-3 <= high < 1e4


def radial_limit(values: np.ndarray) -> float:
    """Give how far the complex plane must reach to hold the unit circle and every finite eigenvalue."""
    magnitudes = np.abs(values[np.isfinite(values)])
    farthest = float(magnitudes.max()) if magnitudes.size else 0.0
    return 1.3 if farthest < 1.2 else linear_limits(np.array([farthest]))[1]
