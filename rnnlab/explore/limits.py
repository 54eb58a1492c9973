"""Limits that do not tremble while a slider moves, with room at the edges for the marks of what an axis cannot show."""

from __future__ import annotations

import math

import numpy as np

from rnnlab.figures.scales import INFINITE, LARGEST, NOT_A_NUMBER, SMALLEST, ZERO, classify, finite_positive

MARK_START, MARK_ROW = 0.03, 0.028
"""Shares of an axis: where the marks of the first curve stand, and how far apart those of two curves are."""


def logarithmic_limits(norms_NT: np.ndarray) -> tuple[float, float]:
    """Give whole decades around what a logarithmic axis can show, and room at its ends for the marks of the rest."""
    shown = finite_positive(norms_NT)
    if not shown.size:
        return 0.1, 1.0
    low, high = math.floor(math.log10(shown.min())), math.ceil(math.log10(shown.max()))
    high = max(high, low + 1)
    kinds_NT = classify(norms_NT)
    at_top_NT = np.isin(kinds_NT, (INFINITE, NOT_A_NUMBER))
    below, above = (_margin(np.any(marked_NT, axis=-1)) for marked_NT in (kinds_NT == ZERO, at_top_NT))
    decades = (high - low) / (1 - below - above)
    return _inside(low - below * decades), _inside(high + above * decades)


def _margin(marked_N: np.ndarray) -> float:
    """Give the share of the axis that the marks of some curves need: each curve has a row of its own."""
    rows = int(np.flatnonzero(marked_N).max()) + 1 if marked_N.any() else 0
    return MARK_START + MARK_ROW * (rows + 1)


def _inside(exponent: float) -> float:
    return SMALLEST if exponent < -323 else LARGEST if exponent > 308 else 10.0**exponent


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
    shown = finite_positive(values)
    if not shown.size:
        return False
    low, high = float(shown.min()), float(shown.max())
    return low < high / 1e3 or not 1e-3 <= high < 1e4


def radial_limit(values: np.ndarray) -> float:
    """Give how far the complex plane must reach to hold the unit circle and every finite eigenvalue."""
    magnitudes = np.abs(values[np.isfinite(values)])
    farthest = float(magnitudes.max()) if magnitudes.size else 0.0
    return 1.3 if farthest < 1.2 else linear_limits(np.array([farthest]))[1]
