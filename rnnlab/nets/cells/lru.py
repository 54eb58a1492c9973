"""The linear recurrent unit: a diagonal complex matrix with eigenvalues in the unit disc (Orvieto et al. 2023)."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi
from typing import TYPE_CHECKING, ClassVar

from rnnlab.component import key
from rnnlab.nets.cells.base import CELLS, Cell, LayerWeights, State

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from rnnlab.nets.partials import Partials, StepPoint


@CELLS.register
@dataclass(frozen=True)
class LRU(Cell):
    """s_t = λ s_{t-1} + γ B x_t in complex numbers, number by number; h_t = Re s_t is what is read.

    λ = exp(-e^ν + i e^θ), γ = √(1 - |λ|²), B x_t = (W_ih x_t + b) with the real parts in the first H rows and the
    imaginary ones behind them. Written in real numbers, with h = Re s and u = Im s. Its Lyapunov exponents are -e^ν,
    each twice. Of the paper's layer this is the recurrence; γ is not trained apart.
    """

    name: ClassVar[str] = "lru"
    place: ClassVar[int] = 6
    noun: ClassVar[str] = "a linear recurrent unit"
    source: ClassVar[str] = "Orvieto et al. 2023"
    gates: ClassVar[int] = 2
    states: ClassVar[tuple[str, ...]] = ("h", "u")
    blocks: ClassVar[tuple[str, ...]] = ("real", "imaginary")
    has_recurrent_matrix: ClassVar[bool] = False
    why_no_matrix: ClassVar[str] = "a linear recurrent unit has no recurrent matrix"
    no_matrix_reason: ClassVar[str] = "its eigenvalues are parameters, each of one unit"

    least_radius: float = key(0.0, ge=0, lt=1, description="The least |λ| that an LRU begins with.")
    largest_radius: float = key(1.0, gt=0, le=1, description="The largest |λ| that an LRU begins with.")
    largest_phase: float = key(
        2 * pi, gt=0, description="The largest phase of λ, in radians a step, that an LRU begins with."
    )

    def __post_init__(self) -> None:
        """Refuse an empty ring."""
        if self.least_radius >= self.largest_radius:
            raise ValueError(f"least_radius {self.least_radius} must be below largest_radius {self.largest_radius}")

    @property
    def is_linear(self) -> bool:
        """It is."""
        return True

    def parameter_shapes(self, input_size: int, hidden_size: int) -> dict[str, tuple[int, ...]]:
        """Put ν and θ, (H) each, in the place of `weight_hh`."""
        shapes = super().parameter_shapes(input_size, hidden_size)
        return {"weight_ih": shapes["weight_ih"], "bias": shapes["bias"], "nu": (hidden_size,), "theta": (hidden_size,)}

    def draw_parameter(self, generator: np.random.Generator, name: str, hidden_size: int) -> np.ndarray | None:
        """Draw λ uniformly from the ring between the two radii, up to the largest phase (the paper's lemma 3.2)."""
        import numpy as np

        # the middles of the steps of float32, so that neither end is drawn
        u = generator.random(hidden_size, dtype=np.float32).astype(np.float64) + 2.0**-25
        if name == "nu":
            inner, outer = self.least_radius**2, self.largest_radius**2
            return np.asarray(np.log(-0.5 * np.log(inner + u * (outer - inner))))
        return np.asarray(np.log(self.largest_phase * u)) if name == "theta" else None

    def step(self, drive_BG: Tensor, state: State, weights: LayerWeights) -> State:
        """Give (Re s_t, Im s_t)."""
        real, imaginary, gamma = (part.unsqueeze(-2) for part in _eigenvalues(weights["nu"], weights["theta"]))
        (h_BH, u_BH), (drive_h, drive_u) = state, drive_BG.chunk(2, dim=-1)
        return real * h_BH - imaginary * u_BH + gamma * drive_h, imaginary * h_BH + real * u_BH + gamma * drive_u

    def linearise(self, point: StepPoint) -> Partials:
        """Give a rotation and shrinking of (h, u), the same at every step."""
        import torch

        from rnnlab.nets.partials import Partials

        like = point.before[0]
        real, imaginary, gamma = (
            part.expand(like.shape) for part in _eigenvalues(point.vectors["nu"], point.vectors["theta"])
        )
        zero = torch.zeros_like(like)
        by_drive = torch.stack([torch.stack([gamma, zero], dim=-2), torch.stack([zero, gamma], dim=-2)], dim=-3)
        rows = [torch.stack([real, -imaginary], dim=-2), torch.stack([imaginary, real], dim=-2)]
        return Partials(by_drive[..., :0, :], by_drive, torch.stack(rows, dim=-3), {})


def _eigenvalues(nu: Tensor, theta: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Give Re λ, Im λ and γ."""
    decay, phase = nu.exp(), theta.exp()
    radius = (-decay).exp()
    return radius * phase.cos(), radius * phase.sin(), (-(-2 * decay).expm1()).sqrt()
