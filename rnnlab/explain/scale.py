"""What would be the critical weight scale of the initial net?"""

from __future__ import annotations

from collections.abc import Iterator

from rnnlab.explain.critical import HIGH, LOW, TIMESTEPS, SeedScale, find_critical_scales
from rnnlab.explain.evidence import Evidence
from rnnlab.explain.finding import RunFinding, Source, number, with_error
from rnnlab.explain.rate import rate_of
from rnnlab.explain.rules import Direction

QUESTION = "What would be the critical weight scale?"


def scale_findings(evidence: Evidence) -> Iterator[RunFinding]:
    """Answer for the run's own seed."""
    if evidence.get("exponent") is None:
        return
    config = evidence.run.config
    found = find_critical_scales(config, seeds=1).seeds[0]
    numbers = {
        "critical_scale": found.scale,
        "stderr": found.stderr,
        "weight_scale": config.model.weight_scale,
        "spectral_radius_at_1": found.spectral_radius,
        "spectral_norm_at_1": found.spectral_norm,
    }
    parameters = evidence.architecture.parameter_shapes
    drawn = "weight_hh_l0" if "weight_hh_l0" in parameters else next(iter(parameters))
    sources = (Source("weights.npz", f"initial/{drawn}"),)
    uncertainty = "the exponent's standard error over 8 sequences; of other seeds: rnnlab critical"
    yield RunFinding(QUESTION, "fact", _fact(found, config.model.weight_scale), numbers, uncertainty, sources)
    rate = rate_of(evidence, evidence.moments[0])
    long = rate.in_the_long_run(evidence.timesteps)
    if found.scale is not None and long in {Direction.VANISH, Direction.EXPLODE}:
        text = f"To start where they do neither: model.weight_scale={number(found.scale)}."
        yield RunFinding(QUESTION, "advice", text, numbers, uncertainty, sources)


def _fact(found: SeedScale, now: float) -> str:
    spectrum = ""
    if found.spectral_radius and found.spectral_norm:
        inverse, bound = number(1 / found.spectral_radius), number(1 / found.spectral_norm)
        spectrum = f" The spectrum of W_hh alone would say 1/rho = {inverse}, and never below 1/sigma = {bound}."
    if found.scale is None:
        sign = "below" if found.exponents[0] < 0 else "above"
        return (
            f"Between the scales {number(LOW)} and {number(HIGH)} there is none: on {TIMESTEPS} timesteps the exponent "
            f"of the initial net stays {sign} 0.{spectrum}"
        )
    others = ""
    if len(found.crossings) > 1:
        others = f" It is zero again at {', '.join(number(each.scale) for each in found.crossings[1:])}."
    at = with_error(found.scale, found.stderr) if found.stderr > 0 else number(found.scale)
    jump = (
        " It jumps there: on one side gradients die altogether, or leave float64." if found.crossings[0].jumps else ""
    )
    return (
        f"The exponent of the initial net would change its sign at the scale {at}; this run has {number(now)}.{jump}"
        f"{others}{spectrum}"
    )
