"""What every way is asked: one net, a few sequences, their loss, all in float64, and the form of the answer.

B sequences, T timesteps, I inputs, H hidden units, G = gates x H, O outputs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnlab.config import Config
from rnnlab.experiment import architecture_of, draw_weights
from rnnlab.nets import Architecture
from rnnlab.tasks import CrossEntropy, Loss, MeanSquaredError
from rnnlab.training import PROBE, make_stream

_SEQUENCES = 4
"""Enough for a batch to be one; more would only repeat."""

Quantity = tuple[str, int | None]
"""`("dL/dh", layer)`, `("dL/dc", layer)`, or a parameter's name and None."""

Answer = dict[Quantity, np.ndarray]
"""dL_p/dh and dL_p/dc of a layer, (T, B, H), L_p the loss of sequence p; by parameter, gradients of the mean loss."""


class NotKnownError(Exception):
    """A way has no code of its own for a part of the net: it says so, and gives no other part's result."""

    def __init__(self, kind: str, name: object) -> None:
        super().__init__(f"this way does not know the {kind} '{name}'")


@dataclass(frozen=True)
class AuditCase:
    """One net and its sequences."""

    architecture: Architecture
    weights: dict[str, np.ndarray]
    inputs_BTI: np.ndarray
    targets: np.ndarray  # (B, T, O) float64, or classes (B, T) int64
    loss: Loss

    @property
    def timesteps(self) -> int:
        """T."""
        return int(self.inputs_BTI.shape[1])

    @property
    def sequences(self) -> int:
        """B."""
        return int(self.inputs_BTI.shape[0])


def make_case(config: Config) -> AuditCase:
    """Take the initial net of a config and a few of its probe sequences."""
    inputs, targets = config.task.sample(make_stream(config.seed, PROBE), min(_SEQUENCES, config.record.sequences))
    return AuditCase(
        architecture_of(config),
        {name: weight.astype(np.float64) for name, weight in draw_weights(config).items()},
        inputs.astype(np.float64),
        exact_targets(targets),
        config.task.loss,
    )


def exact_targets(targets: np.ndarray) -> np.ndarray:
    """Give numbers as float64, and classes as they are."""
    return targets if targets.dtype.kind == "i" else targets.astype(np.float64)


def loss_of(case: AuditCase, predictions_BTO: np.ndarray) -> np.ndarray:
    """Give the loss of each sequence, (B,), in numpy; also of complex predictions, for derivatives by complex step.

    Raises:
        NotKnownError: of another loss.
    """
    steps = slice(-1, None) if case.loss.last_timestep_only else slice(None)
    predictions, targets = predictions_BTO[:, steps], case.targets[:, steps]
    if type(case.loss) is CrossEntropy:  # a subclass is another loss
        largest = predictions.real.max(axis=-1, keepdims=True)
        log_sums = np.log(np.exp(predictions - largest).sum(axis=-1)) + largest[..., 0]
        chosen = np.take_along_axis(predictions, targets[..., None], axis=-1)[..., 0]
        return np.asarray((log_sums - chosen).mean(axis=1))
    if type(case.loss) is MeanSquaredError:
        return np.asarray(((predictions - targets) ** 2).mean(axis=(1, 2)))
    raise NotKnownError("loss", case.loss.name)


def loss_gradient(case: AuditCase, predictions_BTO: np.ndarray) -> np.ndarray:
    """Give dL_p/d predictions, (B, T, O), by the formula: 2 (y - target) / (T O), or (softmax - one-hot) / T.

    Raises:
        NotKnownError: of another loss.
    """
    steps = slice(-1, None) if case.loss.last_timestep_only else slice(None)
    gradient_BTO = np.zeros_like(predictions_BTO)
    predictions, targets = predictions_BTO[:, steps], case.targets[:, steps]
    count = predictions.shape[1]
    if type(case.loss) is CrossEntropy:
        exponentials = np.exp(predictions - predictions.max(axis=-1, keepdims=True))
        one_hot = np.eye(predictions.shape[-1])[targets]
        gradient_BTO[:, steps] = (exponentials / exponentials.sum(axis=-1, keepdims=True) - one_hot) / count
    elif type(case.loss) is MeanSquaredError:
        gradient_BTO[:, steps] = 2 * (predictions - targets) / (count * predictions.shape[-1])
    else:
        raise NotKnownError("loss", case.loss.name)
    return gradient_BTO
