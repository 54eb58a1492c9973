"""Training a stack of nets: from initial weights to every batch's loss and the weights at the recorded steps.

The public names are resolved when they are first used: choosing an engine takes no PyTorch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rnnlab.training.choice import DEVICES, ENGINES, available_engines, choose_engine, keeps_bits_in_any_stack
    from rnnlab.training.engines import Engine, Session, make_engine
    from rnnlab.training.errors import EngineError
    from rnnlab.training.needs import Needs
    from rnnlab.training.optimizers import OPTIMIZERS, Optimizer, make_optimizer
    from rnnlab.training.state import NetState, Recipe, record_steps
    from rnnlab.training.streams import BATCHES, FRESH, PROBE, WEIGHTS, make_stream

_HOMES = {
    "choice": ("DEVICES", "ENGINES", "available_engines", "choose_engine", "keeps_bits_in_any_stack"),
    "engines": ("Engine", "Session", "make_engine"),
    "errors": ("EngineError",),
    "needs": ("Needs",),
    "optimizers": ("OPTIMIZERS", "Optimizer", "make_optimizer"),
    "state": ("NetState", "Recipe", "record_steps"),
    "streams": ("BATCHES", "FRESH", "PROBE", "WEIGHTS", "make_stream"),
}

__all__ = [
    "BATCHES",
    "DEVICES",
    "ENGINES",
    "FRESH",
    "OPTIMIZERS",
    "PROBE",
    "WEIGHTS",
    "Engine",
    "EngineError",
    "Needs",
    "NetState",
    "Optimizer",
    "Recipe",
    "Session",
    "available_engines",
    "choose_engine",
    "keeps_bits_in_any_stack",
    "make_engine",
    "make_optimizer",
    "make_stream",
    "record_steps",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its home."""
    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
