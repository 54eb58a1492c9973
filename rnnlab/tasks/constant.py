"""A constant input, zero by default: what a net does when nothing drives it.

    x_1 = value + kick ε,    x_t = value after that,    y, ε ~ N(0, 1), one of each for a sequence

The theory of phases and exponents is made for nets without input, or with one that does not change (Sompolinsky,
Crisanti and Sommers 1988). The target is a number that nothing tells of, the same at every timestep of a sequence: so
dL/dh_t is that of a real loss and never zero, but has one direction at its origin, the readout's, and whatever becomes
of it on its way back is the net's own doing. There is nothing to learn but to predict zero, at a loss of 1.
Squared error at the last timestep by default. With zero input and zero biases a net stays at h = 0, where the Jacobian
of an elman net is W_hh itself. A kick takes it from there, to where its own dynamics lead: the chaos of the theory
shows in sequences long enough to forget the kick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from rnnlab.tasks.one_number import OneNumber
from rnnlab.tasks.task import TASKS, LastTimestepOnly, Timesteps

if TYPE_CHECKING:
    import numpy as np


@TASKS.register
class ConstantInput(OneNumber):
    """Nothing to go by: a constant input."""

    kind: Literal["constant"] = Field("constant", description="A constant input; the target is noise.")
    seq_len: Timesteps = 50
    last_timestep_only: LastTimestepOnly = True
    value: float = Field(0.0, ge=-1e6, le=1e6, description="The input at every timestep.")
    kick: float = Field(
        0.0, ge=0, le=1e6, description="Standard deviation of what is added to the first input: no net stays at 0 then."
    )

    def sample(self, generator: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Draw a target and a kick for each sequence; inputs and targets are (count, T, 1) float32."""
        import numpy as np

        y_B, kick_B = generator.standard_normal((count, 2), dtype=np.float32).T
        x_BT1 = np.full((count, self.seq_len, 1), self.value, dtype=np.float32)
        x_BT1[:, 0, 0] += np.float32(self.kick) * kick_B
        return x_BT1, np.repeat(y_B[:, None, None], self.seq_len, axis=1)

    def floors(self, *, linear: bool) -> dict[str, float]:  # noqa: ARG002 (nothing can be known)
        """Give the loss of predicting zero, E y² = 1, which is the best possible."""
        return {"predict zero": 1.0}
