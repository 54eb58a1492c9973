"""Where the gradient of a hidden state comes from: directly from this timestep, or back through time.

    dL/dh_t = direct_t + back_t

With the loss at the last timestep alone, direct is 0 but at T in the top layer; with a loss at every timestep it is
what keeps dL/dh_t alive although hardly anything comes back from later ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rnnlab.flow.declaring import no_derivatives
from rnnlab.flow.group import GROUPS, Group
from rnnlab.flow.quantity import FLOW, Quantity, Sizes

if TYPE_CHECKING:
    import numpy as np

    from rnnlab.flow.problem import Problem

_SOURCE = "Pascanu, Mikolov and Bengio 2013"

QUANTITIES = (
    Quantity(
        "direct_norm",
        "||direct dL/dh_t||",
        FLOW,
        "mean over p of the 2-norm of the direct part of dL_p/dh_t: through this timestep's own readout and, below the "
        "top layer, through the layer above at t",
        unit="l2",
        scale="log",
        equation="∂⁺L/∂h_t = W_outᵀ ∂L/∂o_t  (top layer),  W_ihᵀ ∂L/∂a_t of the layer above",
        why_absent=no_derivatives,
        source=_SOURCE,
    ),
    Quantity(
        "backflow_norm",
        "||back-flow to h_t||",
        FLOW,
        "mean over p of the 2-norm of the rest of dL_p/dh_t, which comes back through the next state of the same layer",
        unit="l2",
        scale="log",
        equation="(∂s_{t+1}/∂h_t)ᵀ dL/ds_{t+1}",
        why_absent=no_derivatives,
        source=_SOURCE,
    ),
    Quantity(
        "split_cosine",
        "cos(direct, back-flow)",
        FLOW,
        "mean over p of the cosine between the two parts: below 0 they take from each other; 0 where one of them is 0",
        equation="cos(∂⁺L/∂h_t, dL/dh_t - ∂⁺L/∂h_t)",
        why_absent=no_derivatives,
        source=_SOURCE,
    ),
)


class SplitGradients(Group):
    """The direct part of each gradient, and the part that comes back through time."""

    name: ClassVar[str] = "split"
    place: ClassVar[int] = 40
    by_default: ClassVar[bool] = False
    quantities: ClassVar[tuple[Quantity, ...]] = QUANTITIES

    def compute(self, problem: Problem) -> dict[str, np.ndarray]:
        """Take norms and cosines of both parts."""
        import torch

        from rnnlab.nets.norms import norm

        if no_derivatives(problem.architecture.cell):
            return {}
        by_layer = []
        for split in problem.splits:
            direct_STB, back_STB = norm(split.direct_STBH), norm(split.back_STBH)
            # each scaled before they meet: the product of two gradients of 1e-200 is no float64
            directions = [
                part / torch.where(length > 0, length, 1.0).unsqueeze(-1)
                for part, length in ((split.direct_STBH, direct_STB), (split.back_STBH, back_STB))
            ]
            cosine_STB = (directions[0] * directions[1]).sum(dim=-1)
            by_layer.append([each.mean(dim=-1) for each in (direct_STB, back_STB, cosine_STB)])
        direct, back, cosine = (torch.stack(each, dim=1).numpy() for each in zip(*by_layer, strict=True))
        return {"direct_norm": direct, "backflow_norm": back, "split_cosine": cosine}

    def training_steps(self, sizes: Sizes) -> float:
        """Estimate a forward pass and a backward pass in small pieces."""
        return 5.0 * sizes.records


GROUPS.register(SplitGradients())
