"""Next-token prediction on a Markov chain: nothing but the last token helps, and the best loss is known.

    Pr(x_{t+1} = j | x_t = i) = P_ij,    L = -ln Pr_net(x_{t+1} | x_1 .. x_t)

The first token is drawn from the chain's stationary distribution π, so every step costs at least the entropy rate
H = -Σ_i π_i Σ_j P_ij ln P_ij (Shannon 1948). A linear net reaches it with its recurrent matrix zero, since any bigram
model is an RNN (`model.init: bigram` starts there): a study of what gradients do when memory is of no use.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Literal

from pydantic import Field, field_validator, model_validator

from rnnlab.tasks.classification import Classification
from rnnlab.tasks.task import TASKS, LastTimestepOnly, Task, Timesteps

if TYPE_CHECKING:
    import numpy as np

_SUM_TOLERANCE = 1e-6
"""How far a row of a table that a person has typed may be from a sum of 1; it is then made exact."""


@TASKS.register
class Bigram(Classification, Task):
    """Predict the next token of a Markov chain."""

    kind: Literal["bigram"] = Field("bigram", description="Next-token prediction on a Markov chain.")
    seq_len: Timesteps = 10
    last_timestep_only: LastTimestepOnly = False
    vocabulary: int = Field(5, ge=2, le=10_000, description="V, the number of tokens.")
    table: str | None = Field(
        None, description="P, rows apart by ';' (0.9 0.1; 0.5 0.5); null: a random one of `vocabulary` tokens."
    )
    table_seed: int = Field(0, ge=0, le=2**32 - 1, description="Where a random table is drawn from.")

    @field_validator("table")
    @classmethod
    def _is_stochastic(cls, text: str | None) -> str | None:
        if text is not None:
            _parse(text)
        return text

    @model_validator(mode="after")
    def _has_the_table_s_size(self) -> Bigram:
        if self.table is not None and len(_parse(self.table)) != self.vocabulary:
            raise ValueError(f"task.table has {len(_parse(self.table))} rows and task.vocabulary is {self.vocabulary}")
        return self

    @property
    def input_size(self) -> int:
        """One input a token."""
        return self.vocabulary

    @property
    def output_size(self) -> int:
        """One logit a token."""
        return self.vocabulary

    def transition_table(self) -> np.ndarray:
        """Give P, (V, V) float64, whose rows sum to 1."""
        return _table(self.table, self.vocabulary, self.table_seed)

    def sample(self, generator: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Draw tokens as one-hot inputs (count, T, V) float32, and the next ones (count, T) int64."""
        import numpy as np

        uniform_BT = generator.random((count, self.seq_len + 1))
        cumulative_VV = np.cumsum(self.transition_table(), axis=1)
        tokens_BT = np.empty((count, self.seq_len + 1), dtype=np.int64)
        tokens_BT[:, 0] = _choose(np.cumsum(stationary(self.transition_table()))[None], uniform_BT[:, 0])
        for t in range(self.seq_len):
            tokens_BT[:, t + 1] = _choose(cumulative_VV[tokens_BT[:, t]], uniform_BT[:, t + 1])
        one_hot_VV = np.eye(self.vocabulary, dtype=np.float32)
        return one_hot_VV[tokens_BT[:, :-1]], tokens_BT[:, 1:].copy()

    def floors(self, *, linear: bool) -> dict[str, float]:
        """Give the loss of a uniform guess, ln V, and the entropy rate, which no net can beat, linear or not."""
        return {**super().floors(linear=linear), "entropy rate": entropy_rate(self.transition_table())}


def stationary(table_VV: np.ndarray) -> np.ndarray:
    """Give π with π P = π and sum 1; of several, the one reached from a uniform start on average.

    A chain stays in one of its closed classes in the end (Kemeny and Snell 1976, chapter 3): π is the stationary
    distribution of each, weighted by the probability that a uniform start ends there.
    """
    import numpy as np

    size = len(table_VV)
    reaches_VV = _reachable(table_VV > 0)
    closed_V = (reaches_VV <= reaches_VV.T).all(axis=1)
    pi_V = np.zeros(size)
    open_V = ~closed_V
    ends_VV = np.zeros((size, size))
    if open_V.any():  # where a chain that starts outside of every closed class enters one
        inside = np.eye(int(open_V.sum())) - table_VV[np.ix_(open_V, open_V)]
        ends_VV[open_V] = np.linalg.solve(inside, table_VV[open_V] * closed_V)
    for members_V in np.unique(reaches_VV[closed_V], axis=0):
        weight = (members_V.sum() + ends_VV[:, members_V].sum()) / size
        pi_V[members_V] = weight * _stationary_of_one_class(table_VV[np.ix_(members_V, members_V)])
    return pi_V


def _reachable(steps_VV: np.ndarray) -> np.ndarray:
    """Tell which tokens can follow which after any number of steps, none included."""
    import numpy as np

    reaches_VV = steps_VV | np.eye(len(steps_VV), dtype=bool)
    while not reaches_VV.all():
        further_VV = reaches_VV.astype(np.float32) @ reaches_VV.astype(np.float32) > 0
        if (further_VV == reaches_VV).all():
            break
        reaches_VV = further_VV
    return reaches_VV


def _stationary_of_one_class(table_VV: np.ndarray) -> np.ndarray:
    """Solve π (I - P) = 0 with the last of these equations, which the others imply, replaced by Σ π = 1."""
    import numpy as np

    equations_VV = (np.eye(len(table_VV)) - table_VV).T
    equations_VV[-1] = 1.0
    right_V = np.zeros(len(table_VV))
    right_V[-1] = 1.0
    solved: np.ndarray = np.linalg.solve(equations_VV, right_V)
    return solved


def entropy_rate(table_VV: np.ndarray) -> float:
    """Give H = -Σ_i π_i Σ_j P_ij ln P_ij in nats; a transition that never happens costs nothing."""
    import numpy as np

    logs_VV = np.log(np.where(table_VV > 0, table_VV, 1.0))
    return float(stationary(table_VV) @ np.abs((table_VV * logs_VV).sum(axis=1)))


def _choose(cumulative_BV: np.ndarray, uniform_B: np.ndarray) -> np.ndarray:
    """Give the first token whose cumulative probability exceeds a uniform number, the last one where none does."""
    chosen: np.ndarray = (uniform_B[:, None] >= cumulative_BV[:, :-1]).sum(axis=1)
    return chosen


@functools.lru_cache(maxsize=64)
def _table(text: str | None, vocabulary: int, seed: int) -> np.ndarray:
    import numpy as np

    if text is None:
        # Rows uniform on the simplex: exponentials divided by their sum.
        table_VV = np.random.Generator(np.random.Philox(np.random.SeedSequence(seed))).standard_exponential(
            (vocabulary, vocabulary)
        )
    else:
        table_VV = np.array(_parse(text))
    normalised: np.ndarray = table_VV / table_VV.sum(axis=1, keepdims=True)
    normalised.flags.writeable = False  # it is kept and handed out again
    return normalised


def _parse(text: str) -> list[list[float]]:
    try:
        rows = [[float(word) for word in row.replace(",", " ").split()] for row in text.split(";")]
    except ValueError:
        raise ValueError("valid: a square table of probabilities, such as '0.9 0.1; 0.5 0.5'") from None
    square = all(len(row) == len(rows) for row in rows) and len(rows) >= 2
    if not square or not all(
        all(0 <= value <= 1 for value in row) and abs(sum(row) - 1) <= _SUM_TOLERANCE for row in rows
    ):
        raise ValueError("valid: a square table of probabilities whose rows each sum to 1, such as '0.9 0.1; 0.5 0.5'")
    return rows
