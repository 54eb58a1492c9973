"""The smallest sentence classifier's data: two sentences of four words that differ in the last.

    "The movie is good" -> 1,    "The movie is bad" -> 0

Each word is a one-hot input. Cross-entropy with the sentence's label, at the last word by default. A
uniform guess costs ln 2; with the last word seen, zero can be approached, and nothing less than ln 2 before it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from rnnlab.tasks.classification import Classification
from rnnlab.tasks.task import TASKS, Task

if TYPE_CHECKING:
    import numpy as np

VOCABULARY = ("The", "movie", "is", "good", "bad")
SENTENCES = ((0, 1, 2, 4), (0, 1, 2, 3))
"""By label: the words of each sentence by their place in the vocabulary."""


@TASKS.register
class Sentiment(Classification, Task):
    """Tell a good movie from a bad one."""

    kind: Literal["sentiment"] = Field("sentiment", description="Two sentences of four words, good or bad.")
    seq_len: Literal[4] = Field(4, description="T, the number of words of a sentence: always 4.")

    @property
    def input_size(self) -> int:
        """One input a word."""
        return len(VOCABULARY)

    @property
    def output_size(self) -> int:
        """One logit a label."""
        return len(SENTENCES)

    def sample(self, generator: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Draw sentences as one-hot words (count, 4, 5) float32 and their label at every word (count, 4) int64."""
        import numpy as np

        labels_B = generator.integers(len(SENTENCES), size=count, dtype=np.int64)
        words_BT = np.array(SENTENCES)[labels_B]
        return np.eye(len(VOCABULARY), dtype=np.float32)[words_BT], np.repeat(labels_B[:, None], 4, axis=1)

    def floors(self, *, linear: bool) -> dict[str, float]:
        """Give the loss of a uniform guess and, over all words, of the best net: the first three words say nothing."""
        guess = super().floors(linear=linear)
        return guess if self.last_timestep_only else {**guess, "best possible": 3 / 4 * math.log(len(SENTENCES))}
