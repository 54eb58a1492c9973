"""Ticks of logarithmic axes, and what such an axis cannot show."""

from __future__ import annotations

import numpy as np
import pytest

from rnnlab.figures.scales import INFINITE, NOT_A_NUMBER, SHOWN, ZERO, classify, log_ticks, plain_label, tick_labels


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (1e-4, 10, ["$10^{-4}$", "$10^{-3}$", "$10^{-2}$", "$10^{-1}$", "$10^{0}$", "$10^{1}$"][::2]),
        (0.008, 1.2, ["0.01", "0.1", "1"]),
        (0.02, 0.4, ["0.03", "0.1", "0.3"]),
        (1.0, 1.5, ["1", "1.2", "1.4"]),
        (5e-324, 1.7e308, ["$10^{-254}$", "$10^{-127}$", "$10^{0}$", "$10^{127}$", "$10^{254}$"]),
    ],
)
def test_ticks_of_a_logarithmic_axis_are_few_and_written_alike(low: float, high: float, labels: list[str]) -> None:
    assert tick_labels(log_ticks(low, high)) == labels


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1e-7, "10⁻⁷"),
        (2e-7, "2·10⁻⁷"),
        (0.02, "0.02"),
        (1, "1"),
        (1e3, "1000"),
        (1e4, "10⁴"),
        (1e-300, "10⁻³⁰⁰"),
        (0, "0"),
    ],
)
def test_a_tick_can_be_written_without_mathtext(value: float, text: str) -> None:
    assert plain_label(value) == text


def test_what_cannot_be_shown_is_told_apart() -> None:
    values = np.array([0.0, -0.0, 1.0, -2.0, np.inf, -np.inf, np.nan])
    kinds = [ZERO, ZERO, SHOWN, SHOWN, INFINITE, INFINITE, NOT_A_NUMBER]
    assert classify(values).tolist() == kinds
    assert classify(values, zeros=False).tolist() == [SHOWN, SHOWN, *kinds[2:]]
