"""The summary numbers that every run has: final losses, and of the first and the last record how gradients flow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rnnlab.flow.declaring import of_two_records
from rnnlab.flow.quantity import Arrays, Summary

if TYPE_CHECKING:
    import numpy as np

FINAL_LOSSES = 200
"""Batches that the final loss is the mean of: a single batch's loss is noise."""


def _final_loss(arrays: Arrays) -> float:
    import numpy as np

    losses = arrays["loss"].astype(np.float64)
    return float(losses[-FINAL_LOSSES:].mean() if losses.size else arrays["probe_loss"][-1])


def _loss_over_floor(arrays: Arrays, floors: Mapping[str, float]) -> float | None:
    lowest = min(floors.values(), default=0.0)
    return _final_loss(arrays) / lowest if lowest > 0 else None  # nothing is a multiple of a floor of zero


def slope(values_T: np.ndarray) -> float | None:
    """Give the least-squares slope of values against their index; None for one value, or where one is not finite."""
    import numpy as np

    if values_T.size < 2 or not np.isfinite(values_T).all():
        return None
    t = np.arange(values_T.size) - (values_T.size - 1) / 2
    return float(t @ values_T / (t @ t))


def _gradient_ratio(arrays: Arrays, record: int) -> float | None:
    norms_T = arrays["grad_norm"][record, 0]
    return None if norms_T[-1] == 0 else float(norms_T[0] / norms_T[-1])


def _gradient_slope(arrays: Arrays, record: int) -> float | None:
    return slope(arrays["grad_log_norm"][record, 0])


def _spectral_radius(arrays: Arrays, record: int) -> float:
    import numpy as np

    return float(np.abs(arrays["eigenvalues"][record, 0, 0]))  # abs() differs from it in the last digit


BASE_NUMBERS = (
    Summary(
        "final_loss",
        "final loss (last 200 batches)",
        "mean of the last 200 batches' losses; without batches, the probe loss",
        lambda arrays, _floors: _final_loss(arrays),
        short="final loss",
        headline=True,
    ),
    Summary(
        "loss_over_floor",
        "final loss / lowest floor",
        "final loss divided by the lowest floor",
        _loss_over_floor,
        short="/ floor",
    ),
    *of_two_records(
        "gradient_ratio",
        "||dL/dh_1|| / ||dL/dh_T||",
        "`grad_norm` of layer 0 at the first timestep over that at the last",
        _gradient_ratio,
        needs="grad_norm",
        middle=1.0,
    ),
    *of_two_records(
        "gradient_slope",
        "gradient slope",
        "least-squares slope over timesteps of `grad_log_norm` of layer 0",
        _gradient_slope,
        needs="grad_log_norm",
        unit="ln ||dL/dh_t|| per timestep",
        short=("", "slope"),
        middle=0.0,
        explodes="below",
        headline=True,
    ),
    *of_two_records(
        "spectral_radius",
        "spectral radius of W_hh",
        "largest magnitude of an eigenvalue of `weight_hh` of layer 0",
        _spectral_radius,
        needs="eigenvalues",
        short=("radius first", "last"),
    ),
)
