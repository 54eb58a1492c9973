"""A sine without noise: the next value of a wave whose phase alone is unknown.

    x_t = sin(ω t + φ),    φ ~ U(0, 2π),    y_t = x_{t+1},    ω = 2π / period

Two values determine the rest, x_{t+1} = 2 cos ω x_t - x_{t-1}, so that a linear net of two units can be exact from the
second step on: what remains is how well it holds a rhythm that the input gives it. Squared error over all timesteps by
default.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from rnnlab.tasks.one_number import OneNumber
from rnnlab.tasks.task import TASKS, LastTimestepOnly, Timesteps

if TYPE_CHECKING:
    import numpy as np


@TASKS.register
class Sine(OneNumber):
    """Predict the next value of a sine."""

    kind: Literal["sine"] = Field("sine", description="The next value of a sine without noise.")
    seq_len: Timesteps = 20
    last_timestep_only: LastTimestepOnly = False
    period: float = Field(10.0, ge=2, le=1e9, description="The timesteps of one wave.")

    def sample(self, generator: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Draw a phase for each sequence: inputs and targets, both (count, T, 1) float32."""
        import numpy as np

        phase_B1 = 2 * np.pi * generator.random((count, 1))
        wave_BT = np.sin(phase_B1 + 2 * np.pi / self.period * np.arange(self.seq_len + 1)).astype(np.float32)
        return wave_BT[:, :-1, None].copy(), wave_BT[:, 1:, None].copy()

    def floors(self, *, linear: bool) -> dict[str, float]:  # noqa: ARG002 (a linear net can be the best)
        """Give the loss of predicting zero, of saying the input again, of the best without memory, and of the best.

        Over all phases E x_t² = 1/2 and E x_t x_{t+1} = cos ω / 2. From x_t alone the best guess is cos ω x_t, which
        leaves sin² ω / 2; that is also all that can be known at the first timestep, and from the second on nothing is
        left.
        """
        omega = 2 * math.pi / self.period
        memoryless = math.sin(omega) ** 2 / 2
        first_counts = self.seq_len == 1 or not self.last_timestep_only
        return {
            "predict zero": 0.5,
            "repeat the input": 1 - math.cos(omega),
            "no memory": memoryless,
            "best possible": memoryless / self.seq_len if first_counts else 0.0,
        }
