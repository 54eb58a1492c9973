"""Training a stack of nets: from initial weights to every batch's loss and the weights at the recorded steps."""

from rnnlab.training.engines import ENGINES, Engine, Session, make_engine
from rnnlab.training.state import NetState, Recipe, record_steps
from rnnlab.training.streams import BATCHES, PROBE, WEIGHTS, make_stream

__all__ = [
    "BATCHES",
    "ENGINES",
    "PROBE",
    "WEIGHTS",
    "Engine",
    "NetState",
    "Recipe",
    "Session",
    "make_engine",
    "make_stream",
    "record_steps",
]
