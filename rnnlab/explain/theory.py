"""Does theory agree: the spectral radius for linear nets, mean-field theory for gaussian tanh nets."""

from __future__ import annotations

from collections.abc import Iterator
from math import log, nan, sqrt

import numpy as np

from rnnlab.explain.evidence import Evidence, Moment
from rnnlab.explain.finding import RunFinding, Source, number, with_error
from rnnlab.explain.rate import rate_of
from rnnlab.explain.rules import agreement, finite_size
from rnnlab.flow.agreement import STANDARD_ERRORS
from rnnlab.flow.groups.exponent import SEQUENCES, TIMESTEPS
from rnnlab.flow.mean_field import MeanField, mean_field
from rnnlab.nets.cells import Elman
from rnnlab.nets.initialisers.normal import Gaussian

QUESTION = "Does theory agree?"


def theory_findings(evidence: Evidence) -> Iterator[RunFinding]:
    """Answer where there is a theory: a linear net of one layer, or the start of a gaussian tanh net of one layer."""
    cell, layers = evidence.architecture.cell, evidence.architecture.layers
    if layers > 1 or evidence.get("exponent") is None:
        return
    if cell.is_linear and cell.governing_matrix:
        for moment in evidence.moments:
            yield from _linear(evidence, moment)
        return
    starts_gaussian = type(evidence.run.config.model.make_initialiser()) is Gaussian
    if type(cell) is Elman and cell.nonlinearity == "tanh" and starts_gaussian:
        yield from _mean_field(evidence, evidence.moments[0])


def _linear(evidence: Evidence, moment: Moment) -> Iterator[RunFinding]:
    """Hold the exponent of a linear net against ln rho, what it is in the long run."""
    radius = float(np.abs(evidence.run.metrics["eigenvalues"][moment.record, 0, 0]))
    rate = rate_of(evidence, moment)
    if radius == 0 or not np.isfinite(rate.exponent):
        return
    held = agreement(log(radius), rate.exponent, rate.exponent_stderr, TIMESTEPS)
    verdict = "they agree" if held.holds else "the net is not there yet, as happens where W_hh is far from normal"
    text = (
        f"The exponent of a linear net is ln rho = {number(log(radius), 4)} in the long run, whatever its inputs; over "
        f"{TIMESTEPS} timesteps it is {number(rate.exponent, 4)}: {verdict}."
    )
    numbers = {"theory": log(radius), "exponent": rate.exponent, "difference": held.difference, "allowed": held.allowed}
    sources = (evidence.source("eigenvalues"), evidence.source("exponent"))
    yield RunFinding(QUESTION, "reading", text, numbers, f"3/{TIMESTEPS} for both ends", sources, moment.update)


def input_variance(evidence: Evidence) -> float:
    """Give the mean square over units and timesteps of what inputs and biases contribute to the pre-activations.

    Of the initial weights, on the sequences that the exponent is measured on.
    """
    weights = {name: array[0].astype(np.float64) for name, array in evidence.problem.weights.items()}
    inputs_BTI = evidence.problem.long_inputs(SEQUENCES, TIMESTEPS)
    drive_BTH = inputs_BTI @ weights["weight_ih_l0"].T + weights["bias_l0"]
    return float(np.square(drive_BTH).mean())


def _theory(evidence: Evidence) -> tuple[float, float, MeanField]:
    """Give the gain and the input's variance of the initial net, and what the theory makes of them."""
    gain = float(abs(evidence.run.config.model.weight_scale))
    variance = input_variance(evidence)
    return gain, variance, mean_field(gain, variance)


def _mean_field(evidence: Evidence, moment: Moment) -> Iterator[RunFinding]:
    """Hold the exponent against the theory of infinitely many units."""
    if evidence.run.config.model.weight_scale == 0:
        return
    gain, variance, theory = _theory(evidence)
    rate, units = rate_of(evidence, moment), evidence.architecture.hidden_size
    allowed = STANDARD_ERRORS * rate.exponent_stderr + finite_size(units)
    difference = abs(rate.exponent - theory.exponent)
    text = (
        f"Mean-field theory (infinitely many units, gain {number(gain)}, variance {number(variance)} of the inputs) "
        f"gives an exponent of {number(theory.exponent, 4)}; that of this net is "
        f"{with_error(rate.exponent, rate.exponent_stderr)}, {number(difference, 2)} away."
    )
    if difference > allowed:
        text += f" They do not agree: {units} units may differ by {number(allowed, 2)}."
    elif abs(theory.exponent) > allowed:
        text += f" They agree, as {units} units may differ by 1/sqrt(H) and 2 s.e., {number(allowed, 2)}."
    else:
        text += f" With {units} units the theory cannot tell the sign: they may differ by {number(allowed, 2)}."
    numbers = {
        "theory": theory.exponent,
        "gain": gain,
        "input_variance": variance,
        "variance": theory.variance,
        "exponent": rate.exponent,
        "difference": difference,
        "allowed": allowed,
    }
    sources = (evidence.source("exponent"), Source("weights.npz", "initial/weight_ih_l0"))
    uncertainty = f"1/sqrt(H) = {number(1 / sqrt(units) if units else nan)} for the number of units"
    yield RunFinding(QUESTION, "reading", text, numbers, uncertainty, sources, moment.update)
