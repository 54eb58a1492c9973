"""How far back does learning see: from which lags does the gradient of W_hh come, and what would truncation lose?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from rnnlab.explain.evidence import Evidence, Moment
from rnnlab.explain.finding import RunFinding
from rnnlab.explain.rules import FLOAT32_ROUNDING, SAME_DIRECTION, SEES_LITTLE

QUESTION = "How far back does learning see?"


def reach_findings(evidence: Evidence) -> Iterator[RunFinding]:
    """Answer for W_hh of layer 0 at each record."""
    norms_SLK = evidence.get("lag_norm")
    if norms_SLK is None:
        return
    for moment in evidence.moments:
        norms_K = norms_SLK[moment.place, 0]
        if np.isfinite(norms_K).all() and norms_K.any():
            for part in (_horizons, _truncation, _rounding):
                found = part(evidence, moment, norms_K)
                yield from (finding.of_layer_0(evidence.architecture.layers) for finding in found)
        else:
            finite = np.isfinite(norms_K).all()
            text = "dL/dW_hh is zero: nothing is learned about what came before." if finite else "dL/dW_hh overflows."
            yield RunFinding(QUESTION, "fact", text, {}, "exact", (evidence.source("lag_norm"),), moment.update)


def _horizons(evidence: Evidence, moment: Moment, norms_K: np.ndarray) -> Iterator[RunFinding]:
    """Give H50 and H95, and judge them against the length of the sequence."""
    half, most, longest = _horizon(norms_K, 0.5), _horizon(norms_K, 0.95), _longest(norms_K)
    text = (
        f"Half of dL/dW_hh comes from lags up to {half} and 95 % from lags up to {most}, by the norms of its parts; "
        f"the longest lag, from the loss back to a use of W_hh, is {longest}."
    )
    numbers = {"h50": float(half), "h95": float(most), "longest": float(longest)}
    source = (evidence.source("lag_norm"),)
    yield RunFinding(QUESTION, "fact", text, numbers, _exact(evidence), source, moment.update)
    if most < SEES_LITTLE * longest:
        seen = f"{_steps(most)} back" if most else "the timestep of the loss"
        text = f"Learning sees {seen}, and hardly anything of the {longest - most} before."
        yield RunFinding(QUESTION, "reading", text, numbers, _exact(evidence), source, moment.update)


def _truncation(evidence: Evidence, moment: Moment, norms_K: np.ndarray) -> Iterator[RunFinding]:
    """Tell after how many steps backpropagation could be truncated."""
    cosines_SLK = evidence.get("lag_truncated_cosine")
    assert cosines_SLK is not None, "it is measured together with the norms"
    cosines_K = cosines_SLK[moment.place, 0]
    same_K = np.flip(np.logical_and.accumulate(np.flip(cosines_K >= SAME_DIRECTION)))
    if not same_K.any() or len(cosines_K) < 3:
        return
    cut = int(same_K.argmax())
    kept = f"the direction of dL/dW_hh (a cosine of {SAME_DIRECTION} or more)"
    if cut < _longest(norms_K):
        text = f"Backpropagation truncated after {_steps(cut)} keeps {kept}."
    else:
        text = f"Truncated anywhere, backpropagation would lose {kept}."
    numbers = {"truncation": float(cut), "cosine_there": float(cosines_K[cut])}
    source = (evidence.source("lag_truncated_cosine"),)
    yield RunFinding(QUESTION, "fact", text, numbers, _exact(evidence), source, moment.update)


def _rounding(evidence: Evidence, moment: Moment, norms_K: np.ndarray) -> Iterator[RunFinding]:
    """Tell what a training in float32 cannot feel, where the parts are those of the recorded gradient."""
    metrics = evidence.run.metrics
    if evidence.sequences_of("lag_norm") < len(evidence.prepared.probe_inputs_BTI):
        return
    place = metrics["param_names"].tolist().index("weight_hh_l0")
    horizon = float32_horizon(norms_K, float(metrics["param_grad_norm"][moment.record, place]))
    if horizon is None or horizon > _longest(norms_K):
        return
    text = (
        f"What comes from lags of {horizon} and more is, all together, below the rounding of dL/dW_hh in float32 "
        "(2^-24 of it): such a training cannot feel it."
    )
    sources = (evidence.source("lag_norm"), evidence.source("param_grad_norm"))
    numbers = {"float32_horizon": float(horizon)}
    yield RunFinding(QUESTION, "fact", text, numbers, _exact(evidence), sources, moment.update)


def float32_horizon(norms_K: np.ndarray, whole: float) -> int | None:
    """Give the first lag from which on all parts together are below 2^-24 of the whole gradient; None if there is none.

    Args:
        norms_K: of the parts by lag.
        whole: the norm of their sum.
    """
    lost_K = np.flip(np.flip(norms_K).cumsum()) < FLOAT32_ROUNDING * whole
    return int(lost_K.argmax()) if lost_K.any() else None


def horizon_of(evidence: Evidence, moment: Moment, share: float = 0.95) -> int | None:
    """Give the smallest lag up to which a share of the gradient of W_hh of layer 0 comes; None without a gradient."""
    norms_SLK = evidence.get("lag_norm")
    if norms_SLK is None or not np.isfinite(norms_SLK[moment.place, 0]).all() or not norms_SLK[moment.place, 0].any():
        return None
    return _horizon(norms_SLK[moment.place, 0], share)


def _horizon(norms_K: np.ndarray, share: float) -> int:
    cumulated_K = norms_K.cumsum()
    return int((cumulated_K >= share * cumulated_K[-1]).argmax())


def _longest(norms_K: np.ndarray) -> int:
    """Give the longest lag at which W_hh is used on a state: at the first timestep h_0 = 0 leaves it without one."""
    return len(norms_K) - 1 - int(norms_K[-1] == 0)


def _exact(evidence: Evidence) -> str:
    return f"exact for the first {evidence.sequences_of('lag_norm')} probe sequences"


def _steps(count: int) -> str:
    return f"{count} step" if count == 1 else f"{count} steps"
