"""What every run records: losses, the gradient flow, hidden norms, spectra; the arrays of metrics.npz."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rnnlab.flow.base_numbers import BASE_NUMBERS
from rnnlab.flow.declaring import no_governing_matrix
from rnnlab.flow.group import GROUPS, Group
from rnnlab.flow.quantity import FLOW, LOSS, PARAMETERS, PROBE, SPECTRUM, Quantity, Sizes, Summary

if TYPE_CHECKING:
    import numpy as np

    from rnnlab.flow.problem import Problem
    from rnnlab.nets import Cell


def _no_cell_state(cell: Cell) -> str | None:
    return None if "c" in cell.states else "only an LSTM has a cell state"


QUANTILES = (
    ("grad_log_low", "10 % quantile", 0.1),
    ("grad_log_median", "median", 0.5),
    ("grad_log_high", "90 % quantile", 0.9),
)
"""Of ln ‖dL_p/dh_t‖ over the probe sequences: name, words, share."""

QUANTITIES = (
    Quantity(
        "loss",
        "L",
        LOSS,
        "training loss of each batch, before its update",
        column_name="training_loss",
        scale="log",
        log_from=5.0,
        dtype="f4",
        equation="ℓ_k = (1/B) Σ_b L_b(θ_k), k = 0 … N - 1, over the B sequences b of batch k",
    ),
    Quantity(
        "step",
        "step",
        PROBE,
        "updates made when recorded: 0, every, 2 every, ..., batches",
        dtype="i8",
        is_axis=True,
        equation="k_r = min(r · every, N), r = 0, 1, 2, …",
    ),
    Quantity(
        "probe_loss",
        "probe loss",
        PROBE,
        "loss on the probe sequences",
        scale="log",
        log_from=5.0,
        equation="(1/M) Σ_p L_p, over the M probe sequences p",
    ),
    Quantity(
        "grad_norm",
        "||dL/dh_t||",
        FLOW,
        "mean over probe sequences p of the 2-norm of dL_p/dh_t, L_p the loss of sequence p alone; the total "
        "derivative, through every later step and layer",
        unit="l2",
        scale="log",
        equation="(1/M) Σ_p ‖dL_p/dh_t‖₂",
        source="Bengio, Simard and Frasconi 1994; Pascanu, Mikolov and Bengio 2013",
    ),
    Quantity(
        "grad_log_norm",
        "ln ||dL/dh_t||",
        FLOW,
        "mean over p of ln of the same norm, also where that is too small or too large for float64; -inf for a true "
        "zero, of one sequence even",
        unit="ln",
        zero_is_minus_infinity=True,
        equation="(1/M) Σ_p ln ‖dL_p/dh_t‖₂",
        source="Hochreiter 1991; Pascanu, Mikolov and Bengio 2013",
    ),
    Quantity(
        "grad_zero_share",
        "share of dL/dh_t = 0",
        FLOW,
        "share of the probe sequences whose dL_p/dh_t is exactly zero: no unit that lives passes it back",
        equation="(1/M) |{p : dL_p/dh_t = 0}|",
        source="Glorot, Bordes and Bengio 2011",
    ),
    Quantity(
        "grad_log_living",
        "ln ||dL/dh_t|| of the living",
        FLOW,
        "mean of ln ‖dL_p/dh_t‖ over the probe sequences where it is not zero; -inf where there is none",
        unit="ln",
        zero_is_minus_infinity=True,
        equation="mean of ln ‖dL_p/dh_t‖₂ over {p : dL_p/dh_t ≠ 0}",
    ),
    *(
        Quantity(
            name,
            f"{words} of ln ||dL/dh_t||",
            FLOW,
            f"{words} of ln ‖dL_p/dh_t‖ over the probe sequences p, linear between neighbours; -inf for a zero",
            unit="ln",
            zero_is_minus_infinity=True,
            equation=f"quantile {share} of ln ‖dL_p/dh_t‖₂ over p",
        )
        for name, words, share in QUANTILES
    ),
    Quantity(
        "hidden_norm",
        "||h_t||",
        FLOW,
        "mean over p of the 2-norm of h_t",
        unit="l2",
        scale="log",
        log_from=50.0,
        equation="(1/M) Σ_p ‖h_t‖₂",
    ),
    Quantity(
        "cell_grad_norm",
        "||dL/dc_t||",
        FLOW,
        "LSTM only: the same as `grad_norm` for dL_p/dc_t, which includes its path through h_t (dL_p/dh_t holds c_t "
        "fixed)",
        unit="l2",
        scale="log",
        why_absent=_no_cell_state,
        equation="(1/M) Σ_p ‖dL_p/dc_t‖₂",
        source="Hochreiter and Schmidhuber 1997",
    ),
    Quantity(
        "eigenvalues",
        "eigenvalues of W_hh",
        SPECTRUM,
        "of `weight_hh`, by falling magnitude, then real part, then imaginary part; Elman nets only",
        column_name="eigenvalue",
        scale="complex",
        dtype="c16",
        why_absent=no_governing_matrix,
        equation="W_hh v_i = λ_i v_i, |λ_1| ≥ |λ_2| ≥ … ≥ |λ_H|",
        source="Pascanu, Mikolov and Bengio 2013; Trefethen and Embree 2005",
    ),
    Quantity(
        "singular_values",
        "singular values of W_hh",
        SPECTRUM,
        "of `weight_hh`, largest first; Elman nets only",
        column_name="singular_value",
        scale="log",
        log_from=5.0,
        why_absent=no_governing_matrix,
        equation="W_hhᵀ W_hh v_i = σ_i² v_i, σ_1 ≥ σ_2 ≥ … ≥ σ_H ≥ 0",
        source="Trefethen and Embree 2005",
    ),
    Quantity(
        "param_grad_norm",
        "||dL/dp||",
        PARAMETERS,
        "2-norm of the gradient of the mean probe loss, by parameter",
        unit="l2",
        scale="log",
        equation="‖d/dθ (1/M) Σ_p L_p‖₂, for each parameter θ",
        source="Pascanu, Mikolov and Bengio 2013",
    ),
    Quantity("param_names", "parameter", PARAMETERS, "which", dtype="U", is_axis=True),
)


class Base(Group):
    """What every run records."""

    name: ClassVar[str] = "base"
    place: ClassVar[int] = 0
    quantities: ClassVar[tuple[Quantity, ...]] = QUANTITIES
    summaries: ClassVar[tuple[Summary, ...]] = BASE_NUMBERS

    @property
    def file(self) -> str:
        """The file that every run folder has."""
        return "metrics.npz"

    def compute(self, problem: Problem) -> dict[str, np.ndarray]:
        """Measure all but what training itself gives (losses, steps, names)."""
        import torch

        from rnnlab.flow.norms import living_mean, mean_norm, node_norms, quantile, zero_share
        from rnnlab.flow.spectra import eigenvalues, singular_values
        from rnnlab.nets.norms import norm

        gradients = problem.flow.parameter_gradients.values()
        tensors = {
            "probe_loss": problem.flow.loss_SB.mean(dim=-1),
            "grad_norm": mean_norm(problem.grad_norms_SLTB),
            "grad_log_norm": problem.grad_logs_SLTB.mean(dim=-1),
            "grad_zero_share": zero_share(problem.grad_logs_SLTB),
            "grad_log_living": living_mean(problem.grad_logs_SLTB),
            **{name: quantile(problem.grad_logs_SLTB, share) for name, _, share in QUANTILES},
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

    def underflows(self, problem: Problem) -> bool:
        """Tell whether a gradient fell below the range of float64."""
        from rnnlab.flow.norms import underflow

        cells = problem.cell_grad_norms_SLTB
        return underflow(problem.grad_norms_SLTB) or (cells is not None and underflow(cells))

    def training_steps(self, sizes: Sizes) -> float:
        """Estimate one forward and backward pass in float64 for each record."""
        return 2.0 * sizes.records


GROUPS.register(Base())
