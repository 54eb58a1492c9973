"""Gated recurrent unit, with the reset gate behind the recurrent product, as in cuDNN and PyTorch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rnnlab.nets.cells.base import CELLS, Arrays, Cell, LayerWeights, State, numpy_sigmoid

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from rnnlab.nets.partials import Partials, StepPoint


@CELLS.register
@dataclass(frozen=True)
class GRU(Cell):
    """Gated recurrent unit; gates in PyTorch's order, reset, update, candidate.

    r, z = sigmoid(W_hh h_{t-1} + W_ih x_t + b);  n = tanh(W_in x_t + b_in + r (W_hn h_{t-1} + b_hn));
    h_t = (1 - z) n + z h_{t-1}.
    """

    name: ClassVar[str] = "gru"
    place: ClassVar[int] = 3
    noun: ClassVar[str] = "a GRU"
    source: ClassVar[str] = "Cho et al. 2014"
    gates: ClassVar[int] = 3
    blocks: ClassVar[tuple[str, ...]] = ("r", "z", "n")
    remembering_block: ClassVar[str | None] = "z"
    gate_names: ClassVar[tuple[str, ...]] = ("r", "z")
    keeping_gate: ClassVar[str | None] = "z"
    block_with_two_biases: ClassVar[str | None] = "n"
    why_no_matrix: ClassVar[str] = "no single matrix governs a GRU"
    no_matrix_reason: ClassVar[str] = "its gates change the product with every timestep"

    def parameter_shapes(self, input_size: int, hidden_size: int) -> dict[str, tuple[int, ...]]:
        """Add `bias_hn` (H), which stands inside the reset product."""
        return {**super().parameter_shapes(input_size, hidden_size), "bias_hn": (hidden_size,)}

    def step(self, drive_BG: Tensor, state: State, weights: LayerWeights) -> State:
        """Give (h_t,)."""
        (h_BH,) = state
        hidden_size = h_BH.shape[-1]
        gates_BG = h_BH @ weights["weight_hh"].mT
        drive_rz, drive_n = drive_BG.split((2 * hidden_size, hidden_size), dim=-1)
        gates_rz, gates_n = gates_BG.split((2 * hidden_size, hidden_size), dim=-1)
        r_BH, z_BH = (drive_rz + gates_rz).sigmoid().chunk(2, dim=-1)
        n_BH = (drive_n + r_BH * (gates_n + weights["bias_hn"].unsqueeze(-2))).tanh()
        return (n_BH + z_BH * (h_BH - n_BH),)

    def linearise(self, point: StepPoint) -> Partials:
        """With n = tanh(drive_n + r m), m = u_n + b_hn: h' = (1 - z) n + z h."""
        import torch

        from rnnlab.nets.partials import Partials

        (drive_r, drive_z, drive_n), (u_r, u_z, u_n) = point.drive.chunk(3, dim=-1), point.product.chunk(3, dim=-1)
        r, z, m, h = (
            (drive_r + u_r).sigmoid(),
            (drive_z + u_z).sigmoid(),
            u_n + point.vectors["bias_hn"],
            point.before[0],
        )
        n = (drive_n + r * m).tanh()
        by_n = (1 - z) * (1 - n.square())
        by_r, by_z = by_n * m * r * (1 - r), (h - n) * z * (1 - z)
        by_product = torch.stack([by_r, by_z, by_n * r], dim=-2).unsqueeze(-3)
        by_drive = torch.stack([by_r, by_z, by_n], dim=-2).unsqueeze(-3)
        return Partials(by_product, by_drive, z[..., None, None, :], {"r": r, "z": z})

    def numpy_step(
        self, drive_BG: np.ndarray, state: tuple[np.ndarray, ...], weights: Arrays
    ) -> tuple[np.ndarray, ...]:
        """Give (h_t,)."""
        import numpy as np

        (h_BH,) = state
        drive_r, drive_z, drive_n = np.split(drive_BG, 3, axis=-1)
        gates_r, gates_z, gates_n = np.split(h_BH @ weights["weight_hh"].T, 3, axis=-1)
        r_BH, z_BH = numpy_sigmoid(drive_r + gates_r), numpy_sigmoid(drive_z + gates_z)
        n_BH = np.tanh(drive_n + r_BH * (gates_n + weights["bias_hn"]))
        return (np.asarray((1 - z_BH) * n_BH + z_BH * h_BH),)
