"""What every task offers: its keys as a frozen model, its sequences, its loss, its floors."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from rnnlab.registry import Registry
from rnnlab.tasks.losses import Loss

if TYPE_CHECKING:
    import numpy as np

Timesteps = Annotated[int, Field(ge=1, le=1_000_000, description="T, the number of timesteps of a sequence.")]
LastTimestepOnly = Annotated[
    bool, Field(description="Take the loss at the last timestep only, instead of the mean over all timesteps.")
]
"""Keys that most tasks have, each with a default of its own."""


class Task(BaseModel):
    """The base of all tasks. A subclass gives `kind: Literal["its-name"] = "its-name"` and the methods below.

    It is a task that configs can name once it is registered: `@TASKS.register`.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    kind: str
    seq_len: int

    read_from_file: ClassVar[frozenset[str]] = frozenset()
    """Keys that a file of the task's own answers where they are not given."""
    not_determining: ClassVar[frozenset[str]] = frozenset()
    """Keys that do not say which sequences these are, and so are no part of a run's identity."""

    @classmethod
    def complete(cls, values: Mapping[str, Any], folder: Path) -> dict[str, Any]:  # noqa: ARG003 (few have a file)
        """Give the keys of a config with those filled in that a file of the task's own answers.

        Args:
            values: the keys that are given, unchecked.
            folder: where a path begins that is not absolute: the config file's folder.

        Raises:
            DataError: the file cannot be used, or is not what the keys say.
        """
        return dict(values)

    @property
    def data_bytes(self) -> int:
        """What the task's own data take of memory, about."""
        return 0

    @property
    @abstractmethod
    def input_size(self) -> int:
        """I, the number of inputs at one timestep."""

    @property
    @abstractmethod
    def output_size(self) -> int:
        """O, the number of outputs at one timestep."""

    @property
    @abstractmethod
    def loss(self) -> Loss:
        """The loss of each sequence, as a function of predictions and targets."""

    @abstractmethod
    def sample(self, generator: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Draw `count` sequences: inputs (count, T, I) float32 and targets.

        Targets are (count, T, O) float32 for a squared error, and classes (count, T) int64 for a cross-entropy.

        Drawing 2 and then 3 sequences must give the same as drawing 5: one pass over the generator,
        sequence by sequence, normals as float32 and integers as int64.
        """

    @abstractmethod
    def floors(self, *, linear: bool) -> dict[str, float]:
        """Losses to hold a result against, by what reaches them; `linear`: the net's nonlinearity is identity."""


def _kind_of(task: type[Task]) -> str:
    return str(task.model_fields["kind"].default)


TASKS: Registry[type[Task]] = Registry("task", "rnnlab.tasks", _kind_of)
"""Every task, by the value of its `kind`."""
