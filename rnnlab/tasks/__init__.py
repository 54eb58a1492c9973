"""What the nets are trained on: one file a task, found by the `kind` that its class gives.

A task owns its keys (the `task:` section of a config), draws its sequences, and knows its loss and its floors,
so a new task is one new file here and nothing elsewhere. This room stands above `config`, which reads it.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil

from rnnlab.tasks.losses import CrossEntropy, Loss, MeanSquaredError
from rnnlab.tasks.task import Task

__all__ = ["CrossEntropy", "Loss", "MeanSquaredError", "Task", "task_types"]


@functools.cache
def task_types() -> dict[str, type[Task]]:
    """Every task of this folder, by the value of its `kind`, sorted."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    by_kind = {cls.model_fields["kind"].default: cls for cls in Task.__subclasses__()}
    return dict(sorted(by_kind.items()))
