"""Long short-term memory: a cell state that gates let in, keep and let out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rnnlab.component import key
from rnnlab.nets.cells.base import CELLS, Arrays, Cell, LayerWeights, State, add_product, numpy_sigmoid

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from rnnlab.nets.partials import Partials, StepPoint


@CELLS.register
@dataclass(frozen=True)
class LSTM(Cell):
    """Long short-term memory; gates in PyTorch's order, input, forget, candidate, output.

    i, f, o = sigmoid(...), g = tanh(...) of W_hh h_{t-1} + W_ih x_t + b;
    c_t = f c_{t-1} + i g;  h_t = o tanh(c_t).
    """

    name: ClassVar[str] = "lstm"
    place: ClassVar[int] = 2
    noun: ClassVar[str] = "an LSTM"
    source: ClassVar[str] = "Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000"
    gates: ClassVar[int] = 4
    states: ClassVar[tuple[str, ...]] = ("h", "c")
    blocks: ClassVar[tuple[str, ...]] = ("i", "f", "g", "o")
    remembering_block: ClassVar[str | None] = "f"
    admitting_block: ClassVar[str | None] = "i"
    gate_names: ClassVar[tuple[str, ...]] = ("i", "f", "o")
    keeping_gate: ClassVar[str | None] = "f"
    why_no_matrix: ClassVar[str] = "no single matrix governs an LSTM"
    no_matrix_reason: ClassVar[str] = "its gates change the product with every timestep"

    forget_bias: float = key(
        0.0,
        added_later=True,
        description="What is added to the initial biases of an LSTM's forget gate (Gers et al. 2000; 1 as in "
        "Jozefowicz et al. 2015); no scale multiplies it.",
    )

    def bias_shift(self, name: str, hidden_size: int) -> np.ndarray | None:
        """Give the forget bias, in the rows of that gate."""
        import numpy as np

        shift_G = self.forget_bias * np.repeat([block == "f" for block in self.blocks], hidden_size)
        return shift_G if name == "bias" and self.forget_bias else None

    def step(self, drive_BG: Tensor, state: State, weights: LayerWeights) -> State:
        """Give (h_t, c_t)."""
        h_BH, c_BH = state
        i_BH, f_BH, g_BH, o_BH = add_product(drive_BG, h_BH, weights["weight_hh"]).chunk(4, dim=-1)
        c_BH = f_BH.sigmoid() * c_BH + i_BH.sigmoid() * g_BH.tanh()
        return o_BH.sigmoid() * c_BH.tanh(), c_BH

    def linearise(self, point: StepPoint) -> Partials:
        """With c' = f c + i g: h' = o tanh c'."""
        import torch

        from rnnlab.nets.partials import Partials

        a_i, a_f, a_g, a_o = (point.drive + point.product).chunk(4, dim=-1)
        i, f, g, o, c = a_i.sigmoid(), a_f.sigmoid(), a_g.tanh(), a_o.sigmoid(), point.before[1]
        tanh_c = (f * c + i * g).tanh()
        h_by_c = o * (1 - tanh_c.square())
        zero = torch.zeros_like(c)
        c_by_gates = torch.stack([g * i * (1 - i), c * f * (1 - f), i * (1 - g.square()), zero], dim=-2)
        h_by_gates = h_by_c.unsqueeze(-2) * c_by_gates
        h_by_gates[..., 3, :] = tanh_c * o * (1 - o)
        by_product = torch.stack([h_by_gates, c_by_gates], dim=-3)
        by_state = torch.stack([torch.stack([zero, h_by_c * f], dim=-2), torch.stack([zero, f], dim=-2)], dim=-3)
        return Partials(by_product, by_product, by_state, {"i": i, "f": f, "o": o})

    def numpy_step(
        self, drive_BG: np.ndarray, state: tuple[np.ndarray, ...], weights: Arrays
    ) -> tuple[np.ndarray, ...]:
        """Give (h_t, c_t)."""
        import numpy as np

        h_BH, c_BH = state
        i_BH, f_BH, g_BH, o_BH = np.split(drive_BG + h_BH @ weights["weight_hh"].T, 4, axis=-1)
        c_BH = numpy_sigmoid(f_BH) * c_BH + numpy_sigmoid(i_BH) * np.tanh(g_BH)
        return numpy_sigmoid(o_BH) * np.tanh(c_BH), c_BH
