"""The cumulative-average task: the target at step t is the mean of the inputs so far.

    x_t ~ N(0, 1),    y_t = (x_1 + ... + x_t) / t

It asks for memory of every earlier input, with the weight of each falling as 1/t, and so needs gradients that
reach back over the whole sequence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from rnnlab.tasks.losses import MeanSquaredError
from rnnlab.tasks.task import TASKS, LastTimestepOnly, Task, Timesteps

if TYPE_CHECKING:
    import numpy as np


@TASKS.register
class CumulativeAverage(Task):
    """Mean of the inputs so far, at every step."""

    kind: Literal["cumulative-average"] = Field(
        "cumulative-average", description="What is learned: at each step, the mean of the inputs so far."
    )
    seq_len: Timesteps = 10
    last_timestep_only: LastTimestepOnly = False

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
        """Mean squared error."""
        return MeanSquaredError(self.last_timestep_only)

    def sample(self, generator: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Draw inputs and targets, both (count, T, 1) float32; the sums are taken in float64."""
        import numpy as np

        x_BT1 = generator.standard_normal((count, self.seq_len, 1), dtype=np.float32)
        steps_T1 = np.arange(1, self.seq_len + 1, dtype=np.float64)[:, None]
        y_BT1 = np.cumsum(x_BT1, axis=1, dtype=np.float64) / steps_T1
        return x_BT1, y_BT1.astype(np.float32)

    def floors(self, *, linear: bool) -> dict[str, float]:
        """Give the loss of predicting zero and, where it bounds the net, of the best linear filter.

        Predicting zero costs E y_t² = 1/t: H_T / T over all timesteps, 1/T at the last. A linear net is a
        time-invariant filter with coefficients a_k on x_{t-k}, and the target's are 1/t for every k < t: no
        choice of a_k does better than the mean of 1/t over t > k, which leaves
        (1/T) Σ_k Σ_{t>k} (1/t - a_k)². At the last timestep alone a linear net can be exact.
        """
        inverse_T = [1.0 / t for t in range(1, self.seq_len + 1)]
        if self.last_timestep_only:
            return {"predict zero": inverse_T[-1]}
        floors = {"predict zero": sum(inverse_T) / self.seq_len}
        if linear:
            floors["best linear filter"] = _best_linear_filter(inverse_T)
        return floors


def _best_linear_filter(inverse_T: list[float]) -> float:
    """Sum the variances of 1/t over t > k, from the longest lag down, so that it stays O(T)."""
    total, ones, squares = 0.0, 0.0, 0.0
    for count, value in enumerate(reversed(inverse_T), start=1):
        ones += value
        squares += value * value
        total += squares - ones * ones / count
    return total / len(inverse_T)
