"""What every way is asked: one net, a few sequences, their loss, all in float64, and the form of the answer.

B sequences, T timesteps, I inputs, H hidden units, G = gates x H, O outputs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnlab.config import Config
from rnnlab.experiment import architecture_of, draw_weights
from rnnlab.nets import Architecture
from rnnlab.tasks import CrossEntropy, Loss, MaskedCrossEntropy, MaskedMeanSquaredError, MeanSquaredError
from rnnlab.training import PROBE, make_stream
from rnnlab.trial import try_out

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
    if config.extensions:
        try_out(architecture_of(config), config.task)
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
    weights_BT, targets = _weights_and_targets(case)
    if targets.dtype.kind == "i":
        largest = predictions_BTO.real.max(axis=-1, keepdims=True)
        log_sums = np.log(np.exp(predictions_BTO - largest).sum(axis=-1)) + largest[..., 0]
        losses_BT = log_sums - np.take_along_axis(predictions_BTO, targets[..., None], axis=-1)[..., 0]
    else:
        losses_BT = ((predictions_BTO - targets) ** 2).mean(axis=-1)
    return np.asarray((weights_BT * losses_BT).sum(axis=1))


def loss_gradient(case: AuditCase, predictions_BTO: np.ndarray) -> np.ndarray:
    """Give dL_p/d predictions, (B, T, O), by the formula: w_t 2 (y - target) / O, or w_t (softmax - one-hot).

    Raises:
        NotKnownError: of another loss.
    """
    weights_BT, targets = _weights_and_targets(case)
    if targets.dtype.kind == "i":
        exponentials = np.exp(predictions_BTO - predictions_BTO.max(axis=-1, keepdims=True))
        one_hot = np.eye(predictions_BTO.shape[-1])[targets]
        return np.asarray(weights_BT[..., None] * (exponentials / exponentials.sum(axis=-1, keepdims=True) - one_hot))
    return np.asarray(weights_BT[..., None] * 2 * (predictions_BTO - targets) / predictions_BTO.shape[-1])


def _weights_and_targets(case: AuditCase) -> tuple[np.ndarray, np.ndarray]:
    """Give what each timestep weighs in the loss of its sequence, (B, T), and targets with 0 where there is none.

    Raises:
        NotKnownError: of another loss than those with code here; a subclass is another.
    """
    targets = case.targets
    if type(case.loss) in {MaskedMeanSquaredError, MaskedCrossEntropy}:
        is_class = targets.dtype.kind == "i"
        counted_BT = targets >= 0 if is_class else np.isfinite(targets[..., 0])
        targets = np.where(counted_BT if is_class else counted_BT[..., None], targets, 0)
    elif type(case.loss) in {MeanSquaredError, CrossEntropy}:
        counted_BT = np.ones(targets.shape[:2], dtype=bool)
        counted_BT[:, :-1] = not case.loss.last_timestep_only
    else:
        raise NotKnownError("loss", case.loss.name)
    return counted_BT / counted_BT.sum(axis=1, keepdims=True), targets
