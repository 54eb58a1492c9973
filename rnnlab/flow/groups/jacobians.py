"""What steps do to a gradient: how much all of them together can stretch one, and what each does to the actual one.

    P_t = ∂s_T/∂s_t = J_T ··· J_{t+1},  s_t the full state: h_t, or (h_t, c_t) of an LSTM

Of an Elman net J_t = D_t W with D_t = diag σ'(a_t), and the gain of a step along the actual gradient v = dL/dh_{t+1}
falls into two factors: ‖Wᵀ D v‖ / ‖v‖ = (‖D v‖ / ‖v‖) (‖Wᵀ D v‖ / ‖D v‖), the nonlinearity's and the matrix's.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, ClassVar

from rnnlab.flow.declaring import no_derivatives, no_slopes
from rnnlab.flow.group import GROUPS, Group
from rnnlab.flow.quantity import FLOW, LAYER, RECORD, Axis, Quantity, Sizes, Table

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from rnnlab.flow.problem import Problem

TRANSITION = Axis(
    "timestep",
    "T-1",
    "timestep_from_1",
    "timestep t",
    first=1,
    length=lambda sizes: sizes.timesteps - 1,
    may_be_empty=True,
)
"""The way back from t + 1 to t, by its end t."""
GAINS = Table("gains", (RECORD, LAYER, TRANSITION), "growth of the gradient (elman only)")


_PRODUCTS = "Pascanu, Mikolov and Bengio 2013"
_FEW = "mean over the first 8 probe sequences"

QUANTITIES = (
    Quantity(
        "product_log_norm",
        "ln ||ds_T/ds_t||",
        FLOW,
        f"{_FEW} of ln of the largest singular value of P_t = ds_T/ds_t, the product of the Jacobians of the layer's "
        "full state: the most that the way back from T to t can stretch a gradient; -inf for a true zero",
        unit="ln",
        zero_is_minus_infinity=True,
        why_absent=no_derivatives,
        equation="ln ‖J_T ··· J_{t+1}‖₂,  J_t = ∂s_t/∂s_{t-1}",
        source=_PRODUCTS,
    ),
    Quantity(
        "product_log_rms",
        "ln(||ds_T/ds_t||_F / √N)",
        FLOW,
        f"{_FEW} of ln of the root mean square of the singular values of P_t: what the way back does to a gradient of "
        "random direction",
        unit="ln",
        zero_is_minus_infinity=True,
        why_absent=no_derivatives,
        equation="ln(‖P_t‖_F / √N)",
        source=_PRODUCTS,
    ),
    Quantity(
        "step_log_norm",
        "ln ||ds_t/ds_{t-1}||",
        FLOW,
        f"{_FEW} of ln of the largest singular value of the Jacobian of one step",
        unit="ln",
        zero_is_minus_infinity=True,
        why_absent=no_derivatives,
        equation="ln ‖J_t‖₂",
        source=_PRODUCTS,
    ),
    Quantity(
        "gain_nonlinearity",
        "ln(||D v|| / ||v||)",
        GAINS,
        "part of the nonlinearity in the step from v = dL_p/dh_{t+1} back to t, mean over the probe sequences whose "
        "gradient passes; -inf if none does",
        unit="ln",
        zero_is_minus_infinity=True,
        why_absent=no_slopes,
        equation="ln(‖D v‖ / ‖v‖),  D = diag σ'(a_{t+1}),  v = dL/dh_{t+1}",
        source=_PRODUCTS,
    ),
    Quantity(
        "gain_matrix",
        "ln(||W^T D v|| / ||D v||)",
        GAINS,
        "part of W_hh in the same step, mean over the same sequences; with one layer and the loss at the last timestep "
        "both parts add up to the step of `grad_log_norm`; 0 if no gradient passes",
        unit="ln",
        why_absent=no_slopes,
        equation="ln(‖Wᵀ D v‖ / ‖D v‖)",
        source=_PRODUCTS,
    ),
)


class Jacobians(Group):
    """Products of step Jacobians, and the gain of each step."""

    name: ClassVar[str] = "jacobians"
    place: ClassVar[int] = 20
    by_default: ClassVar[bool] = False
    quantities: ClassVar[tuple[Quantity, ...]] = QUANTITIES

    def compute(self, problem: Problem) -> dict[str, np.ndarray]:
        """Take means of logarithms."""
        cell = problem.architecture.cell
        if no_derivatives(cell):
            return {}
        logs = problem.product_logs
        arrays = {
            "product_log_norm": logs.norm.mean(dim=-1).numpy(),
            "product_log_rms": logs.rms.mean(dim=-1).numpy(),
            "step_log_norm": logs.step_norm.mean(dim=-1).numpy(),
        }
        if cell.governing_matrix is None:
            return arrays
        nonlinearity, matrix = gains(problem)
        return arrays | {"gain_nonlinearity": nonlinearity.numpy(), "gain_matrix": matrix.numpy()}

    def training_steps(self, sizes: Sizes) -> float:
        """Estimate a forward and a backward pass, and the products and singular values of eight sequences."""
        share = min(sizes.sequences, 8) / sizes.sequences
        return sizes.records * (4.0 + 4.5 * share * sizes.hidden_size)


def gains(problem: Problem) -> tuple[Tensor, Tensor]:
    """Give the nonlinearity's and the matrix's part of each step's gain, (S, L, T - 1) each."""
    import torch

    parts = []
    for split in problem.splits:
        passes_STB = split.log_back_STB[:, 1:].isneginf().logical_not()
        nonlinearity_STB = (split.log_product_STB - split.log_total_STB)[:, 1:]
        matrix_STB = (split.log_back_STB - split.log_product_STB)[:, 1:]
        parts.append((_mean(nonlinearity_STB, passes_STB, -inf), _mean(matrix_STB, passes_STB, 0.0)))
    nonlinearity_LST, matrix_LST = zip(*parts, strict=True)
    return torch.stack(nonlinearity_LST, dim=1), torch.stack(matrix_LST, dim=1)


def _mean(values_STB: Tensor, chosen_STB: Tensor, otherwise: float) -> Tensor:
    """Give the mean over the chosen sequences; `otherwise` where there are none."""
    count_ST = chosen_STB.sum(dim=-1)
    mean_ST = values_STB.where(chosen_STB, 0.0).sum(dim=-1) / count_ST
    return mean_ST.where(count_ST > 0, otherwise)


GROUPS.register(Jacobians())
