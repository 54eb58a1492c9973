"""What tasks have in common that read one number at each step and answer with one, by mean squared error."""

from __future__ import annotations

from rnnlab.tasks.losses import MeanSquaredError
from rnnlab.tasks.task import Task


class OneNumber(Task):
    """One number in and one out; a subclass gives `last_timestep_only` its default."""

    last_timestep_only: bool

    @property
    def input_size(self) -> int:
        """One number at each step."""
        return 1

    @property
    def output_size(self) -> int:
        """One number at each step."""
        return 1

    @property
    def loss(self) -> MeanSquaredError:
        """Mean squared error, over all timesteps or at the last one."""
        return MeanSquaredError(self.last_timestep_only)
