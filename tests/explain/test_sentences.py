"""How numbers are written in sentences, and what is said where two rates do not agree."""

from __future__ import annotations

from dataclasses import replace
from math import inf, nan

import pytest

from rnnlab.explain.finding import RunFinding, Source, number, with_error
from rnnlab.explain.rate import Rate
from rnnlab.explain.rules import agreement
from rnnlab.explain.vanishing import compared, from_log, judged


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (-0.5803, "-0.58"), (1234.5, "1.23e+03"), (12345.0, "1.23e+04"), (1e-28, "1.00e-28"), (-inf, "-inf")],
)
def test_numbers_are_short(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "stderr", "text"),
    [
        (-0.580462, 0.00036, "-0.5805 +- 0.0004"),
        (2.588, 0.0316, "2.59 +- 0.03"),
        (12.3, 2.0, "12 +- 2"),
        (-0.0004, 0.01, "0.00 +- 0.01"),
        (0.405465, 0.0, "0.4055"),
        (0.405465, nan, "0.4055"),
        (1e-17, 1e-17, "0"),
        (-inf, 0.0, "-inf"),
    ],
)
def test_a_number_has_the_digits_that_its_error_allows(value: float, stderr: float, text: str) -> None:
    assert with_error(value, stderr) == text


@pytest.mark.parametrize(
    ("log", "text"), [(0.0, "1"), (-62.1, "1.07e-27"), (-1251.0, "1e-543"), (2000.0, "1e+869"), (-inf, "0")]
)
def test_a_factor_is_written_also_where_it_is_no_float64(log: float, text: str) -> None:
    assert from_log(log) == text


def rate(growth: float, exponent: float, halves: tuple[float, float] | None = None) -> Rate:
    return Rate(
        symbol="h_t",
        growth=growth,
        growth_stderr=0.0,
        halves=halves or (growth, growth),
        exponent=exponent,
        exponent_stderr=0.0,
        zero_share=0.0,
        first=1,
        log_first=0.0,
        log_last=0.0,
        source=Source("metrics.npz", "grad_log_living"),
    )


def said(found: Rate, timesteps: int) -> str:
    held = agreement(found.growth, found.exponent, found.exponent_stderr, timesteps)
    return " ".join(compared(found, held, timesteps, 1))


@pytest.mark.parametrize(
    ("growth", "exponent", "text"),
    [
        (-0.6, -0.5, "They vanish: at the exponent's rate, by a factor of 2.29e-11 over the 49 steps of a sequence."),
        (0.1, 0.2, "They explode: at the exponent's rate, by a factor of 1.80e+04 over the 49 steps of a sequence."),
        (0.0, 0.0, "They are level: at the exponent's rate, a factor of 1 over the 49 steps of a sequence, less than "
                   "2 either way."),
        (nan, -0.5, "They vanish: at the exponent's rate, by a factor of 2.29e-11 over the 49 steps of a sequence."),
        (-0.05, -0.01, "Over the 49 steps of a sequence they vanish, a factor of 0.0863 at the slope's rate; in the "
                       "long run they are level, a factor of 0.613 over as many at the exponent's."),
        (0.1, -0.1, "Over the 49 steps of a sequence they explode, a factor of 134 at the slope's rate; in the long "
                    "run they vanish, a factor of 0.00745 over as many at the exponent's."),
        (0.0, -inf, "In the long run they die: in one of the long sequences at least, some step passes nothing back. "
                    "Over a sequence they are level."),
        (-0.5, nan, "In the long run it cannot be told: the exponent is unknown, or within two standard errors of "
                    "zero. Over a sequence they vanish."),
    ],
)  # fmt: skip
def test_what_gradients_do_over_a_sequence_and_in_the_long_run(growth: float, exponent: float, text: str) -> None:
    assert " ".join(judged(rate(growth, exponent), 50)) == text


def test_three_timesteps_compare_nothing() -> None:
    assert said(rate(-9.0, -0.1), 3) == "T = 3 is too short to hold the gradient's slope against it."
    assert "agree" in said(rate(-0.5, -0.1), 4)


def test_a_short_sequence_that_disagrees_is_a_transient() -> None:
    assert said(rate(0.3, -0.1), 10) == (
        "Gradient and exponent do not agree: they differ by 0.4, and 2 s.e. + 3/T allows 0.3. "
        "T = 10 is short, and its slope a transient from h_0 = 0; the exponent is the rate of a long run."
    )
    assert "T = 29 is short" in said(rate(0.3, -0.1), 29)
    assert "is short" not in said(rate(0.3, -0.1), 30)


def test_of_a_long_sequence_that_disagrees_a_bend_tells_which_is_the_transient() -> None:
    bent, straight = said(rate(0.0, -0.2, (-0.19, 0.2)), 100), said(rate(0.0, -0.2, (0.01, -0.01)), 100)
    assert bent.endswith(
        "ln ||dL/dh_t|| is no straight line (-0.19 a step over the first half of the timesteps, 0.2 over the second): "
        "its slope is a transient, and the exponent is the rate."
    )
    assert straight.endswith(
        "ln ||dL/dh_t|| is a straight line: a long trajectory leads the net to other states than a sequence."
    )


def test_an_agreement_wider_than_the_rate_is_not_enough_to_tell() -> None:
    assert said(rate(-0.2, -0.1), 10).endswith(
        "But T = 10 is too short for the slope alone to tell: that is more than the rate."
    )
    assert said(rate(-0.6, -0.5), 10).endswith("agree: they differ by 0.1, and 2 s.e. + 3/T allows 0.3.")
    assert said(rate(0.001, 0.0), 400).endswith("agree: they differ by 0.001, and 2 s.e. + 3/T allows 0.0075.")


def test_a_finding_as_plain_data_has_no_number_that_json_lacks() -> None:
    finding = RunFinding("Why?", "fact", "So.", {"a": 1.0, "b": -inf, "c": None}, "exact", update=3)
    assert finding.to_json()["numbers"] == {"a": 1.0, "b": "-inf", "c": None}
    assert finding.of_layer_0(1) is finding
    assert finding.of_layer_0(2) == replace(finding, sentence="In layer 0: So.")
