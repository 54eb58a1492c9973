"""Lyapunov exponents: the rates at which perturbations of the state grow, and gradients on their way back.

Their own trajectory is long, so that they are exponents and no transient: sequences of the task from a stream of their
own, joined, a washout first. Measured at the first and the last record.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from rnnlab.flow.declaring import no_derivatives, of_two_records
from rnnlab.flow.group import GROUPS, Group
from rnnlab.flow.quantity import LAYER, RECORD, Axis, Quantity, Sizes, Table

if TYPE_CHECKING:
    import numpy as np

    from rnnlab.flow.problem import Problem

EXPONENT = Axis("exponent", "N", "exponent_from_1", "exponent i", first=1, length=lambda sizes: 2 * sizes.hidden_size)
EXPONENTS = Table("exponents", (RECORD, LAYER, EXPONENT), "Lyapunov exponents")
ATTRACTORS = Table("attractors", (RECORD, LAYER), "attractor dimension")

SEQUENCES, TIMESTEPS, WASHOUT = 4, 500, 100
"""Of the long trajectory; the washout is part of it, and never more than its quarter."""

_SOURCE = "Benettin et al. 1980; Vogt et al. 2022"

QUANTITIES = (
    Quantity(
        "exponents",
        "λ_i",
        EXPONENTS,
        "Lyapunov exponents of the layer's full state (h, or h and c of an LSTM) with its input held fixed, largest "
        "first: mean over 4 long sequences; -inf for a direction that is lost",
        unit="per_timestep",
        zero_is_minus_infinity=True,
        equation="λ_i = ⟨ln (R_t)_ii⟩,  Q_t R_t = J_t Q_{t-1}",
        why_absent=no_derivatives,
        source=_SOURCE,
    ),
    Quantity(
        "exponents_stderr",
        "standard error of λ_i",
        EXPONENTS,
        "standard error of that mean over the sequences; 0 where the exponent is -inf",
        unit="per_timestep",
        scale="log",
        why_absent=no_derivatives,
        equation="sd_p(λ_i of sequence p) / √P",
        source=_SOURCE,
    ),
    Quantity(
        "attractor_dimension",
        "D_KY",
        ATTRACTORS,
        "dimension of the attractor by Kaplan and Yorke: 0 where all perturbations decay",
        equation="k + (λ_1 + ... + λ_k) / |λ_{k+1}|,  k the last with a sum >= 0",
        why_absent=no_derivatives,
        source="Kaplan and Yorke 1979",
    ),
)

SUMMARIES = (
    *of_two_records(
        "attractor_dimension",
        "attractor dimension",
        "`attractor_dimension` of layer 0",
        lambda arrays, record: float(arrays["attractor_dimension"][record, 0]),
        needs="attractor_dimension",
    ),
)


class Lyapunov(Group):
    """Lyapunov exponents of the full state along a long trajectory."""

    name: ClassVar[str] = "lyapunov"
    place: ClassVar[int] = 30
    by_default: ClassVar[bool] = False
    quantities: ClassVar[tuple[Quantity, ...]] = QUANTITIES
    summaries = SUMMARIES

    def records(self, count: int, _timesteps: int) -> Sequence[int]:
        """Choose the first and the last."""
        return sorted({0, count - 1})

    def compute(self, problem: Problem) -> dict[str, np.ndarray]:
        """Run over the long sequences, or where the problem cannot draw any over the probe sequences themselves."""
        import torch

        from rnnlab.flow.exponents import attractor_dimension, lyapunov_exponents, mean_over_sequences

        if no_derivatives(problem.architecture.cell):
            return {}
        layers, washout = problem.long_steps(SEQUENCES, TIMESTEPS, WASHOUT)
        by_sequence_SLBN = torch.stack([lyapunov_exponents(steps, washout) for steps in layers], dim=1)
        mean_SLN, stderr_SLN = mean_over_sequences(by_sequence_SLBN, dim=2)
        mean_SLN, order_SLN = mean_SLN.sort(dim=-1, descending=True)
        return {
            "exponents": mean_SLN.numpy(),
            "exponents_stderr": stderr_SLN.gather(-1, order_SLN).numpy(),
            "attractor_dimension": attractor_dimension(mean_SLN).numpy(),
        }

    def training_steps(self, sizes: Sizes) -> float:
        """Estimate a forward pass, and pushing N vectors with a QR of N of them at every timestep."""
        share = SEQUENCES * TIMESTEPS / (sizes.sequences * sizes.timesteps)
        return len(self.records(sizes.records, sizes.timesteps)) * share * (2.0 + 2.0 * sizes.hidden_size)


GROUPS.register(Lyapunov())
