"""What engines share: what is to be trained, and how far one net has come.

P is the number of parameters, laid out as rnnlab.nets.parameters says; R the number of recorded steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from rnnlab.nets import Architecture
from rnnlab.tasks import SequenceLoss
from rnnlab.training.needs import Needs
from rnnlab.training.optimizers import Optimizer
from rnnlab.training.regularisers import NoRegulariser, Regulariser
from rnnlab.training.streams import stream_from_text, stream_to_text

Sample = Callable[[np.random.Generator, int], tuple[np.ndarray, np.ndarray]]
"""Draw so many sequences: inputs (count, T, I) and targets (count, T, O), the same however the count is cut."""


@dataclass(frozen=True)
class Recipe:
    """What all nets of a stack have in common."""

    architecture: Architecture
    sequence_loss: SequenceLoss
    sample: Sample
    batches: int
    batch_size: int
    optimizer: Optimizer
    record_every: int
    rate_factors_N: np.ndarray | None = field(default=None, compare=False)
    """What multiplies the learning rate at each update, (batches,); None for a constant one."""
    truncate: int | None = None
    """The length of the blocks of timesteps between which no gradient passes; None for none."""
    regulariser: Regulariser = field(default_factory=NoRegulariser)

    @property
    def needs(self) -> Needs:
        """What an engine must have code for."""
        return Needs(self.architecture.cell, self.sequence_loss, self.optimizer, self.truncate, self.regulariser)

    @property
    def record_steps_R(self) -> np.ndarray:
        """The steps at which weights are kept."""
        return record_steps(self.batches, self.record_every)


def record_steps(batches: int, every: int) -> np.ndarray:
    """Give 0, every, 2 every, ..., and always the last: (R,) int64."""
    return np.unique(np.append(np.arange(0, batches, every, dtype=np.int64), batches))


@dataclass
class NetState:
    """One net on its way: everything that is needed to go on from here to the same end.

    A net whose loss stops being finite is frozen: `diverged_at` is that update, `parameters_P` the weights that gave
    that loss, and what would have come after stays NaN.
    """

    parameters_P: np.ndarray
    stream: np.random.Generator
    learning_rate: float
    clip_norm: float | None
    losses: np.ndarray  # (batches,) float32, NaN where not trained
    snapshots_RP: np.ndarray  # float32, NaN where not reached
    update_norms: np.ndarray  # (batches,) 2-norm of each update's gradient before clipping, NaN where not trained
    step: int = 0
    diverged_at: int | None = None
    moments: dict[str, np.ndarray] = field(default_factory=dict)  # of the optimizer, each (P,)

    @classmethod
    def begin(
        cls,
        recipe: Recipe,
        parameters_P: np.ndarray,
        stream: np.random.Generator,
        learning_rate: float,
        clip_norm: float | None = None,
    ) -> NetState:
        """Stand at update 0."""
        records = len(recipe.record_steps_R)
        return cls(
            parameters_P=parameters_P.astype(np.float32),
            stream=stream,
            learning_rate=learning_rate,
            clip_norm=clip_norm,
            losses=np.full(recipe.batches, np.nan, dtype=np.float32),
            snapshots_RP=np.full((records, parameters_P.size), np.nan, dtype=np.float32),
            update_norms=np.full(recipe.batches, np.nan),
        )

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Lay out what changes in training as plain arrays, for saving."""
        return {
            "parameters": self.parameters_P,
            "stream": np.array(stream_to_text(self.stream)),
            "losses": self.losses,
            "snapshots": self.snapshots_RP,
            "update_norms": self.update_norms,
            "step": np.array(self.step),
            "diverged_at": np.array(-1 if self.diverged_at is None else self.diverged_at),
            **{f"moments/{name}": moment for name, moment in self.moments.items()},
        }

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Go to where `to_arrays` was taken.

        Raises:
            ValueError: the arrays are of another net or another training.
            KeyError: one is missing.
        """
        for name, own in (
            ("parameters", self.parameters_P),
            ("losses", self.losses),
            ("snapshots", self.snapshots_RP),
            ("update_norms", self.update_norms),
        ):
            if arrays[name].shape != own.shape or arrays[name].dtype != own.dtype:
                raise ValueError(f"the saved {name} have shape {arrays[name].shape}, not {own.shape}")
        moments = {
            name.removeprefix("moments/"): array for name, array in arrays.items() if name.startswith("moments/")
        }
        for name, moment in moments.items():
            if moment.shape != self.parameters_P.shape or moment.dtype != self.parameters_P.dtype:
                raise ValueError(f"the saved moments '{name}' have shape {moment.shape}, not {self.parameters_P.shape}")
        self.parameters_P, self.losses = arrays["parameters"], arrays["losses"]
        self.snapshots_RP, self.update_norms = arrays["snapshots"], arrays["update_norms"]
        self.stream = stream_from_text(str(arrays["stream"]))
        self.step = int(arrays["step"])
        diverged_at = int(arrays["diverged_at"])
        self.diverged_at = None if diverged_at < 0 else diverged_at
        self.moments = moments


def last_losses(states: Sequence[NetState], step: int) -> list[float]:
    """Give the loss of each net's update before `step`; NaN before the first."""
    return [float(state.losses[step - 1]) if step else float("nan") for state in states]
