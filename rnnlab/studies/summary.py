"""A run in a few numbers: what the index, `ls` and `show` print. None where a number does not exist."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

_FINAL_LOSSES = 200
"""Batches that the final loss is the mean of: a single batch's loss is noise."""


def summarise(metrics: Mapping[str, np.ndarray], floors: Mapping[str, float]) -> dict[str, float | None]:
    """Give the numbers of a run.

    Args:
        metrics: the arrays of metrics.npz.
        floors: losses to hold the result against.

    Returns:
        `final_loss`: mean of the last 200 batches' losses (without batches, the probe loss); `loss_over_floor`: that
        divided by the lowest floor; `initial_` and `final_` (first and last record), each of layer 0:
        `gradient_ratio`, grad_norm at the first timestep over that at the last, `gradient_slope`, least-squares slope
        over timesteps of grad_log_norm (natural logarithm), and `spectral_radius`.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # what has exploded has no ratio, and that is no warning
        return _numbers(metrics, floors)


def _numbers(metrics: Mapping[str, np.ndarray], floors: Mapping[str, float]) -> dict[str, float | None]:
    losses = metrics["loss"].astype(np.float64)
    final_loss = losses[-_FINAL_LOSSES:].mean() if losses.size else metrics["probe_loss"][-1]
    summary = {
        "final_loss": _number(final_loss),
        "loss_over_floor": _number(final_loss / min(floors.values())) if floors else None,
    }
    for when, record in (("initial", 0), ("final", -1)):
        norms_T = metrics["grad_norm"][record, 0]
        summary[f"{when}_gradient_ratio"] = _ratio(norms_T[0], norms_T[-1])
        summary[f"{when}_gradient_slope"] = slope(metrics["grad_log_norm"][record, 0])
        if "eigenvalues" in metrics:
            summary[f"{when}_spectral_radius"] = _number(np.abs(metrics["eigenvalues"][record, 0, 0]))
    return summary


def slope(values_T: np.ndarray) -> float | None:
    """Give the least-squares slope of values against their index; None for one value, or where one is not finite."""
    if values_T.size < 2 or not np.isfinite(values_T).all():
        return None
    t = np.arange(values_T.size) - (values_T.size - 1) / 2
    return float(t @ values_T / (t @ t))


def _ratio(first: float, last: float) -> float | None:
    return None if last == 0 else _number(first / last)


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
