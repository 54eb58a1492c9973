"""The summary numbers that every run has: final losses, and of the first and the last record how gradients flow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rnnlab.flow.declaring import of_two_records
from rnnlab.flow.quantity import Arrays, Summary

if TYPE_CHECKING:
    import numpy as np

MOST_FINAL_LOSSES, FINAL_SHARE = 200, 20
"""The final loss is the mean of the last 1/20 of all batches, at most 200 and at least one: a single batch's loss is
noise, and a mean over the whole of a short training is no final loss."""


def _final_loss(arrays: Arrays) -> float:
    import numpy as np

    losses = arrays["loss"].astype(np.float64)
    count = min(MOST_FINAL_LOSSES, max(1, losses.size // FINAL_SHARE))
    return float(losses[-count:].mean() if losses.size else arrays["probe_loss"][-1])


def _loss_over_floor(arrays: Arrays, floors: Mapping[str, float]) -> float | None:
    lowest = min(floors.values(), default=0.0)
    return _final_loss(arrays) / lowest if lowest > 0 else None  # nothing is a multiple of a floor of zero


def slope(values_T: np.ndarray) -> float | None:
    """Give the least-squares slope of values against their index, where they are not -inf.

    None for less than two values, or where one is NaN or infinite.
    """
    import numpy as np

    (places,) = np.nonzero(~np.isneginf(values_T))
    values = values_T[places]
    if values.size < 2 or not np.isfinite(values).all():
        return None
    t = places - places.mean()
    return float(t @ values / (t @ t))


def _gradient_ratio(arrays: Arrays, record: int) -> float | None:
    norms_T = arrays["grad_norm"][record, 0]
    return None if norms_T[-1] == 0 else float(norms_T[0] / norms_T[-1])


def _gradient_slope(arrays: Arrays, record: int) -> float | None:
    living = "grad_log_living" if "grad_log_living" in arrays else "grad_log_norm"  # of runs that were made before it
    return slope(arrays[living][record, 0])


def _zero_share(arrays: Arrays, record: int) -> float:
    return float(arrays["grad_zero_share"][record, 0, 0])


def _spectral_radius(arrays: Arrays, record: int) -> float:
    import numpy as np

    return float(np.abs(arrays["eigenvalues"][record, 0, 0]))  # abs() differs from it in the last digit


BASE_NUMBERS = (
    Summary(
        "final_loss",
        "final loss",
        "mean of the losses of the last twentieth of the batches, at most 200; without batches, the probe loss",
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
        "finite-T slope",
        "least-squares slope of `grad_log_living` of layer 0 over the T timesteps; of a short sequence a transient, "
        "which `exponent` is not",
        _gradient_slope,
        needs="grad_log_norm",
        unit="ln ||dL/dh_t|| per timestep",
        short=("", "slope"),
        middle=0.0,
        explodes="below",
        headline=True,
    ),
    *of_two_records(
        "gradient_zero_share",
        "share of dL/dh_1 = 0",
        "`grad_zero_share` of layer 0 at the first timestep: sequences whose beginning cannot be learned from",
        _zero_share,
        needs="grad_zero_share",
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
