"""Handwritten digits, read a row or a pixel at a time: the small sister of sequential MNIST.

1797 images of 8 x 8 pixels, in 17 shades from 0 to 1, of the digits 0 to 9; `seq_len` is 8, a row at each timestep, or
64, a pixel at each. `permuted` gives the pixels in an order drawn once, so that neighbours come far apart (Le, Jaitly
and Hinton 2015). Cross-entropy with the digit, at the last timestep by default. Images are drawn with replacement from
all of them.

The images are the test set of E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits (1998), UCI Machine
Learning Repository (archive.ics.uci.edu/dataset/80), licensed under CC BY 4.0, as scikit-learn copies it; `digits.npz`
beside this file holds them as whole numbers, otherwise unchanged.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from rnnlab.tasks.classification import Classification
from rnnlab.tasks.entropy import entropy
from rnnlab.tasks.task import TASKS, Task

if TYPE_CHECKING:
    import numpy as np

PIXELS, SHADES, CLASSES = 64, 16, 10


@TASKS.register
class Digits(Classification, Task):
    """Tell a handwritten digit that is read bit by bit."""

    kind: Literal["digits"] = Field("digits", description="Handwritten digits of 8 x 8 pixels.")
    seq_len: Literal[8, 64] = Field(8, description="T: 8 for a row at each timestep, 64 for a pixel.")
    permuted: bool = Field(False, description="Read the pixels in a random order, the same for all images.")
    permutation_seed: int = Field(0, ge=0, le=2**32 - 1, description="Where the order of `permuted` is drawn from.")

    @property
    def input_size(self) -> int:
        """The pixels of a timestep."""
        return PIXELS // self.seq_len

    @property
    def output_size(self) -> int:
        """One logit a digit."""
        return CLASSES

    def sample(self, generator: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Draw images (count, T, 64 / T) float32 from 0 to 1, and their digit at every timestep (count, T) int64."""
        import numpy as np

        images_NP, labels_N = _images()
        chosen_B = generator.integers(len(labels_N), size=count, dtype=np.int64)
        pixels_BP = images_NP[chosen_B]
        if self.permuted:
            pixels_BP = pixels_BP[:, permutation(self.permutation_seed)]
        x_BTI = pixels_BP.reshape(count, self.seq_len, self.input_size)
        return x_BTI, np.repeat(labels_N[chosen_B][:, None], self.seq_len, axis=1)

    def floors(self, *, linear: bool) -> dict[str, float]:
        """Give the loss of a uniform guess and of the best constant one: the entropy of the digits."""
        import numpy as np

        return {**super().floors(linear=linear), "best constant guess": entropy(np.bincount(_images()[1]))}


def permutation(seed: int) -> np.ndarray:
    """Give which pixel is read at each place, (64,) int64."""
    import numpy as np

    return np.random.Generator(np.random.Philox(np.random.SeedSequence(seed))).permutation(PIXELS)


@functools.cache
def _images() -> tuple[np.ndarray, np.ndarray]:
    """Read the images, (N, 64) float32 from 0 to 1, and their digits, (N,) int64."""
    import numpy as np

    with np.load(Path(__file__).with_name("digits.npz"), allow_pickle=False) as file:
        return file["images"].reshape(-1, PIXELS).astype(np.float32) / SHADES, file["labels"].astype(np.int64)
