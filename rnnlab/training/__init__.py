"""Training a stack of nets: from initial weights to every batch's loss and the weights at the recorded steps."""

from rnnlab.training.engines import ENGINES, Engine, Session, available_engines, make_engine
from rnnlab.training.errors import EngineError
from rnnlab.training.state import NetState, Recipe, record_steps
from rnnlab.training.streams import BATCHES, PROBE, WEIGHTS, make_stream

__all__ = [
    "BATCHES",
    "ENGINES",
    "PROBE",
    "WEIGHTS",
    "Engine",
    "EngineError",
    "NetState",
    "Recipe",
    "Session",
    "available_engines",
    "make_engine",
    "make_stream",
    "record_steps",
]
