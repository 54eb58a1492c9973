"""The two rates at which gradients grow with each step back: over a sequence, and of the net in the long run."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan
from typing import TYPE_CHECKING

import numpy as np

from rnnlab.explain.evidence import Evidence, Moment
from rnnlab.explain.finding import Source
from rnnlab.explain.rules import Direction, direction
from rnnlab.flow.base_numbers import slope
from rnnlab.flow.norms import LEAST_EXACT, living_mean, zero_share

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Rate:
    """How ln of a gradient grows with each step back, at one record.

    Attributes:
        symbol: whose gradient: h_t, or c_t of a cell that has such a state, on whose road its gradients come back.
        growth: minus the least-squares slope of ln ‖dL/dh_t‖ of layer 0 over the timesteps; NaN where there is none.
        growth_stderr: its standard error over the probe sequences.
        halves: the same over the first and the second half of the timesteps.
        exponent: of the net on a long trajectory, the largest of all layers; NaN for a cell that has none.
        exponent_stderr: its standard error over the sequences.
        zero_share: of probe sequences whose gradient at the first timestep is exactly zero.
        first: the first timestep, from 1, at which float64 holds the gradient.
        log_first: ln of the gradient there, a mean over the sequences where it is not zero.
        log_last: likewise at the last timestep.
        source: where the growth comes from.
    """

    symbol: str
    growth: float
    growth_stderr: float
    halves: tuple[float, float]
    exponent: float
    exponent_stderr: float
    zero_share: float
    first: int
    log_first: float
    log_last: float
    source: Source

    def over_sequence(self, timesteps: int) -> Direction:
        """Judge what gradients do over the timesteps of a sequence."""
        return direction(self.growth, float(np.nan_to_num(self.growth_stderr)), timesteps)

    def in_the_long_run(self, timesteps: int) -> Direction:
        """Judge what they would do over as many timesteps of a long run."""
        return direction(self.exponent, self.exponent_stderr, timesteps)


def rate_of(evidence: Evidence, moment: Moment) -> Rate:
    """Measure both rates."""
    symbol, logs_TB = _logarithms(evidence, moment)
    first = int(logs_TB.isnan().any(dim=1).sum())
    logs_TB = logs_TB[first:]
    living_T = living_mean(logs_TB[None, None])[0, 0].numpy()
    alive_TB = logs_TB[:, ~logs_TB.isneginf().any(dim=0)].numpy()
    slopes = [_growth(alive_T) for alive_T in alive_TB.T] if alive_TB.shape[1] > 1 else []
    exponents_SL, errors_SL = evidence.get("exponent"), evidence.get("exponent_stderr")
    exponent, error = nan, nan
    if exponents_SL is not None and errors_SL is not None:
        layer = int(np.argmax(exponents_SL[moment.place]))
        exponent, error = float(exponents_SL[moment.place, layer]), float(errors_SL[moment.place, layer])
    middle = len(living_T) // 2
    array = "grad_log_living" if symbol == "h_t" else "cell_grad_norm"
    recorded = evidence.has_only_last_loss and symbol == "h_t"
    return Rate(
        symbol=symbol,
        growth=_growth(living_T),
        growth_stderr=float(np.std(slopes, ddof=1) / len(slopes) ** 0.5) if slopes else nan,
        halves=(_growth(living_T[: middle + 1]), _growth(living_T[middle:])),
        exponent=exponent,
        exponent_stderr=error,
        zero_share=float(zero_share(logs_TB[None, None])[0, 0, 0]) if living_T.size else nan,
        first=first + 1,
        log_first=float(living_T[0]) if living_T.size else nan,
        log_last=float(living_T[-1]) if living_T.size else nan,
        source=evidence.source(array) if recorded else Source("metrics.npz", array, False),
    )


def _logarithms(evidence: Evidence, moment: Moment) -> tuple[str, Tensor]:
    """Give ln of the gradient of layer 0, (T, B), and whose gradient it is.

    Of c_t there is no backward pass that keeps what float64 cannot hold: up to there it is NaN.
    """
    problem = evidence.from_the_end
    if problem.cell_grad_norms_SLTB is None:
        return "h_t", problem.grad_logs_SLTB[moment.place, 0]
    norms_TB = problem.cell_grad_norms_SLTB[moment.place, 0]
    lost_T = ((norms_TB > 0) & (norms_TB < LEAST_EXACT)).any(dim=1)
    unknown_T = lost_T.flip(0).cummax(dim=0).values.flip(0)
    return "c_t", norms_TB.log().masked_fill(unknown_T.unsqueeze(1), nan)


def _growth(logs_T: np.ndarray) -> float:
    found = slope(logs_T)
    return nan if found is None else -found
