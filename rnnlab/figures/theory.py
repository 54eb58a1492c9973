"""What mean-field theory says of a run's initial net, where it says something: gaussian matrices and tanh units."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rnnlab.figures.subject import known_cell
from rnnlab.flow.mean_field import mean_field
from rnnlab.nets import Elman
from rnnlab.nets.initialisers.normal import Gaussian

if TYPE_CHECKING:
    from rnnlab.figures.subject import Subject


def theory_exponent(subject: Subject, layer: int) -> float | None:
    """Give the exponent of a large net of the same gain with inputs of the same variance; None where none applies.

    The gain is the scale of the weights; the inputs' part of the variance is the mean square of W_ih x_t + b over units
    and probe sequences. Layers above the lowest have inputs that are not independent of each other.
    """
    if subject.record.is_watched:
        return None
    model, cell = subject.config["model"], known_cell(subject.record)
    if layer != 0 or type(cell) is not Elman or cell.nonlinearity != "tanh" or model.get("init") != Gaussian.name:
        return None
    gain = abs(float(model["weight_scale"]))
    if gain == 0:
        return None
    weights = {name: array.astype(np.float64) for name, array in subject.run.weights.items()}
    drive_BTH = weights["probe/inputs"] @ weights["initial/weight_ih_l0"].T + weights["initial/bias_l0"]
    return mean_field(gain, float(np.square(drive_BTH).mean())).exponent
