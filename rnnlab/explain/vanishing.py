"""Do gradients vanish or explode, and at what rate? The slope over the sequence against the exponent of a long one."""

from __future__ import annotations

from collections.abc import Iterator
from math import exp, inf, log

import numpy as np

from rnnlab.explain.evidence import Evidence, Moment
from rnnlab.explain.finding import RunFinding, Source, number, with_error
from rnnlab.explain.rate import Rate, rate_of
from rnnlab.explain.rules import SHORT, Agreement, Direction, agreement
from rnnlab.flow.agreement import TRANSIENT
from rnnlab.flow.groups.exponent import SEQUENCES, TIMESTEPS

QUESTION = "Do gradients vanish or explode?"


def vanishing_findings(evidence: Evidence) -> Iterator[RunFinding]:
    """Answer the question at each record."""
    if evidence.timesteps == 1:
        text = "A sequence is one timestep long: no gradient flows from one timestep to another."
        yield RunFinding(QUESTION, "fact", text, {"timesteps": 1.0}, "none: the length is given")
    for moment in evidence.moments:
        rate = rate_of(evidence, moment)
        yield from _over_sequence(evidence, moment, rate)
        yield from _dead(evidence, moment, rate)
        yield from _exponent(evidence, moment, rate)
        if evidence.timesteps > 1:
            yield _verdict(evidence, moment, rate)


def _over_sequence(evidence: Evidence, moment: Moment, rate: Rate) -> Iterator[RunFinding]:
    """Give the fact of the finite sequence."""
    steps = evidence.timesteps
    if steps == 1:
        return
    if np.isnan(rate.growth):
        change = "has no slope: fewer than two timesteps have a gradient that is finite and not zero"
    else:
        change = f"changes by {with_error(rate.growth, rate.growth_stderr)} with each step back"
    if evidence.has_only_last_loss:
        last, first = from_log(rate.log_last), from_log(rate.log_first)
        text = (
            f"||dL/d{rate.symbol}|| is {last} at t = {steps} and {first} at t = {rate.first} (geometric means): ln of "
            f"it {change}."
        )
    else:
        text = (
            f"The loss feeds ||dL/d{rate.symbol}|| at other timesteps than the last, so its slope is no rate. ln of "
            f"the gradient of the last prediction alone {change}."
        )
    numbers = {
        "growth": rate.growth,
        "growth_stderr": rate.growth_stderr,
        "ln_first": rate.log_first,
        "ln_last": rate.log_last,
    }
    count = len(evidence.prepared.probe_inputs_BTI)
    known = np.isfinite(rate.growth_stderr)
    uncertainty = f"standard error over {count} probe sequences" if known else "not known: too few sequences"
    yield RunFinding(QUESTION, "fact", text, numbers, uncertainty, (rate.source,), moment.update)


def _dead(evidence: Evidence, moment: Moment, rate: Rate) -> Iterator[RunFinding]:
    """Tell of sequences whose gradient is exactly zero."""
    if not rate.zero_share > 0:
        return
    count = len(evidence.prepared.probe_inputs_BTI)
    text = (
        f"In {round(rate.zero_share * count)} of {count} probe sequences the gradient that reaches t = {rate.first} is "
        "exactly zero: somewhere nothing passes it on. A slope is that of the others."
    )
    source = Source(
        "metrics.npz", "grad_zero_share", rate.source.recorded and evidence.source("grad_zero_share").recorded
    )
    numbers = {"zero_share": rate.zero_share}
    yield RunFinding(QUESTION, "fact", text, numbers, f"a share of {count} sequences", (source,), moment.update)


def _exponent(evidence: Evidence, moment: Moment, rate: Rate) -> Iterator[RunFinding]:
    """Give the fact of the long trajectory."""
    exponents_SL = evidence.get("exponent")
    if exponents_SL is None:
        text = "There is no exponent: the derivatives of this cell's steps are not written down."
        yield RunFinding(QUESTION, "fact", text, uncertainty="none", update=moment.update)
        return
    told = with_error(rate.exponent, rate.exponent_stderr)
    factor = "some step loses all" if rate.exponent == -inf else f"a factor of {number(exp(rate.exponent))} a step"
    layers = [number(each) for each in exponents_SL[moment.place].tolist()]
    deep = f" (the largest of its layers': {', '.join(layers)})" if len(layers) > 1 else ""
    text = (
        f"The exponent is {told} per timestep{deep}, along {SEQUENCES} sequences of the task joined to {TIMESTEPS} "
        f"timesteps: {factor}."
    )
    numbers = {"exponent": rate.exponent, "exponent_stderr": rate.exponent_stderr}
    uncertainty = f"standard error over {SEQUENCES} sequences"
    sources = evidence.source("exponent"), evidence.source("exponent_stderr")
    yield RunFinding(QUESTION, "fact", text, numbers, uncertainty, sources, moment.update)


def _verdict(evidence: Evidence, moment: Moment, rate: Rate) -> RunFinding:
    """Judge, and hold the two rates against each other."""
    steps, layers = evidence.timesteps, evidence.architecture.layers
    held = agreement(rate.growth, rate.exponent, rate.exponent_stderr, steps, layers)
    sentences = [*judged(rate, steps)]
    if np.isfinite(rate.growth) and np.isfinite(rate.exponent):
        sentences += compared(rate, held, steps, layers)
    numbers = {"difference": held.difference, "allowed": held.allowed}
    uncertainty = "2 standard errors of the exponent, and 3/T for both ends of the sequence"
    sources = (rate.source, evidence.source("exponent"), evidence.source("exponent_stderr"))
    return RunFinding(QUESTION, "reading", " ".join(sentences), numbers, uncertainty, sources, moment.update)


def _apart(held: Agreement, layers: int) -> str:
    """Say how far apart the two rates are, and how far they may be."""
    ends = {1: "3/T", 2: "(3 + ln T)/T"}.get(layers, f"(3 + {layers - 1} ln T)/T")
    difference = held.difference if held.difference > 1e-12 else 0.0  # below, it is rounding
    return f"they differ by {number(difference, 2)}, and 2 s.e. + {ends} allows {number(held.allowed, 2)}"


DOING = {
    Direction.VANISH: "vanish",
    Direction.EXPLODE: "explode",
    Direction.LEVEL: "are level",
    Direction.DEAD: "die",
    Direction.UNKNOWN: "do what cannot be told",
}
"""What gradients do, in words."""


def judged(rate: Rate, steps: int) -> Iterator[str]:
    """Say what gradients do over a sequence of so many timesteps and in the long run: in one sentence if it is one."""
    over, long = rate.over_sequence(steps), rate.in_the_long_run(steps)
    way = f"{steps - 1} steps" if steps > 2 else "one step"
    here, there = (from_log(each * (steps - 1)) for each in (rate.growth, rate.exponent))
    if long is Direction.DEAD:
        yield "In the long run they die: in one of the long sequences at least, some step passes nothing back."
    elif long is Direction.UNKNOWN:
        yield "In the long run it cannot be told: the exponent is unknown, or within two standard errors of zero."
    elif over in {long, Direction.UNKNOWN}:
        by, less = ("", ", less than 2 either way") if long is Direction.LEVEL else ("by ", "")
        yield f"They {DOING[long]}: at the exponent's rate, {by}a factor of {there} over the {way} of a sequence{less}."
    else:
        yield (
            f"Over the {way} of a sequence they {DOING[over]}, a factor of {here} at the slope's rate; in the long run "
            f"they {DOING[long]}, a factor of {there} over as many at the exponent's."
        )
    if long in {Direction.DEAD, Direction.UNKNOWN} and over is not Direction.UNKNOWN:
        living = ", where they live," if rate.zero_share > 0 else ""
        yield f"Over a sequence{living} they {DOING[over]}."


def from_log(value: float) -> str:
    """Write e^value, also where that is no float64."""
    if not np.isfinite(value):
        return number(0.0 if value < 0 else value)
    return number(exp(value)) if abs(value) < 700 else f"1e{value / log(10):+.0f}"


def compared(rate: Rate, held: Agreement, steps: int, layers: int) -> Iterator[str]:
    """Say whether the two rates agree, and if not which of them is no rate.

    Args:
        rate: both.
        held: the one against the other.
        steps: T.
        layers: L.
    """
    if steps <= TRANSIENT:
        yield f"T = {steps} is too short to hold the gradient's slope against it."
        return
    apart, long = _apart(held, layers), rate.in_the_long_run(steps)
    if held.holds:
        yield f"Gradient and exponent, two measures that share no code, agree: {apart}."
        matters = long in {Direction.VANISH, Direction.EXPLODE} or rate.over_sequence(steps) is not long
        if matters and held.allowed > abs(rate.exponent):
            yield f"But T = {steps} is too short for the slope alone to tell: that is more than the rate."
        return
    yield f"Gradient and exponent do not agree: {apart}."
    first, second = rate.halves
    if steps < SHORT:
        yield f"T = {steps} is short, and its slope a transient from h_0 = 0; the exponent is the rate of a long run."
    elif abs(first - second) > held.allowed:
        bent = f"{number(first)} a step over the first half of the timesteps, {number(second)} over the second"
        yield f"ln ||dL/dh_t|| is no straight line ({bent}): its slope is a transient, and the exponent is the rate."
    else:
        yield "ln ||dL/dh_t|| is a straight line: a long trajectory leads the net to other states than a sequence."
