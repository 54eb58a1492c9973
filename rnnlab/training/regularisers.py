"""What is added to the loss while a net trains, by its gradient alone. `REGULARISERS` has them by name.

Pascanu, Mikolov and Bengio (2013, section 3.3) ask that each step back keeps the length of the gradient:

    Ω = Σ_t (r_t - 1)²,  r_t = ‖J_{t+1}ᵀ v‖ / ‖v‖,  v = dL/ds_{t+1}        (their equation 9)

Their code has another form, Σ_t (r_t² - 1)². As in their equation 11, the derivative for the recurrent matrix holds v,
the states and the slopes of the nonlinearity constant: only J's own factor W is varied. s is the full state of a layer.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rnnlab.component import key, make_component
from rnnlab.registry import Registry

if TYPE_CHECKING:
    from torch import Tensor

    from rnnlab.flow.steps import LayerSteps
    from rnnlab.nets import Cell

_SOURCE = "Pascanu, Mikolov and Bengio 2013"


@dataclass(frozen=True)
class Regulariser(ABC):
    """A penalty on how a net carries gradients back. Fields are keys of the config."""

    name: ClassVar[str]
    """What a config calls it."""
    meaning: ClassVar[str]
    """Its formula."""
    source: ClassVar[str] = _SOURCE
    """The paper."""
    place: ClassVar[int] = 100
    """Where it stands in lists."""

    @property
    @abstractmethod
    def weight(self) -> float:
        """Give its factor; 0 where it does nothing."""

    @abstractmethod
    def penalty_and_slope(self, ratio: Tensor) -> tuple[Tensor, Tensor]:
        """Give one step's penalty and its derivative, both for r_t."""

    def misfit(self, cell: Cell) -> str | None:
        """Say why a net of this cell cannot be trained with it; None where it can."""
        from rnnlab.flow.partials import has_partials  # only here, for what it imports

        if self.weight == 0 or (cell.has_recurrent_matrix and has_partials(cell)):
            return None
        return (
            f"the regulariser '{self.name}' acts on a recurrent matrix along known derivatives of a step, and "
            f"{cell.noun} lacks one of these; choose another cell, or regulariser: none"
        )


REGULARISERS: Registry[type[Regulariser]] = Registry("regulariser", __name__)
"""Every regulariser, by name."""


def make_regulariser(name: str, values: Mapping[str, object] | None = None) -> Regulariser:
    """Give a regulariser with its own keys.

    Raises:
        UnknownNameError: there is none of that name.
    """
    return make_component(REGULARISERS, name, values or {})


@REGULARISERS.register
@dataclass(frozen=True)
class NoRegulariser(Regulariser):
    """The loss alone."""

    name: ClassVar[str] = "none"
    meaning: ClassVar[str] = "0"
    source: ClassVar[str] = ""
    place: ClassVar[int] = 1

    @property
    def weight(self) -> float:
        """0."""
        return 0.0

    def penalty_and_slope(self, ratio: Tensor) -> tuple[Tensor, Tensor]:
        """Give zeros."""
        return 0 * ratio, 0 * ratio


@REGULARISERS.register
@dataclass(frozen=True)
class Pascanu(Regulariser):
    """(r - 1)², as the paper writes it."""

    name: ClassVar[str] = "pascanu"
    meaning: ClassVar[str] = "Σ_t (r_t - 1)², as in the paper"
    place: ClassVar[int] = 2

    omega_weight: float = key(
        1.0, ge=0, description="What multiplies the mean over sequences of Pascanu's Ω in what is minimised."
    )

    @property
    def weight(self) -> float:
        """Its key."""
        return self.omega_weight

    def penalty_and_slope(self, ratio: Tensor) -> tuple[Tensor, Tensor]:
        """Give (r - 1)² and 2 (r - 1)."""
        return (ratio - 1).square(), 2 * (ratio - 1)


@REGULARISERS.register
@dataclass(frozen=True)
class PascanuCode(Pascanu):
    """(r² - 1)², as the code that was published with the paper has it."""

    name: ClassVar[str] = "pascanu-code"
    meaning: ClassVar[str] = "Σ_t (r_t² - 1)², as in the code of the paper"
    place: ClassVar[int] = 3

    def penalty_and_slope(self, ratio: Tensor) -> tuple[Tensor, Tensor]:
        """Give (r² - 1)² and 4 r (r² - 1)."""
        beyond = ratio.square() - 1
        return beyond.square(), 4 * ratio * beyond


def omega(
    regulariser: Regulariser, cell: Cell, layers: Sequence[LayerSteps], gradients_STBAH: Sequence[Tensor]
) -> tuple[Tensor, list[Tensor]]:
    """Give the mean of Ω over sequences, summed over layers, and its derivative for `weight_hh` of each layer.

    Args:
        regulariser: the form of Ω.
        cell: of all layers.
        layers: their linearised steps.
        gradients_STBAH: dL_p/ds_t of each layer; its length does not matter, so L may be a mean.

    Returns:
        Ω (S,) and the derivatives, (S, G, H) each, without the regulariser's weight. Where a gradient is zero there is
        no ratio, and nothing to keep.
    """
    import torch

    total_S, found = layers[0].before_STBH.new_zeros(len(layers[0].before_STBH)), []
    for steps, gradient_STBAH in zip(layers, gradients_STBAH, strict=True):
        times, v_STBAH = slice(1, steps.timesteps), gradient_STBAH[:, 1:]
        pulled = steps.pull(v_STBAH, times)
        norm_STB, back_STB = (torch.linalg.vector_norm(x, dim=(-2, -1)) for x in (v_STBAH, pulled.state))
        is_there = (norm_STB > 0) & (back_STB > 0)
        ratio_STB = torch.where(is_there, back_STB / norm_STB, 1.0)
        penalty_STB, slope_STB = regulariser.penalty_and_slope(ratio_STB)
        total_S = total_S + penalty_STB.sum(dim=1).mean(dim=-1)
        factor_STB = torch.where(is_there, slope_STB / (norm_STB * back_STB), 0.0)
        rows_SRG = pulled.product.flatten(1, 2)
        back_SRH = (factor_STB.unsqueeze(-1) * pulled.state[..., 0, :]).flatten(1, 2)
        matrix_SGH = torch.bmm(rows_SRG.mT, back_SRH) / norm_STB.shape[-1]
        found.append(cell.recurrent_gradient(matrix_SGH))
    return total_S, found
