"""A text of one's own, character by character: predict the next one.

    L = -ln Pr_net(x_{t+1} | x_1 .. x_t)

Every character of the file (UTF-8) is a one-hot input, and the vocabulary is what occurs in it, by code point. A
sequence is a stretch of T + 1 characters that begins anywhere, each place as likely as another. Cross-entropy over all
timesteps by default. The same text under another path is the same run: the file's sha256 counts, not its place.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

from pydantic import Field, model_validator

from rnnlab.tasks.data_file import DataError, FileTask, fact, read_facts, read_known
from rnnlab.tasks.entropy import entropy
from rnnlab.tasks.losses import CrossEntropy
from rnnlab.tasks.task import TASKS, LastTimestepOnly, Timesteps

if TYPE_CHECKING:
    import numpy as np

LARGEST_VOCABULARY = 10_000
_MOST_COUNTED = 2_000


class Codes(NamedTuple):
    """A text as numbers: its characters by code point, and each place's character by its number among them."""

    characters: str
    codes_N: np.ndarray  # int32


@TASKS.register
class Text(FileTask):
    """Predict the next character of a text file."""

    kind: Literal["text"] = Field("text", description="The next character of a text file of one's own.")
    seq_len: Timesteps = 50
    last_timestep_only: LastTimestepOnly = False
    length: int = fact("N, the number of characters", ge=2)
    vocabulary: int = fact("V, the number of different characters", ge=2, le=LARGEST_VOCABULARY)

    read_from_file: ClassVar[frozenset[str]] = frozenset({"sha256", "length", "vocabulary"})

    @classmethod
    def facts_of(cls, path: Path) -> dict[str, Any]:
        """Read the text and count its characters.

        Raises:
            DataError: it is no text in UTF-8, or has too few or too many different characters.
        """
        text, sha256 = read_facts(path, _parse)
        return {"sha256": sha256, "length": len(text.codes_N), "vocabulary": len(text.characters)}

    @model_validator(mode="after")
    def _is_long_enough(self) -> Text:
        if self.seq_len >= self.length:
            raise ValueError(
                f"task.seq_len is {self.seq_len} and the text has {self.length} characters: "
                f"it must be at most {self.length - 1}, since one more follows"
            )
        return self

    @property
    def input_size(self) -> int:
        """One input a character."""
        return self.vocabulary

    @property
    def output_size(self) -> int:
        """One logit a character."""
        return self.vocabulary

    @property
    def loss(self) -> CrossEntropy:
        """Cross-entropy with the next character."""
        return CrossEntropy(self.last_timestep_only)

    @property
    def data_bytes(self) -> int:
        """The text as numbers, and what it takes to make them."""
        return 12 * self.length

    def characters(self) -> str:
        """Give the vocabulary: the character of each input and output."""
        return self._text().characters

    def sample(self, generator: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Draw stretches as one-hot inputs (count, T, V) float32, and the characters that follow (count, T) int64.

        Raises:
            DataError: the file has vanished or changed.
        """
        import numpy as np

        starts_B = generator.integers(self.length - self.seq_len, size=count, dtype=np.int64)
        codes_BN = self._text().codes_N[starts_B[:, None] + np.arange(self.seq_len + 1)]
        x_BTV = np.zeros((count, self.seq_len, self.vocabulary), dtype=np.float32)
        np.put_along_axis(x_BTV, codes_BN[:, :-1, None], 1.0, axis=-1)
        return x_BTV, codes_BN[:, 1:].astype(np.int64)

    def floors(self, *, linear: bool) -> dict[str, float]:  # noqa: ARG002 (a table of pairs is a linear net)
        """Give the loss of a uniform guess, ln V, of the best constant guess, and of the best from the last character.

        These are entropies of the file's characters, and of its pairs less that of their first ones; a character that
        few stretches reach, at the file's ends, counts the less.
        """
        import numpy as np

        codes_N, first_P = self._text().codes_N, np.arange(self.length - 1)
        latest = self.length - 1 - self.seq_len  # where the last stretch begins
        weights_P = np.minimum(first_P, latest) - np.maximum(0, first_P - self.seq_len + 1) + 1
        if self.last_timestep_only:
            weights_P = first_P >= self.seq_len - 1
        firsts_V, nexts_V = (np.bincount(codes, weights_P) for codes in (codes_N[:-1], codes_N[1:]))
        pairs_P = codes_N[:-1].astype(np.int64) * self.vocabulary + codes_N[1:]
        if self.vocabulary > _MOST_COUNTED:  # a table of all pairs would be larger than most texts
            pairs_P = np.unique(pairs_P, return_inverse=True)[1]
        return {
            "uniform guess": math.log(self.vocabulary),
            "unigram entropy": entropy(nexts_V),
            "bigram entropy": max(0.0, entropy(np.bincount(pairs_P, weights_P)) - entropy(firsts_V)),
        }

    def _text(self) -> Codes:
        text: Codes = read_known(self.file, self.sha256, _parse)
        return text


def _parse(content: bytes, path: Path) -> Codes:
    """Make numbers of a text."""
    import numpy as np

    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            "file", f"{path}: byte {error.start + 1} is not text in UTF-8; save the file as UTF-8"
        ) from None
    points_N = np.frombuffer(text.encode("utf-32-le"), dtype="<u4")
    occurs = np.zeros(sys.maxunicode + 1, dtype=bool)
    occurs[points_N] = True
    points_V = np.flatnonzero(occurs)
    if not 2 <= len(points_V) <= LARGEST_VOCABULARY:
        raise DataError(
            "file",
            f"{path} has {len(points_V)} different characters among {len(points_N)}; "
            f"valid: from 2 to {LARGEST_VOCABULARY}",
        )
    numbers = np.cumsum(occurs, dtype=np.int32) - 1
    return Codes("".join(map(chr, points_V.tolist())), numbers[points_N])
