"""Copy memory: symbols are shown, a long nothing follows, then they are to be said again in their order.

    s_1 .. s_K, blank ... blank, go, blank ... blank   ->   blank ... blank, s_1 .. s_K

K symbols, then D - 1 blanks, then the sign to begin, then K blanks, so T = D + 2 K timesteps; the target is blank but
for the last K. Cross-entropy over all timesteps (Hochreiter and Schmidhuber 1997; in this form Arjovsky, Shah and
Bengio 2016). `seq_len` is T, so the delay is D = seq_len - 2 x items.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from rnnlab.tasks.losses import CrossEntropy
from rnnlab.tasks.task import TASKS, Task, Timesteps

if TYPE_CHECKING:
    import numpy as np


@TASKS.register
class CopyMemory(Task):
    """Say symbols again after a delay."""

    kind: Literal["copy"] = Field("copy", description="Symbols to be said again after a delay.")
    seq_len: Timesteps = 30
    items: int = Field(10, ge=1, le=10_000, description="K, how many symbols are to be copied.")
    symbols: int = Field(8, ge=2, le=10_000, description="How many different symbols there are, blank and go aside.")

    @model_validator(mode="after")
    def _has_a_delay(self) -> CopyMemory:
        if self.seq_len <= 2 * self.items:
            raise ValueError(
                f"task.seq_len is {self.seq_len} and leaves no delay: it must be above twice task.items, "
                f"so at least {2 * self.items + 1}"
            )
        return self

    @property
    def delay(self) -> int:
        """D, the timesteps from the last symbol to the sign to begin, which is one of them."""
        return self.seq_len - 2 * self.items

    @property
    def input_size(self) -> int:
        """One input a symbol, then blank, then go."""
        return self.symbols + 2

    @property
    def output_size(self) -> int:
        """One logit a symbol, then blank."""
        return self.symbols + 1

    @property
    def loss(self) -> CrossEntropy:
        """Cross-entropy over all timesteps."""
        return CrossEntropy()

    def sample(self, generator: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Draw symbols as one-hot inputs (count, T, symbols + 2) float32, and what is to be said (count, T) int64."""
        import numpy as np

        shown_BK = generator.integers(self.symbols, size=(count, self.items), dtype=np.int64)
        blank, go = self.symbols, self.symbols + 1
        tokens_BT = np.full((count, self.seq_len), blank, dtype=np.int64)
        said_BT = tokens_BT.copy()
        tokens_BT[:, : self.items] = shown_BK
        tokens_BT[:, -self.items - 1] = go
        said_BT[:, -self.items :] = shown_BK
        return np.eye(self.input_size, dtype=np.float32)[tokens_BT], said_BT

    def floors(self, *, linear: bool) -> dict[str, float]:  # noqa: ARG002 (a guess is a guess)
        """Give the loss of a uniform guess, and without memory of the symbols: blanks are known, K guesses remain."""
        return {
            "uniform guess": math.log(self.output_size),
            "no memory": self.items * math.log(self.symbols) / self.seq_len,
        }
