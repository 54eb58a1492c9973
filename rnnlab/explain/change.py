"""What has training changed: the first record against the last."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from rnnlab.explain.evidence import Evidence
from rnnlab.explain.finding import RunFinding, Source, number, with_error
from rnnlab.explain.rate import Rate, rate_of
from rnnlab.explain.reach import horizon_of
from rnnlab.explain.rules import NOTICEABLE, Direction
from rnnlab.explain.vanishing import DOING
from rnnlab.flow.agreement import STANDARD_ERRORS

QUESTION = "What has training changed?"


def change_findings(evidence: Evidence) -> Iterator[RunFinding]:
    """Answer from both records; of a run that has one, say so."""
    run = evidence.run
    diverged_at = run.record.diverged_at
    if diverged_at is not None:
        text = (
            f"Training diverged: the loss at update {diverged_at} was no longer finite. What is said here is of the "
            "first record."
        )
        yield RunFinding(
            QUESTION, "fact", text, {"diverged_at": float(diverged_at)}, "exact", (Source("metrics.npz", "loss"),)
        )
    elif len(evidence.moments) == 1:
        yield RunFinding(QUESTION, "fact", "Nothing: the run has no updates, and one record.", {}, "exact")
    else:
        yield from _changed(evidence)


def _changed(evidence: Evidence) -> Iterator[RunFinding]:
    first, last = (rate_of(evidence, moment) for moment in evidence.moments)
    steps = evidence.run.metrics["step"]
    losses = evidence.run.metrics["probe_loss"]
    text = (
        f"In {steps[-1]} updates {_change('the probe loss', losses[0], losses[-1])}, "
        f"{_change('the exponent', first.exponent, last.exponent)}"
    )
    numbers = {
        "probe_loss_first": float(losses[0]),
        "probe_loss_last": float(losses[-1]),
        "exponent_first": first.exponent,
        "exponent_last": last.exponent,
        "growth_first": first.growth,
        "growth_last": last.growth,
    }
    if "eigenvalues" in evidence.run.metrics:
        radii = np.abs(evidence.run.metrics["eigenvalues"][[0, -1], 0, 0]).tolist()
        text += f", {_change('rho', *radii)}"
        numbers |= {"spectral_radius_first": radii[0], "spectral_radius_last": radii[1]}
    horizons = [horizon_of(evidence, moment) for moment in evidence.moments]
    known = [float(each) for each in horizons if each is not None]
    if len(known) == len(horizons):
        text += f", {_change('the horizon H95', *known)} steps"
    sources = (evidence.source("probe_loss"), evidence.source("exponent"), evidence.source("lag_norm"), first.source)
    uncertainty = "standard errors of both exponents"
    yield RunFinding(QUESTION, "fact", f"{text}.", numbers, uncertainty, sources)
    judged = [*_over_sequence(first, last, evidence.timesteps), *_in_the_long_run(first, last, evidence.timesteps)]
    if judged:
        yield RunFinding(QUESTION, "reading", " ".join(judged), numbers, uncertainty, sources)


def _change(what: str, first: float, last: float) -> str:
    before, after = number(first), number(last)
    return f"{what} stayed at {before}" if before == after else f"{what} went from {before} to {after}"


def _over_sequence(first: Rate, last: Rate, timesteps: int) -> Iterator[str]:
    """Compare what gradients do over the timesteps that are trained."""
    found = [each.over_sequence(timesteps) for each in (first, last)]
    if timesteps > 1 and Direction.UNKNOWN not in found:
        before, after = (DOING[each] for each in found)
        if before == after:
            yield f"Over a sequence gradients {after}, before training and after it."
        else:
            yield f"Over a sequence gradients {before} before training, and {after} after it."


def _in_the_long_run(first: Rate, last: Rate, timesteps: int) -> Iterator[str]:
    """Say whether the exponents differ, beyond their errors and by what is noticeable over a sequence."""
    difference = last.exponent - first.exponent
    if not np.isfinite(difference):
        return
    error = float(np.hypot(first.exponent_stderr, last.exponent_stderr))
    told = with_error(difference, error)
    if abs(difference) <= STANDARD_ERRORS * error:
        yield f"The exponents do not differ beyond 2 s.e. ({told})."
    elif abs(difference) * (timesteps - 1) < NOTICEABLE:
        yield f"The exponent has hardly changed ({told})."
    else:
        yield f"The exponent has changed by {told}: in the long run they reach back {_farther(difference)}."


def _farther(difference: float) -> str:
    return "farther" if difference > 0 else "less far"
