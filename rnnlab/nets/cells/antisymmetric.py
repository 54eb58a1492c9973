"""The antisymmetric cell: a differential equation at the edge of stability, in Euler steps (Chang et al. 2019)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rnnlab.component import key
from rnnlab.nets.cells.base import CELLS, Cell, LayerWeights, State, add_product

if TYPE_CHECKING:
    from torch import Tensor

    from rnnlab.nets.partials import Partials, StepPoint


@CELLS.register
@dataclass(frozen=True)
class Antisymmetric(Cell):
    """h_t = h_{t-1} + ε tanh((W_hh - W_hhᵀ - γ I) h_{t-1} + W_ih x_t + b).

    The eigenvalues of W_hh - W_hhᵀ are imaginary, so that gradients neither vanish nor explode where ε is small; γ
    makes up for what an Euler step adds.
    """

    name: ClassVar[str] = "antisymmetric"
    place: ClassVar[int] = 5
    noun: ClassVar[str] = "an antisymmetric net"
    source: ClassVar[str] = "Chang et al. 2019"
    why_no_matrix: ClassVar[str] = "no single matrix governs an antisymmetric net"
    no_matrix_reason: ClassVar[str] = "the old state passes beside its matrix"

    step_size: float = key(0.1, gt=0, description="ε, the step of an antisymmetric net's differential equation.")
    diffusion: float = key(
        0.01, ge=0, description="γ, what is taken off the diagonal of an antisymmetric net's matrix."
    )

    def recurrent_matrix(self, weights: LayerWeights) -> Tensor:
        """Give W_hh - W_hhᵀ - γ I."""
        import torch

        matrix_HH = weights["weight_hh"]
        identity_HH = torch.eye(matrix_HH.shape[-1], dtype=matrix_HH.dtype, device=matrix_HH.device)
        return matrix_HH - matrix_HH.mT - self.diffusion * identity_HH

    def recurrent_gradient(self, gradient_GH: Tensor) -> Tensor:
        """Give dL/dW_hh = G - Gᵀ."""
        return gradient_GH - gradient_GH.mT

    def step(self, drive_BG: Tensor, state: State, weights: LayerWeights) -> State:
        """Give (h_t,)."""
        (h_BH,) = state
        return (h_BH + self.step_size * add_product(drive_BG, h_BH, self.recurrent_matrix(weights)).tanh(),)

    def linearise(self, point: StepPoint) -> Partials:
        """With a = drive + u: h' = h + ε tanh a."""
        from rnnlab.nets.partials import Partials

        slope = self.step_size * (1 - (point.drive + point.product).tanh().square())
        by_product = slope[..., None, None, :]
        kept = point.before[0].new_ones(point.before[0].shape)[..., None, None, :]
        return Partials(by_product, by_product, kept, {})
