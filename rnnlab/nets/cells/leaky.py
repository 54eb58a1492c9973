"""The leaky Elman cell: a continuous-time net in Euler steps (Jaeger et al. 2007; Beer 1995)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rnnlab.component import key
from rnnlab.nets.cells.base import CELLS, LayerWeights, State
from rnnlab.nets.cells.elman import Elman

if TYPE_CHECKING:
    from torch import Tensor

    from rnnlab.nets.partials import Partials, StepPoint


@CELLS.register
@dataclass(frozen=True)
class LeakyElman(Elman):
    """h_t = (1 - a) h_{t-1} + a σ(W_hh h_{t-1} + W_ih x_t + b), an Euler step Δt/τ = a of τ h' = -h + σ(W_hh h + ...).

    Its Jacobian is (1 - a) I + a diag(σ') W_hh.
    """

    name: ClassVar[str] = "leaky"
    place: ClassVar[int] = 4
    noun: ClassVar[str] = "a leaky Elman net"
    source: ClassVar[str] = "Jaeger et al. 2007"
    governing_matrix: ClassVar[str | None] = None
    why_no_matrix: ClassVar[str] = "no single matrix governs a leaky net"
    no_matrix_reason: ClassVar[str] = "what leaks passes beside its matrix"

    leak: float = key(0.5, gt=0, le=1, description="a, how much of the state of a leaky net each step renews.")

    def step(self, drive_BG: Tensor, state: State, weights: LayerWeights) -> State:
        """Give (h_t,)."""
        (new_BH,) = super().step(drive_BG, state, weights)
        return ((1 - self.leak) * state[0] + self.leak * new_BH,)

    def linearise(self, point: StepPoint) -> Partials:
        """With a = drive + u: ∂h'/∂a = leak σ'(a), and 1 - leak of h passes as it is."""
        from rnnlab.nets.partials import Partials

        by_product = self.leak * self.slope(point)[..., None, None, :]
        kept = point.before[0].new_full(point.before[0].shape, 1 - self.leak)[..., None, None, :]
        return Partials(by_product, by_product, kept, {})
