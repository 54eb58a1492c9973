"""What bounds a gradient over k steps: rho^k <= ‖W^k‖ <= sigma^k, rho the spectral radius and sigma the spectral norm.

The bounds meet for a normal matrix. Of one that is not, powers may grow at first although all eigenvalues lie inside
of the unit circle (Trefethen and Embree 2005); Henrici's departure from normality (1962) says how far it is from one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rnnlab.flow.declaring import no_governing_matrix, of_two_records
from rnnlab.flow.group import GROUPS, Group
from rnnlab.flow.quantity import LAG, LAYER, RECORD, Quantity, Sizes, Table

if TYPE_CHECKING:
    import numpy as np

    from rnnlab.flow.problem import Problem

POWERS = Table("powers", (RECORD, LAYER, LAG), "norms of the powers of W_hh (elman only)")
MATRICES = Table("matrices", (RECORD, LAYER), "departure of W_hh from normality (elman only)")


_BOOK = "Trefethen and Embree 2005"

QUANTITIES = (
    Quantity(
        "power_log_norm",
        "ln ||W^k||",
        POWERS,
        "ln of the largest singular value of the k-th power of W_hh, k = 0..T-1: the way back over k steps of a linear "
        "net, between k ln rho and k ln sigma; -inf for a true zero",
        unit="ln",
        zero_is_minus_infinity=True,
        why_absent=no_governing_matrix,
        equation="k ln ρ ≤ ln ‖W^k‖₂ ≤ k ln σ",
        source=_BOOK,
    ),
    Quantity(
        "departure",
        "departure from normality",
        MATRICES,
        "Henrici's departure of W_hh from normality: 0 for a normal matrix, whose singular values are the magnitudes "
        "of its eigenvalues",
        why_absent=no_governing_matrix,
        equation="√(‖W‖_F² - Σ |λ|²)",
        source="Henrici 1962",
    ),
    Quantity(
        "transient_peak",
        "max_k ||W^k||",
        MATRICES,
        "largest of the norms of the powers k = 0..T-1 of W_hh: above 1 with a spectral radius below 1, gradients of a "
        "linear net grow before they vanish",
        scale="log",
        log_from=50.0,
        why_absent=no_governing_matrix,
        equation="max_k ‖W^k‖₂",
        source=_BOOK,
    ),
    Quantity(
        "transient_at",
        "k of max ||W^k||",
        MATRICES,
        "the power k of that largest norm",
        why_absent=no_governing_matrix,
        equation="argmax_k ‖W^k‖₂",
        source=_BOOK,
    ),
)


class Bounds(Group):
    """Powers of the recurrent matrix."""

    name: ClassVar[str] = "bounds"
    place: ClassVar[int] = 50
    by_default: ClassVar[bool] = False
    quantities: ClassVar[tuple[Quantity, ...]] = QUANTITIES
    summaries = of_two_records(
        "departure",
        "departure from normality",
        "`departure` of layer 0",
        lambda arrays, record: float(arrays["departure"][record, 0]),
        needs="departure",
    )

    def compute(self, problem: Problem) -> dict[str, np.ndarray]:
        """Multiply the matrix up to the length of the sequences; nothing for a cell that no single matrix governs."""
        import numpy as np
        import torch

        from rnnlab.flow.products import log_power_norms
        from rnnlab.flow.spectra import eigenvalues

        matrices_SLHH = problem.governing_matrices_SLHH
        if matrices_SLHH is None:
            return {}
        log_norm_SLK = log_power_norms(torch.from_numpy(matrices_SLHH), problem.inputs_BTI.shape[1]).numpy()
        with np.errstate(over="ignore", invalid="ignore"):
            squares_SL = np.square(matrices_SLHH).sum(axis=(-2, -1))
            normal_SL = np.square(np.abs(eigenvalues(matrices_SLHH))).sum(axis=-1)
            peak_SL = np.exp(log_norm_SLK.max(axis=-1))
            departure_SL = np.sqrt(np.maximum(squares_SL - normal_SL, 0.0))
        return {
            "power_log_norm": log_norm_SLK,
            "departure": departure_SL,
            "transient_peak": peak_SL,
            "transient_at": log_norm_SLK.argmax(axis=-1).astype(np.float64),  # for NaN after a divergence
        }

    def training_steps(self, sizes: Sizes) -> float:
        """Estimate T products of matrices and their norms, beside one forward pass of all sequences."""
        return sizes.records * 2.0 * sizes.hidden_size / sizes.sequences


GROUPS.register(Bounds())
