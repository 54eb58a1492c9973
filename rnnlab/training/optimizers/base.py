"""What every optimizer is: a rule that changes parameters and its own moments in place. Tensor methods only."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rnnlab.component import make_component
from rnnlab.registry import Registry

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Optimizer(ABC):
    """A rule of updates. Fields are keys of the config; the learning rate is each net's own."""

    name: ClassVar[str]
    """What a config calls it."""
    meaning: ClassVar[str]
    """Its formula."""
    place: ClassVar[int] = 100
    """Where it stands in lists."""
    moments: ClassVar[tuple[str, ...]] = ()
    """What it remembers of each parameter, by name; zero at the beginning, and kept in saved states."""

    @property
    def remembered(self) -> tuple[str, ...]:
        """Which of its moments it has need of with these keys."""
        return self.moments

    @property
    def own_number(self) -> float:
        """The one number of its own that the native engine is told; 0 where it has none."""
        return 0.0

    def begin(self, parameters_SP: Tensor) -> dict[str, Tensor]:
        """Give its moments before the first update."""
        return {name: parameters_SP.new_zeros(parameters_SP.shape) for name in self.remembered}

    @abstractmethod
    def update(
        self, parameters_SP: Tensor, gradient_SP: Tensor, moments: Mapping[str, Tensor], rates_S1: Tensor, step: int
    ) -> None:
        """Make an update of a stack in place.

        Args:
            parameters_SP: what is changed.
            gradient_SP: of each net's loss.
            moments: by name, each (S, P); changed too.
            rates_S1: each net's learning rate.
            step: the number of the update, counted from 1.
        """


OPTIMIZERS: Registry[type[Optimizer]] = Registry("optimizer", "rnnlab.training.optimizers")
"""Every optimizer, by name."""


def make_optimizer(name: str, values: Mapping[str, object] | None = None) -> Optimizer:
    """Give an optimizer with its own keys.

    Args:
        name: of a registered optimizer.
        values: by key, such as the `training` section of a config; what others need is left aside.

    Raises:
        UnknownNameError: there is no such optimizer.
    """
    return make_component(OPTIMIZERS, name, values or {})
