"""Learning-rate schedules: the factor of the learning rate at each update. `SCHEDULES` has them by name.

A new one is a subclass of `Schedule` that is registered, here or anywhere.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rnnlab.component import key, make_component
from rnnlab.registry import Registry

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Schedule(ABC):
    """How the learning rate changes. Fields are keys of the config."""

    name: ClassVar[str]
    """What a config calls it."""
    meaning: ClassVar[str]
    """Its formula: the factor f_k of update k = 0 .. N - 1."""
    place: ClassVar[int] = 100
    """Where it stands in lists."""
    is_constant: ClassVar[bool] = False
    """Whether the factor is 1 throughout."""

    @abstractmethod
    def factors(self, updates_N: np.ndarray) -> np.ndarray:
        """Give the factor of each update, (N,).

        Args:
            updates_N: 0, 1, ..., N - 1 as float64.
        """


SCHEDULES: Registry[type[Schedule]] = Registry("schedule", __name__)
"""Every schedule, by name."""


def make_schedule(name: str, values: Mapping[str, object] | None = None) -> Schedule:
    """Give a schedule with its own keys.

    Raises:
        UnknownNameError: there is no such schedule.
    """
    return make_component(SCHEDULES, name, values or {})


def rate_factors(schedule: Schedule, warm_up: int, batches: int) -> np.ndarray | None:
    """Give the factor of the learning rate at each update, (batches,) float64; None where it is 1 throughout.

    Args:
        schedule: how it changes.
        warm_up: so many updates over which it rises to that, linearly: by 1/warm_up, 2/warm_up, ..., 1.
        batches: N.
    """
    if schedule.is_constant and warm_up <= 1:
        return None
    import numpy as np

    updates_N = np.arange(batches, dtype=np.float64)
    return np.asarray(schedule.factors(updates_N) * np.minimum(1.0, (updates_N + 1) / max(warm_up, 1)))


@SCHEDULES.register
@dataclass(frozen=True)
class ConstantRate(Schedule):
    """The same rate throughout."""

    name: ClassVar[str] = "constant"
    meaning: ClassVar[str] = "1"
    place: ClassVar[int] = 1
    is_constant: ClassVar[bool] = True

    def factors(self, updates_N: np.ndarray) -> np.ndarray:
        """Give ones."""
        return updates_N * 0.0 + 1.0


@SCHEDULES.register
@dataclass(frozen=True)
class StepDecay(Schedule):
    """f_k = γ^⌊k / M⌋."""

    name: ClassVar[str] = "step"
    meaning: ClassVar[str] = "γ^⌊k / M⌋"
    place: ClassVar[int] = 2

    decay_every: int = key(1000, ge=1, description="M of a step schedule: updates between two drops of the rate.")
    decay_factor: float = key(0.1, gt=0, description="γ of a step schedule: what each drop multiplies the rate with.")

    def factors(self, updates_N: np.ndarray) -> np.ndarray:
        """Give powers of γ."""
        return self.decay_factor ** (updates_N // self.decay_every)


@SCHEDULES.register
@dataclass(frozen=True)
class CosineDecay(Schedule):
    """f_k = s + (1 - s) (1 + cos(π k / N)) / 2: half a cosine from 1 to s (Loshchilov and Hutter 2017)."""

    name: ClassVar[str] = "cosine"
    meaning: ClassVar[str] = "s + (1 - s) (1 + cos(π k / N)) / 2"
    place: ClassVar[int] = 3

    final_share: float = key(
        0.0, ge=0, le=1, description="s of a cosine schedule: the share of the rate that is left at the end."
    )

    def factors(self, updates_N: np.ndarray) -> np.ndarray:
        """Give half a cosine."""
        import numpy as np

        half = (1 + np.cos(np.pi * updates_N / max(len(updates_N), 1))) / 2
        return np.asarray(self.final_share + (1 - self.final_share) * half)
