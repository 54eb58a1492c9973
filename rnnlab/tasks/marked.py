"""What adding, multiplication and delayed XOR share: numbers of which two are marked, one in each half.

Inputs at a step are a number and its mark, 1 at one timestep of the first half and at one of the second, drawn
uniformly, and 0 elsewhere; of an odd T, the second half is the longer one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

if TYPE_CHECKING:
    import numpy as np

MarkedTimesteps = Annotated[int, Field(ge=2, le=1_000_000, description="T, the number of timesteps of a sequence.")]


def halves(seq_len: int) -> tuple[int, int]:
    """Give the lengths of the two halves."""
    return seq_len // 2, seq_len - seq_len // 2


def draw_marked(generator: np.random.Generator, count: int, seq_len: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw numbers from U(0, 1) and two marks.

    Returns:
        The numbers (count, T) float64, their marks (count, T) float32, and the two marked numbers (count, 2) float64.
    """
    import numpy as np

    # One row of uniform numbers a sequence, so that it does not depend on how many are drawn at once.
    uniform_BN = generator.random((count, seq_len + 2))
    values_BT, first = uniform_BN[:, :seq_len], halves(seq_len)[0]
    places_B2 = np.array([0, first]) + (uniform_BN[:, seq_len:] * halves(seq_len)).astype(np.int64)
    marks_BT = np.zeros((count, seq_len), dtype=np.float32)
    np.put_along_axis(marks_BT, places_B2, 1.0, axis=1)
    return values_BT, marks_BT, np.take_along_axis(values_BT, places_B2, axis=1)
