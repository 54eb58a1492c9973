"""The exponent of every run: at which rate gradients vanish or explode over a long time, with its error.

The slope of ln ‖dL/dh_t‖ over the T timesteps of a task is a transient where T is short, and can have the wrong sign.
This is the rate itself: of one perturbation, along sequences of the task that are joined to a long one, after a
washout. Measured at the first and the last record; the group `lyapunov` has all exponents, of longer sequences.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from rnnlab.flow.declaring import no_derivatives, of_two_records
from rnnlab.flow.group import GROUPS, Group
from rnnlab.flow.quantity import LAYER, RECORD, Quantity, Sizes, Table

if TYPE_CHECKING:
    import numpy as np

    from rnnlab.flow.problem import Problem

RATES = Table("rates", (RECORD, LAYER), "exponent of the gradient flow")

SEQUENCES, TIMESTEPS, WASHOUT = 4, 200, 50
"""Of the long trajectory; the washout is part of it, and never more than its quarter."""

_SOURCE = "Benettin et al. 1980; Engelken, Wolf and Abbott 2023"

QUANTITIES = (
    Quantity(
        "exponent",
        "λ_1",
        RATES,
        "largest Lyapunov exponent of the layer's full state (h, or h and c of an LSTM) with its input held fixed, "
        "mean over 4 long sequences: gradients vanish below 0 and explode above; -inf where every perturbation is lost",
        unit="per_timestep",
        zero_is_minus_infinity=True,
        equation="λ_1 = ⟨ln ‖J_t u_{t-1}‖⟩,  u_t = J_t u_{t-1} / ‖J_t u_{t-1}‖",
        why_absent=no_derivatives,
        source=_SOURCE,
    ),
    Quantity(
        "exponent_stderr",
        "standard error of λ_1",
        RATES,
        "standard error of that mean over the sequences; 0 where the exponent is -inf",
        unit="per_timestep",
        scale="log",
        why_absent=no_derivatives,
        equation="sd_p(λ_1 of sequence p) / √P",
        source=_SOURCE,
    ),
)

SUMMARIES = (
    *of_two_records(
        "exponent",
        "exponent",
        "`exponent` of layer 0: below 0 gradients vanish on their way back over a long time, above they explode",
        lambda arrays, record: float(arrays["exponent"][record, 0]),
        needs="exponent",
        unit="per timestep",
        short=("", "exponent"),
        middle=0.0,
    ),
    *of_two_records(
        "exponent_stderr",
        "standard error of the exponent",
        "`exponent_stderr` of layer 0",
        lambda arrays, record: float(arrays["exponent_stderr"][record, 0]),
        needs="exponent_stderr",
        unit="per timestep",
    ),
)


class Exponent(Group):
    """The largest exponent along a long trajectory."""

    name: ClassVar[str] = "exponent"
    place: ClassVar[int] = 1
    quantities: ClassVar[tuple[Quantity, ...]] = QUANTITIES
    summaries = SUMMARIES

    def records(self, count: int, _timesteps: int) -> Sequence[int]:
        """Choose the first and the last."""
        return sorted({0, count - 1})

    def compute(self, problem: Problem) -> dict[str, np.ndarray]:
        """Run over the long sequences, or where the problem cannot draw any over the probe sequences themselves."""
        import torch

        from rnnlab.flow.exponents import largest_exponent, mean_over_sequences

        if no_derivatives(problem.architecture.cell):
            return {}
        layers, washout = problem.long_steps(SEQUENCES, TIMESTEPS, WASHOUT)
        by_sequence_SLB = torch.stack([largest_exponent(steps, washout) for steps in layers], dim=1)
        mean_SL, stderr_SL = mean_over_sequences(by_sequence_SLB, dim=2)
        return {"exponent": mean_SL.numpy(), "exponent_stderr": stderr_SL.numpy()}

    def training_steps(self, sizes: Sizes) -> float:
        """Estimate a forward pass, and pushing one vector, at every timestep."""
        share = SEQUENCES * TIMESTEPS / (sizes.sequences * sizes.timesteps)
        return 4.0 * len(self.records(sizes.records, sizes.timesteps)) * share


GROUPS.register(Exponent())
