"""The delay task: the target at step t is the input of k steps before, and zero while there is none.

    x_t ~ N(0, 1),    y_t = x_{t-k}

The plainest question of memory: nothing is to be computed, and a linear net of H units can hold the last H inputs and
no more (its memory capacity: Jaeger 2001). Squared error over all timesteps by default.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from rnnlab.tasks.one_number import OneNumber
from rnnlab.tasks.task import TASKS, LastTimestepOnly, Timesteps

if TYPE_CHECKING:
    import numpy as np


@TASKS.register
class Delay(OneNumber):
    """Say the input of some steps before."""

    kind: Literal["delay"] = Field("delay", description="The input of some steps before.")
    seq_len: Timesteps = 20
    last_timestep_only: LastTimestepOnly = False
    delay: int = Field(5, ge=0, le=1_000_000, description="k, how many steps before.")

    def sample(self, generator: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Draw inputs and targets, both (count, T, 1) float32."""
        import numpy as np

        x_BT1 = generator.standard_normal((count, self.seq_len, 1), dtype=np.float32)
        y_BT1 = np.zeros_like(x_BT1)
        y_BT1[:, self.delay :] = x_BT1[:, : self._answered]
        return x_BT1, y_BT1

    def floors(self, *, linear: bool) -> dict[str, float]:  # noqa: ARG002 (a linear net can be exact)
        """Give the loss of predicting zero: 1 at each step that has an input to say again."""
        share = float(self._answered > 0) if self.last_timestep_only else self._answered / self.seq_len
        return {"predict zero": share}

    @property
    def _answered(self) -> int:
        """How many timesteps have an input of k steps before."""
        return max(0, self.seq_len - self.delay)
