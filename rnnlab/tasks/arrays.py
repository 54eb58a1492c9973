"""Arrays of one's own: inputs and targets from an .npz file, or a series in an .npy file whose next value is predicted.

    inputs (N, T, I);    targets (N, T, O) or (N,) numbers, or (N, T) or (N,) whole numbers: classes from 0

N sequences, drawn with replacement. Numbers are learned by squared error and whole numbers by cross-entropy: at
the last timestep where there is one target a sequence, else over all. Optional are `lengths` (N,), how many timesteps
of a sequence are meant, and `mask` (N, T), at which a target counts. An array (N, T + 1, I) in an .npy file holds
inputs and targets at once: y_t = x_{t+1}. The same content under another path is the same run: the file's sha256
counts, not its place.
"""

from __future__ import annotations

import functools
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from rnnlab.tasks.array_file import ArrayData, parse
from rnnlab.tasks.data_file import FileTask, fact, read_facts, read_known
from rnnlab.tasks.entropy import entropy
from rnnlab.tasks.losses import (
    NO_CLASS,
    CrossEntropy,
    Loss,
    MaskedCrossEntropy,
    MaskedMeanSquaredError,
    MeanSquaredError,
)
from rnnlab.tasks.task import TASKS

if TYPE_CHECKING:
    import numpy as np


@TASKS.register
class ArraysTask(FileTask):
    """Learn from arrays of one's own."""

    kind: Literal["arrays"] = Field("arrays", description="Inputs and targets from an .npz or .npy file of one's own.")
    seq_len: int = fact("T, the number of timesteps of a sequence", ge=1)
    last_timestep_only: bool = fact(
        "Take the loss at the last timestep of each sequence only, instead of the mean over all; "
        "true for targets (N,) and else false"
    )
    examples: int = fact("N, the number of sequences", ge=1)
    inputs: int = fact("I, the number of inputs at each timestep", ge=1)
    targets: Literal["numbers", "classes"] = fact("What is learned")
    outputs: int = fact("O, the outputs: one a number, or one logit a class, which may be more than occur", ge=1)
    masked: bool = fact("Whether some timesteps have no target")

    read_from_file: ClassVar[frozenset[str]] = frozenset(
        {"sha256", "seq_len", "last_timestep_only", "examples", "inputs", "targets", "outputs", "masked"}
    )

    @classmethod
    def facts_of(cls, path: Path) -> dict[str, Any]:
        """Read the arrays and give their sizes.

        Raises:
            DataError: they are not as they must be; the message says what is.
        """
        arrays, sha256 = read_facts(path, parse)
        return {"sha256": sha256, **arrays.facts}

    @classmethod
    def compare(cls, key: str, given: Any, found: Any, path: Path) -> None:
        """Hold a key against the file; where the loss is taken is free to choose, and so are classes that do not occur.

        Raises:
            DataError: they differ.
        """
        more_classes = key == "outputs" and cls.facts_of(path)["targets"] == "classes" and _is_more(given, found)
        if key != "last_timestep_only" and not more_classes:
            super().compare(key, given, found, path)

    @property
    def input_size(self) -> int:
        """I."""
        return self.inputs

    @property
    def output_size(self) -> int:
        """O."""
        return self.outputs

    @property
    def loss(self) -> Loss:
        """Mean squared error of numbers, cross-entropy of classes; where some timesteps have no target, masked."""
        if self.masked:
            return MaskedMeanSquaredError() if self.targets == "numbers" else MaskedCrossEntropy()
        return (MeanSquaredError if self.targets == "numbers" else CrossEntropy)(self.last_timestep_only)

    @property
    def data_bytes(self) -> int:
        """The file, and its arrays in float32 or int64."""
        targets = 4 * self.outputs if self.targets == "numbers" else 8
        return 2 * self.examples * self.seq_len * (4 * self.inputs + targets)

    def sample(self, generator: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Draw sequences: inputs (count, T, I) float32, and (count, T, O) float32 or classes (count, T) int64.

        Raises:
            DataError: the file has vanished or changed.
        """
        import numpy as np

        inputs_NTI, targets, _ = _sequences(self)
        chosen_B = generator.integers(self.examples, size=count, dtype=np.int64)
        return inputs_NTI[chosen_B], targets[chosen_B]

    def floors(self, *, linear: bool) -> dict[str, float]:  # noqa: ARG002 (a constant is a constant)
        """Give the loss of the best constant: the variance of the targets, or the entropy of the classes.

        Every sequence counts alike, so that a timestep weighs one over the number of those of its sequence that count.
        """
        import numpy as np

        _, targets, weights_NT = _sequences(self)
        if self.targets == "classes":
            shares = np.bincount(np.maximum(targets, 0).ravel(), weights_NT.ravel())
            return {"uniform guess": math.log(self.outputs), "best constant guess": entropy(shares)}
        values_NTO = np.where(weights_NT[..., None] > 0, targets, 0).astype(np.float64)
        mean_O = np.einsum("nt,nto->o", weights_NT, values_NTO)
        variance_O = np.einsum("nt,nto->o", weights_NT, (values_NTO - mean_O) ** 2)
        return {"predict the mean": float(variance_O.mean())}


def _is_more(given: Any, found: int) -> bool:
    return isinstance(given, int) and given >= found


@functools.lru_cache(maxsize=4)
def _sequences(task: ArraysTask) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give all inputs and targets, and how much each timestep weighs in the loss of all, (N, T), with sum 1."""
    import numpy as np

    arrays: ArrayData = read_known(task.file, task.sha256, parse)
    counted_NT = arrays.counted_NT
    if task.last_timestep_only:
        last_N = task.seq_len - 1 - np.argmax(counted_NT[:, ::-1], axis=1)
        counted_NT = np.arange(task.seq_len) == last_N[:, None]
    weights_NT = counted_NT / counted_NT.sum(axis=1, keepdims=True) / task.examples
    targets = arrays.targets
    if task.masked:
        left_out = ~counted_NT if targets.ndim == 2 else ~counted_NT[..., None]
        targets = np.where(left_out, targets.dtype.type(NO_CLASS if targets.ndim == 2 else np.nan), targets)
    return arrays.inputs_NTI, targets, weights_NT
