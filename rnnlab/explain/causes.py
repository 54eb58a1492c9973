"""Why do gradients vanish or explode: the matrix, the saturation of units, or the gates?"""

from __future__ import annotations

from collections.abc import Iterator
from math import exp, log

import numpy as np

from rnnlab.explain.evidence import Evidence, Moment
from rnnlab.explain.finding import RunFinding, number
from rnnlab.explain.rate import Rate, rate_of
from rnnlab.explain.rules import ALONE, NOTICEABLE, Cause, agreement, cause
from rnnlab.flow.agreement import STANDARD_ERRORS
from rnnlab.flow.groups.exponent import TIMESTEPS

QUESTION = "Why?"


def causes_findings(evidence: Evidence) -> Iterator[RunFinding]:
    """Answer for layer 0 at each record."""
    if evidence.timesteps == 1:
        return
    for moment in evidence.moments:
        for part in (_parts, _saturation, _gates, _bounds):
            yield from (finding.of_layer_0(evidence.architecture.layers) for finding in part(evidence, moment))


def _parts(evidence: Evidence, moment: Moment) -> Iterator[RunFinding]:
    """Split the growth of each step between W_hh and the nonlinearity."""
    if evidence.gains is None:
        return
    nonlinearity_T, matrix_T = (each_SLT[moment.place, 0] for each_SLT in evidence.gains)
    passes_T = np.isfinite(nonlinearity_T) & np.isfinite(matrix_T)
    sources = evidence.source("gain_nonlinearity"), evidence.source("gain_matrix")
    if not passes_T.any():
        text = "No step passes a gradient back: its units are dead, or W_hh is zero."
        yield RunFinding(QUESTION, "fact", text, {}, "exact", sources, moment.update)
        return
    matrix, nonlinearity = float(matrix_T[passes_T].mean()), float(nonlinearity_T[passes_T].mean())
    spread = float((matrix_T + nonlinearity_T)[passes_T].std())
    text = (
        f"On its way back a gradient is multiplied at each step by {number(exp(matrix))} by W_hh (ln: "
        f"{number(matrix)}) and by {number(exp(nonlinearity))} by the nonlinearity (ln: {number(nonlinearity)}); means "
        "over timesteps."
    )
    numbers = {"gain_matrix": matrix, "gain_nonlinearity": nonlinearity, "spread": spread}
    uncertainty = f"the sum differs from timestep to timestep by {number(spread, 2)} (standard deviation)"
    yield RunFinding(QUESTION, "fact", text, numbers, uncertainty, sources, moment.update)
    text = _CAUSES[cause(matrix, nonlinearity, evidence.timesteps)].format(
        matrix=f"{100 * matrix / (matrix + nonlinearity):.0f} %" if matrix + nonlinearity else "",
        back=f"{-100 * nonlinearity / matrix:.0f} %" if matrix else "",
    )
    if not passes_T.all():
        text += f" (At {int((~passes_T).sum())} of {passes_T.size} steps no gradient passes at all.)"
    yield RunFinding(QUESTION, "reading", text, numbers, uncertainty, sources, moment.update)


_CAUSES = {
    Cause.MATRIX: "It is W_hh that decides; the nonlinearity does next to nothing.",
    Cause.NONLINEARITY: "It is the nonlinearity that makes them vanish; W_hh does not.",
    Cause.BOTH: "Both make them vanish: W_hh bears {matrix} of the rate, the nonlinearity the rest.",
    Cause.HELD_BACK: "W_hh stretches them, and the nonlinearity takes {back} of that back (in ln).",
    Cause.CANCEL: "W_hh would make them grow, and the nonlinearity takes as much back: they stay level.",
    Cause.NEITHER: "Neither W_hh nor the nonlinearity changes them much over a sequence.",
}


def _saturation(evidence: Evidence, moment: Moment) -> Iterator[RunFinding]:
    """Tell how many units pass next to nothing."""
    slopes_SLT, shares_SLT = evidence.get("derivative_mean"), evidence.get("saturated_share")
    if slopes_SLT is None or shares_SLT is None or evidence.architecture.cell.is_linear:
        return
    slope, share = float(slopes_SLT[moment.place, 0].mean()), float(shares_SLT[moment.place, 0].mean())
    text = (
        f"The nonlinearity has a mean slope of {number(slope)}; it is below 0.1 for {100 * share:.0f} % of the units."
    )
    numbers = {"derivative_mean": slope, "saturated_share": share}
    sources = evidence.source("derivative_mean"), evidence.source("saturated_share")
    uncertainty = "means over units, timesteps and probe sequences"
    yield RunFinding(QUESTION, "fact", text, numbers, uncertainty, sources, moment.update)


def _gates(evidence: Evidence, moment: Moment) -> Iterator[RunFinding]:
    """Tell what the gate that keeps the state carries, and what other ways add to it."""
    cell = evidence.architecture.cell
    keeping = cell.keeping_gate
    shares_SLT = evidence.get("highway_share")
    if keeping is None or shares_SLT is None:
        return
    names = [f"gate_{gate}_mean" for gate in cell.gate_names]
    means = {name: evidence.mean(name, moment) for name in names}
    log_name = next(name for name in ("forget_log_mean", "keep_log_mean") if evidence.get(name) is not None)
    log_kept = evidence.mean(log_name, moment)
    told = ", ".join(f"{name.split('_')[1]} {number(value, 2)}" for name, value in means.items())
    memory = f"a memory of {number(-1 / log_kept)} timesteps" if log_kept < 0 else "all of it"
    text = f"The gates are open by {told}; {keeping} keeps a factor of {number(exp(log_kept))} a step, {memory}."
    numbers = {**means, log_name: log_kept}
    sources = tuple(evidence.source(name) for name in numbers)
    uncertainty = "means over units, timesteps and probe sequences"
    yield RunFinding(QUESTION, "fact", text, numbers, uncertainty, sources, moment.update)
    rate = rate_of(evidence, moment)
    share = float(shares_SLT[moment.place, 0, 0]) / (evidence.timesteps - 1)
    yield from _highway(evidence, moment, rate, keeping, share)
    if np.isfinite(rate.exponent):
        yield from _gate_advice(evidence, moment, rate, keeping)


def _highway(evidence: Evidence, moment: Moment, rate: Rate, gate: str, share: float) -> Iterator[RunFinding]:
    """Judge whether that gate alone carries gradients."""
    sources = (evidence.source("highway_share"), evidence.source("exponent"))
    if not np.isfinite(share) or not np.isfinite(rate.exponent):
        return
    if abs(share) <= (1 - ALONE) * abs(rate.exponent) + STANDARD_ERRORS * rate.exponent_stderr:
        text = f"Gate {gate} alone carries the gradients."
        if evidence.architecture.cell.has_recurrent_matrix:
            text = f"{text[:-1]}: W_hh adds or takes next to nothing."
    elif share < 0:
        text = f"To what gate {gate} alone would carry, W_hh adds {number(-share)} a step (in ln)."
    else:
        text = f"From what gate {gate} alone would carry, W_hh takes {number(share)} a step (in ln)."
    uncertainty = f"means over the first 8 probe sequences, over {evidence.timesteps - 1} steps"
    yield RunFinding(QUESTION, "reading", text, {"highway_share_per_step": share}, uncertainty, sources, moment.update)


def _gate_advice(evidence: Evidence, moment: Moment, rate: Rate, gate: str) -> Iterator[RunFinding]:
    """Say which bias would keep a state over a sequence: sigmoid(b) = 1 - 1/T."""
    steps = evidence.timesteps
    if moment.place or steps < 3 or -rate.exponent * (steps - 1) < NOTICEABLE:
        return
    text = (
        f"To keep a state over T = {steps} timesteps gate {gate} would have to be open by 1 - 1/T, which a bias of "
        f"ln(T - 1) = {number(log(steps - 1))} gives"
    )
    cell = evidence.architecture.cell
    if cell.remembering_block is not None or cell.admitting_block is not None:
        text += f"; model.init=chrono model.chrono_time={steps} draws such biases for all times up to that"
    text += "."
    yield RunFinding(
        QUESTION, "advice", text, {"bias": log(steps - 1)}, "for inputs and states near zero", (), moment.update
    )


def _bounds(evidence: Evidence, moment: Moment) -> Iterator[RunFinding]:
    """Hold the eigenvalues and singular values of W_hh against the exponent."""
    metrics = evidence.run.metrics
    if "eigenvalues" not in metrics:
        return
    radius = float(np.abs(metrics["eigenvalues"][moment.record, 0, 0]))
    norm = float(metrics["singular_values"][moment.record, 0, 0])
    numbers = {"spectral_radius": radius, "spectral_norm": norm}
    sources = [evidence.source("eigenvalues"), evidence.source("singular_values")]
    text = f"W_hh has the spectral radius rho = {number(radius)} and the spectral norm sigma = {number(norm)}."
    peaks_SL, places_SL = evidence.get("transient_peak"), evidence.get("transient_at")
    if peaks_SL is not None and places_SL is not None and radius < 1 and log(peaks_SL[moment.place, 0]) > NOTICEABLE:
        peak, place = float(peaks_SL[moment.place, 0]), int(places_SL[moment.place, 0])
        text += f" Its powers grow before they decay: to {number(peak)} at k = {place}, as it is far from normal."
        numbers |= {"transient_peak": peak, "transient_at": float(place)}
        sources += [evidence.source("transient_peak"), evidence.source("transient_at")]
    yield RunFinding(QUESTION, "fact", text, numbers, "exact", tuple(sources), moment.update)
    yield from _radius_verdict(evidence, moment, radius)


def _radius_verdict(evidence: Evidence, moment: Moment, radius: float) -> Iterator[RunFinding]:
    """Say whether the spectral radius alone would have told the rate."""
    rate = rate_of(evidence, moment)
    if not np.isfinite(rate.exponent) or radius == 0 or evidence.architecture.layers > 1:
        return
    held = agreement(log(radius), rate.exponent, rate.exponent_stderr, TIMESTEPS)
    if held.holds:
        text = f"rho alone tells the rate: ln rho = {number(log(radius))}, and the exponent is {number(rate.exponent)}."
    else:
        wrong = "has even the wrong sign" if log(radius) * rate.exponent < 0 else "does not tell the rate"
        text = f"rho alone {wrong}: ln rho = {number(log(radius))}, and the exponent is {number(rate.exponent)}."
    numbers = {"ln_spectral_radius": log(radius), "exponent": rate.exponent, "allowed": held.allowed}
    sources = (evidence.source("eigenvalues"), evidence.source("exponent"))
    uncertainty = f"2 standard errors and 3/{TIMESTEPS}"
    yield RunFinding(QUESTION, "reading", text, numbers, uncertainty, sources, moment.update)
