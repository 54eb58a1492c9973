"""What every run records: losses, the gradient flow, hidden norms, spectra; the arrays of metrics.npz."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, ClassVar

from rnnlab.flow.quantity import (
    FLOW,
    GROUPS,
    LOSS,
    PARAMETERS,
    PROBE,
    SPECTRUM,
    Arrays,
    Group,
    Quantity,
    Sizes,
    Summary,
)

if TYPE_CHECKING:
    import numpy as np

    from rnnlab.flow.problem import Problem
    from rnnlab.nets import Cell

FINAL_LOSSES = 200
"""Batches that the final loss is the mean of: a single batch's loss is noise."""


def _no_cell_state(cell: Cell) -> str | None:
    return None if "c" in cell.states else "only an LSTM has a cell state"


def _no_matrix(cell: Cell) -> str | None:
    return None if cell.governing_matrix else cell.why_no_matrix


QUANTITIES = (
    Quantity("loss", "L", LOSS, "training loss of each batch, before its update", unit="", scale="log", dtype="f4"),
    Quantity(
        "step", "step", PROBE, "updates made when recorded: 0, every, 2 every, ..., batches", dtype="i8", is_axis=True
    ),
    Quantity("probe_loss", "probe loss", PROBE, "loss on the probe sequences", scale="log"),
    Quantity(
        "grad_norm",
        "||dL/dh_t||",
        FLOW,
        "mean over probe sequences p of the 2-norm of dL_p/dh_t, L_p the loss of sequence p alone; the total "
        "derivative, through every later step and layer",
        unit="l2",
        scale="log",
    ),
    Quantity(
        "grad_log_norm",
        "ln ||dL/dh_t||",
        FLOW,
        "mean over p of ln of the same norm; -inf for a true zero",
        unit="ln",
        zero_is_minus_infinity=True,
    ),
    Quantity("hidden_norm", "||h_t||", FLOW, "mean over p of the 2-norm of h_t", unit="l2", scale="log", log_from=50.0),
    Quantity(
        "cell_grad_norm",
        "||dL/dc_t||",
        FLOW,
        "LSTM only: the same as `grad_norm` for dL_p/dc_t, which includes its path through h_t (dL_p/dh_t holds c_t "
        "fixed)",
        unit="l2",
        scale="log",
        why_absent=_no_cell_state,
    ),
    Quantity(
        "eigenvalues",
        "eigenvalues of W_hh",
        SPECTRUM,
        "of `weight_hh`, by falling magnitude, then real part, then imaginary part; Elman nets only",
        scale="complex",
        dtype="c16",
        why_absent=_no_matrix,
    ),
    Quantity(
        "singular_values",
        "singular values of W_hh",
        SPECTRUM,
        "of `weight_hh`, largest first; Elman nets only",
        scale="log",
        log_from=5.0,
        why_absent=_no_matrix,
    ),
    Quantity(
        "param_grad_norm",
        "||dL/dp||",
        PARAMETERS,
        "2-norm of the gradient of the mean probe loss, by parameter",
        unit="l2",
        scale="log",
    ),
    Quantity("param_names", "parameter", PARAMETERS, "which", dtype="U", is_axis=True),
)


def _final_loss(arrays: Arrays) -> float:
    import numpy as np

    losses = arrays["loss"].astype(np.float64)
    return float(losses[-FINAL_LOSSES:].mean() if losses.size else arrays["probe_loss"][-1])


def _loss_over_floor(arrays: Arrays, floors: Mapping[str, float]) -> float | None:
    return _final_loss(arrays) / min(floors.values()) if floors else None


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


def _spectral_radius(arrays: Arrays, record: int) -> float | None:
    return float(abs(arrays["eigenvalues"][record, 0, 0])) if "eigenvalues" in arrays else None


def _of_two_records(
    name: str,
    words: str,
    meaning: str,
    take: Callable[[Arrays, int], float | None],
    *,
    unit: str = "",
    short: tuple[str, str] = ("", ""),
    middle: float | None = None,
) -> tuple[Summary, Summary]:
    """Declare a number of the first and one of the last record."""
    first = Summary(
        f"initial_{name}",
        f"{words}, first record",
        f"{meaning}, at the first record",
        lambda arrays, _floors: take(arrays, 0),
        unit=unit,
        short=short[0],
        middle=middle,
    )
    last = Summary(
        f"final_{name}",
        f"{words}, last record",
        f"{meaning}, at the last record",
        lambda arrays, _floors: take(arrays, -1),
        unit=unit,
        short=short[1],
        middle=middle,
    )
    return first, last


SUMMARIES = (
    Summary(
        "final_loss",
        "final loss (last 200 batches)",
        "mean of the last 200 batches' losses; without batches, the probe loss",
        lambda arrays, _floors: _final_loss(arrays),
        short="final loss",
    ),
    Summary(
        "loss_over_floor",
        "final loss / lowest floor",
        "final loss divided by the lowest floor",
        _loss_over_floor,
        short="/ floor",
    ),
    *_of_two_records(
        "gradient_ratio",
        "||dL/dh_1|| / ||dL/dh_T||",
        "`grad_norm` of layer 0 at the first timestep over that at the last",
        _gradient_ratio,
        middle=1.0,
    ),
    *_of_two_records(
        "gradient_slope",
        "gradient slope",
        "least-squares slope over timesteps of `grad_log_norm` of layer 0",
        _gradient_slope,
        unit="ln ||dL/dh_t|| per timestep",
        short=("", "slope"),
        middle=0.0,
    ),
    *_of_two_records(
        "spectral_radius",
        "spectral radius of W_hh",
        "largest magnitude of an eigenvalue of `weight_hh` of layer 0",
        _spectral_radius,
        short=("radius first", "last"),
    ),
)


class Base(Group):
    """What every run records."""

    name: ClassVar[str] = "base"
    place: ClassVar[int] = 0
    quantities: ClassVar[tuple[Quantity, ...]] = QUANTITIES
    summaries: ClassVar[tuple[Summary, ...]] = SUMMARIES

    @property
    def file(self) -> str:
        """The file that every run folder has."""
        return "metrics.npz"

    def compute(self, problem: Problem) -> dict[str, np.ndarray]:
        """Measure all but what training itself gives (losses, steps, names)."""
        import torch

        from rnnlab.flow.norms import log_mean_norm, mean_norm, node_norms
        from rnnlab.flow.spectra import eigenvalues, singular_values
        from rnnlab.nets.norms import norm

        gradients = problem.flow.parameter_gradients.values()
        tensors = {
            "probe_loss": problem.flow.loss_SB.mean(dim=-1),
            "grad_norm": mean_norm(problem.grad_norms_SLTB),
            "grad_log_norm": log_mean_norm(problem.grad_norms_SLTB),
            "hidden_norm": mean_norm(node_norms(problem.flow.h)),
        }
        if problem.cell_grad_norms_SLTB is not None:
            tensors["cell_grad_norm"] = mean_norm(problem.cell_grad_norms_SLTB)
        tensors["param_grad_norm"] = torch.stack([norm(gradient.flatten(1)) for gradient in gradients], dim=-1)
        arrays: dict[str, np.ndarray] = {name: tensor.numpy() for name, tensor in tensors.items()}
        matrices_SLHH = problem.governing_matrices_SLHH
        if matrices_SLHH is not None:
            arrays |= {"eigenvalues": eigenvalues(matrices_SLHH), "singular_values": singular_values(matrices_SLHH)}
        return arrays

    def training_steps(self, sizes: Sizes) -> float:
        """Estimate one forward and backward pass in float64 for each record."""
        return 2.0 * sizes.records


GROUPS.register(Base())
