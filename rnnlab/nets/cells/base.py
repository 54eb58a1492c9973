"""What every cell is: its names, its parameters, and one step, written as its equation.

The part that comes from the input, `drive_BG = x_BI weight_ih_GIᵀ + bias_G`, does not depend on the state, so it is
taken for all timesteps at once and handed to the step. Written with tensor methods only: nothing here imports torch
before a cell runs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rnnlab.component import make_component, own_keys
from rnnlab.registry import Registry

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from rnnlab.nets.partials import Partials, StepPoint

    State = tuple[Tensor, ...]
    LayerWeights = Mapping[str, Tensor]
    Arrays = Mapping[str, np.ndarray]
else:
    State = tuple
    """What a cell carries from step to step, in the order of its `states`: (h_BH,), of an LSTM (h_BH, c_BH)."""
    LayerWeights = Arrays = Mapping
    """The weights of one layer by the names that its cell gives them; a leading S where nets are stacked."""


@dataclass(frozen=True)
class Cell(ABC):
    """One step of a recurrent net, and all that others need to know of it. Fields are keys of the config.

    A subclass gives `name`, `noun`, `source` and `step`, and what differs from here: an Elman net with one gate and
    one state. With `linearise` it has all that is measured from the derivatives of its steps. What it writes in
    `drive`, `begin` and `step` holds for arrays too, through torch, unless it writes the same again in numpy
    (`numpy_step`), so that a picture of predictions needs no torch.
    """

    name: ClassVar[str]
    """What a config calls it."""
    place: ClassVar[int] = 100
    """Where it stands in lists."""
    noun: ClassVar[str]
    """What a sentence calls a net of it: "an LSTM"."""
    source: ClassVar[str] = ""
    """The paper."""
    gates: ClassVar[int] = 1
    """How many blocks of H rows its matrices stack."""
    states: ClassVar[tuple[str, ...]] = ("h",)
    """The names of what it carries; the first is what the layer above reads."""
    blocks: ClassVar[tuple[str, ...]] = ("",)
    """The names of those blocks of rows, in their order."""
    remembering_block: ClassVar[str | None] = None
    """The block of the gate that, open, keeps the old state, and `admitting_block` of the one that lets a new one in:
    what biases that remember go by."""
    admitting_block: ClassVar[str | None] = None
    gate_names: ClassVar[tuple[str, ...]] = ()
    """The gates whose values `linearise` tells, and `keeping_gate` the one that is the share of the old state kept."""
    keeping_gate: ClassVar[str | None] = None
    has_recurrent_matrix: ClassVar[bool] = True
    """Whether the old state goes through a matrix `weight_hh`."""
    block_with_two_biases: ClassVar[str | None] = None
    """The block whose recurrent product has a bias of its own, `bias_hn`, where others have one in all."""
    governing_matrix: ClassVar[str | None] = None
    """The parameter whose powers carry a gradient through time, or None."""
    why_no_matrix: ClassVar[str] = "no single matrix governs this cell"
    """What a sentence says where there is no such matrix, and `no_matrix_reason` why there is none."""
    no_matrix_reason: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        """Drop inherited numpy forms and derivatives of what the subclass defines anew: they are another cell's."""
        if {"drive", "step"} & cls.__dict__.keys() and "linearise" not in cls.__dict__:
            cls.linearise = Cell.linearise  # type: ignore[method-assign]
        for method in ("drive", "begin", "step"):
            if method in cls.__dict__ and f"numpy_{method}" not in cls.__dict__:
                setattr(cls, f"numpy_{method}", getattr(Cell, f"_numpy_{method}_through_torch"))

    def parameter_shapes(self, input_size: int, hidden_size: int) -> dict[str, tuple[int, ...]]:
        """Give the shapes of one layer's parameters, in the order in which they are drawn and laid out.

        A name that begins with `bias` is a bias, with `weight` a matrix, and with `weight_hh` a recurrent one, (G, H):
        that is what the initial weights go by. What has another name is drawn by `draw_parameter`.
        """
        rows = self.gates * hidden_size
        return {"weight_ih": (rows, input_size), "weight_hh": (rows, hidden_size), "bias": (rows,)}

    def bias_shift(self, name: str, hidden_size: int) -> np.ndarray | None:  # noqa: ARG002 (most begin as drawn)
        """Give what is added to a bias once it was drawn and scaled, (G); None for nothing.

        Args:
            name: of the bias, as in `parameter_shapes`.
            hidden_size: H.
        """
        return None

    def drive(self, weights: LayerWeights, x_TBI: Tensor) -> Tensor:
        """Give what the inputs of all timesteps contribute, (T, B, G)."""
        return project(x_TBI, weights["weight_ih"], weights["bias"])

    def begin(self, weights: LayerWeights, drive_BG: Tensor) -> State:  # noqa: ARG002 (for cells that learn it)
        """Give the state before the first timestep: zeros (B, H)."""
        zero_BH = drive_BG.new_zeros((*drive_BG.shape[:-1], drive_BG.shape[-1] // self.gates))
        return (zero_BH,) * len(self.states)

    @abstractmethod
    def step(self, drive_BG: Tensor, state: State, weights: LayerWeights) -> State:
        """Give the state after one more timestep."""

    def recurrent_matrix(self, weights: LayerWeights) -> Tensor:
        """Give the matrix that the old state goes through, (G, H): `weight_hh`, or what the cell makes of it."""
        return weights["weight_hh"]

    def recurrent_gradient(self, gradient_GH: Tensor) -> Tensor:
        """Give the gradient for `weight_hh` from that for `recurrent_matrix`."""
        return gradient_GH

    def linearise(self, point: StepPoint) -> Partials:  # noqa: ARG002 (what a cell must write itself)
        """Differentiate a step where it was made.

        Raises:
            TypeError: nothing is written down for this cell.
        """
        raise TypeError(f"no derivatives are written down for the cell {type(self).__name__}")

    def draw_parameter(self, generator: np.random.Generator, name: str, hidden_size: int) -> np.ndarray | None:  # noqa: ARG002
        """Draw a parameter that begins in the cell's own way whatever the init, unscaled; None for one that does not.

        Args:
            generator: where the numbers come from.
            name: as in `parameter_shapes`; it need not begin with `weight` or `bias`.
            hidden_size: H.
        """
        return None

    def numpy_begin(self, weights: Arrays, drive_BG: np.ndarray) -> tuple[np.ndarray, ...]:  # noqa: ARG002
        """Give the state before the first timestep, as `begin` does, for arrays."""
        import numpy as np

        zero_BH = np.zeros((*drive_BG.shape[:-1], drive_BG.shape[-1] // self.gates))
        return (zero_BH,) * len(self.states)

    def numpy_drive(self, weights: Arrays, x_TBI: np.ndarray) -> np.ndarray:
        """Give the drive of all timesteps, as `drive` does, for arrays."""
        drive_TBG: np.ndarray = x_TBI @ weights["weight_ih"].T + weights["bias"]
        return drive_TBG

    def numpy_step(
        self, drive_BG: np.ndarray, state: tuple[np.ndarray, ...], weights: Arrays
    ) -> tuple[np.ndarray, ...]:
        """Make one step, as `step` does, for arrays."""
        return self._numpy_step_through_torch(drive_BG, state, weights)

    def _numpy_drive_through_torch(self, weights: Arrays, x_TBI: np.ndarray) -> np.ndarray:
        import torch

        drive_TBG: np.ndarray = self.drive(_tensors(weights), torch.from_numpy(x_TBI)).numpy()
        return drive_TBG

    def _numpy_begin_through_torch(self, weights: Arrays, drive_BG: np.ndarray) -> tuple[np.ndarray, ...]:
        import torch

        return tuple(part.numpy() for part in self.begin(_tensors(weights), torch.from_numpy(drive_BG)))

    def _numpy_step_through_torch(
        self, drive_BG: np.ndarray, state: tuple[np.ndarray, ...], weights: Arrays
    ) -> tuple[np.ndarray, ...]:
        import torch

        before = tuple(map(torch.from_numpy, state))
        after = self.step(torch.from_numpy(drive_BG), before, _tensors(weights))
        return tuple(part.numpy() for part in after)

    @property
    def is_linear(self) -> bool:
        """Whether a net of it is a linear function of its inputs."""
        return False

    @property
    def label(self) -> str:
        """Its name and its own keys: `elman tanh`."""
        values = {
            name: getattr(self, name)
            for name, own in own_keys(type(self)).items()
            if not (own.added_later and getattr(self, name) == own.default)
        }
        return " ".join([self.name, *(str(v) if isinstance(v, str) else f"{own} {v}" for own, v in values.items())])


CELLS: Registry[type[Cell]] = Registry("cell", "rnnlab.nets.cells")
"""Every cell, by name."""


def make_cell(name: str, values: Mapping[str, object] | None = None) -> Cell:
    """Give a cell with its own keys.

    Args:
        name: of a registered cell.
        values: by key, such as the `model` section of a config; what other cells need is left aside.

    Raises:
        UnknownNameError: there is no such cell.
    """
    return make_component(CELLS, name, values or {})


def project(x_TBI: Tensor, weight_GI: Tensor, bias_G: Tensor) -> Tensor:
    """Give x weightᵀ + bias at all timesteps, (T, B, G), as one product a net."""
    rows = x_TBI.flatten(-3, -2)  # (T B, I)
    flat = add_product(bias_G.unsqueeze(-2), rows, weight_GI)
    return flat.reshape((*x_TBI.shape[:-1], flat.shape[-1]))


def add_product(base_BG: Tensor, x_BI: Tensor, weight_GI: Tensor) -> Tensor:
    """Give base + x weightᵀ in one operation: for nets this small its overhead is what counts."""
    product = base_BG.addmm if x_BI.dim() == 2 else base_BG.baddbmm
    return product(x_BI, weight_GI.mT)


def numpy_sigmoid(a: np.ndarray) -> np.ndarray:
    """Give 1 / (1 + e^-a) by tanh: the same function, and exp never overflows."""
    import numpy as np

    return np.asarray(0.5 * (1 + np.tanh(0.5 * a)))


def _tensors(weights: Arrays) -> dict[str, Tensor]:
    import torch

    return {name: torch.from_numpy(weight) for name, weight in weights.items()}
