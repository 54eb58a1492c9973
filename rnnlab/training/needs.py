"""What an engine must have code for to train a net: known from a config, so that it can be asked without PyTorch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rnnlab.training.regularisers import NoRegulariser, Regulariser

if TYPE_CHECKING:
    from rnnlab.nets import Cell
    from rnnlab.tasks import SequenceLoss
    from rnnlab.training.optimizers import Optimizer


@dataclass(frozen=True)
class Needs:
    """The parts of a training that an engine may lack; sizes it must take as they come."""

    cell: Cell
    loss: SequenceLoss
    optimizer: Optimizer
    truncate: int | None = None
    regulariser: Regulariser = field(default_factory=NoRegulariser)
