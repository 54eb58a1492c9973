"""What the nets are trained on: one file a task, registered by the `kind` that its class gives.

A task owns its keys (the `task:` section of a config), draws its sequences, and knows its loss and its floors,
so a new task is one new file here and nothing elsewhere. This room stands above `config`, which reads it.
"""

from rnnlab.tasks.data_file import DataError
from rnnlab.tasks.losses import (
    LOSSES,
    CrossEntropy,
    Loss,
    MaskedCrossEntropy,
    MaskedMeanSquaredError,
    MeanSquaredError,
    SequenceLoss,
)
from rnnlab.tasks.task import TASKS, Task

__all__ = [
    "LOSSES",
    "TASKS",
    "CrossEntropy",
    "DataError",
    "Loss",
    "MaskedCrossEntropy",
    "MaskedMeanSquaredError",
    "MeanSquaredError",
    "SequenceLoss",
    "Task",
]
