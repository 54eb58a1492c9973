"""rnnlab: experiments on how gradients flow through recurrent networks.

The public names below are resolved when they are first used, so that `import rnnlab` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rnnlab.api import biggest_eig_magnitude, generate_batch, loss_fn, sweep, train
    from rnnlab.config import load_config
    from rnnlab.explore.visualizer import GradientVisualizer
    from rnnlab.nets import RNN, GRULayer, LSTMLayer, RecurrentRegressionModel, RNNLayer
    from rnnlab.store import open_run, open_study
    from rnnlab.watching import Recorder, watch

_HOMES = {
    "GRULayer": "rnnlab.nets",
    "GradientVisualizer": "rnnlab.explore.visualizer",
    "LSTMLayer": "rnnlab.nets",
    "RNN": "rnnlab.nets",
    "RNNLayer": "rnnlab.nets",
    "Recorder": "rnnlab.watching",
    "RecurrentRegressionModel": "rnnlab.nets",
    "biggest_eig_magnitude": "rnnlab.api",
    "generate_batch": "rnnlab.api",
    "load_config": "rnnlab.config",
    "loss_fn": "rnnlab.api",
    "open_run": "rnnlab.store",
    "open_study": "rnnlab.store",
    "sweep": "rnnlab.api",
    "train": "rnnlab.api",
    "watch": "rnnlab.watching",
}

__all__ = [
    "RNN",
    "GRULayer",
    "GradientVisualizer",
    "LSTMLayer",
    "RNNLayer",
    "Recorder",
    "RecurrentRegressionModel",
    "biggest_eig_magnitude",
    "generate_batch",
    "load_config",
    "loss_fn",
    "open_run",
    "open_study",
    "sweep",
    "train",
    "watch",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its home."""
    if name not in _HOMES:
        raise AttributeError(f"module 'rnnlab' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
