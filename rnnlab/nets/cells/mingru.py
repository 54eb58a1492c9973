"""The minimal GRU: gate and candidate see the input alone, so that it could run in parallel (Feng et al. 2024)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rnnlab.nets.cells.base import CELLS, Cell, LayerWeights, State

if TYPE_CHECKING:
    from torch import Tensor

    from rnnlab.nets.partials import Partials, StepPoint


@CELLS.register
@dataclass(frozen=True)
class MinGRU(Cell):
    """z = sigmoid(W_z x_t + b_z), n = W_n x_t + b_n;  h_t = (1 - z) h_{t-1} + z n.

    Its Jacobian is diag(1 - z): what an update gate of a GRU is called lets in here, and f = 1 - z keeps.
    """

    name: ClassVar[str] = "mingru"
    place: ClassVar[int] = 7
    noun: ClassVar[str] = "a minimal GRU"
    source: ClassVar[str] = "Feng et al. 2024"
    gates: ClassVar[int] = 2
    blocks: ClassVar[tuple[str, ...]] = ("z", "n")
    admitting_block: ClassVar[str | None] = "z"
    gate_names: ClassVar[tuple[str, ...]] = ("f",)
    keeping_gate: ClassVar[str | None] = "f"
    has_recurrent_matrix: ClassVar[bool] = False
    why_no_matrix: ClassVar[str] = "a minimal GRU has no recurrent matrix"
    no_matrix_reason: ClassVar[str] = "its gate depends on the input alone"

    def parameter_shapes(self, input_size: int, hidden_size: int) -> dict[str, tuple[int, ...]]:
        """Leave `weight_hh` out."""
        shapes = super().parameter_shapes(input_size, hidden_size)
        return {name: shape for name, shape in shapes.items() if name != "weight_hh"}

    def step(self, drive_BG: Tensor, state: State, weights: LayerWeights) -> State:  # noqa: ARG002 (all is in the drive)
        """Give (h_t,)."""
        (h_BH,) = state
        z_BH, n_BH = drive_BG.chunk(2, dim=-1)
        return (h_BH + z_BH.sigmoid() * (n_BH - h_BH),)

    def linearise(self, point: StepPoint) -> Partials:
        """Give ∂h'/∂z's drive = (n - h) z (1 - z), ∂h'/∂n = z, ∂h'/∂h = 1 - z."""
        import torch

        from rnnlab.nets.partials import Partials

        a_z, n = point.drive.chunk(2, dim=-1)
        z, kept, h = a_z.sigmoid(), (-a_z).sigmoid(), point.before[0]
        by_drive = torch.stack([(n - h) * z * kept, z], dim=-2).unsqueeze(-3)
        return Partials(by_drive[..., :0, :], by_drive, kept[..., None, None, :], {"f": kept})
