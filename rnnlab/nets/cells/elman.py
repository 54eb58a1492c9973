"""The Elman cell (Elman 1990): the previous state through one matrix and a nonlinearity."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from rnnlab.component import key
from rnnlab.nets.cells.base import CELLS, Arrays, Cell, LayerWeights, State, add_product
from rnnlab.nets.nonlinearities import NONLINEARITIES, Nonlinearity

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from rnnlab.nets.partials import Partials, StepPoint


@CELLS.register
@dataclass(frozen=True)
class Elman(Cell):
    """h_t = σ(W_hh h_{t-1} + W_ih x_t + b), with a nonlinearity by name or any callable σ of a tensor.

    Raises:
        UnknownNameError: there is no nonlinearity of that name.
    """

    name: ClassVar[str] = "elman"
    place: ClassVar[int] = 1
    noun: ClassVar[str] = "an Elman net"
    source: ClassVar[str] = "Elman 1990"
    governing_matrix: ClassVar[str | None] = "weight_hh"

    nonlinearity: str | Callable[[Tensor], Tensor] = key(
        "tanh", choices=NONLINEARITIES, description="The function that the cell applies at each step."
    )

    def __post_init__(self) -> None:
        """Refuse an unknown name at once."""
        if isinstance(self.nonlinearity, str):
            NONLINEARITIES[self.nonlinearity]

    @cached_property
    def function(self) -> Callable[[Tensor], Tensor]:
        """σ."""
        return NONLINEARITIES[self.nonlinearity].function if isinstance(self.nonlinearity, str) else self.nonlinearity

    @property
    def is_linear(self) -> bool:
        """Whether σ is the identity."""
        return isinstance(self.nonlinearity, str) and NONLINEARITIES[self.nonlinearity].is_linear

    def step(self, drive_BG: Tensor, state: State, weights: LayerWeights) -> State:
        """Give (h_t,)."""
        (h_BH,) = state
        return (self.function(add_product(drive_BG, h_BH, weights["weight_hh"])),)

    def linearise(self, point: StepPoint) -> Partials:
        """With a = drive + u: h' = σ(a), ∂h'/∂a = σ'(a)."""
        from rnnlab.nets.partials import Partials

        by_product = self.slope(point)[..., None, None, :]
        return Partials(by_product, by_product, None, {})

    def slope(self, point: StepPoint) -> Tensor:
        """Give σ'(a) at the pre-activation a = drive + u."""
        import torch

        with torch.enable_grad():
            a = (point.drive + point.product).requires_grad_()
            (slope,) = torch.autograd.grad(self.function(a).sum(), a)
        return slope

    def numpy_step(
        self, drive_BG: np.ndarray, state: tuple[np.ndarray, ...], weights: Arrays
    ) -> tuple[np.ndarray, ...]:
        """Give (h_t,); a σ without a form in numpy goes through torch."""
        named: Nonlinearity | None = NONLINEARITIES[self.nonlinearity] if isinstance(self.nonlinearity, str) else None
        if named is None or named.numpy_function is None:
            return self._numpy_step_through_torch(drive_BG, state, weights)
        return (named.numpy_function(drive_BG + state[0] @ weights["weight_hh"].T),)
