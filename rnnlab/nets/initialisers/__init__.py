"""Initial weights: how the parameters of a net begin. `INITIALISERS` has the ways by name.

A new one is one new file here, or anywhere, that subclasses `Initialiser` and registers it.
"""

from rnnlab.nets.initialisers.base import (
    INITIALISERS,
    Initialiser,
    Scales,
    describe_initialisers,
    initial_weights,
    make_initialiser,
    shifted,
)
from rnnlab.nets.initialisers.bigram import bigram_weights

__all__ = [
    "INITIALISERS",
    "Initialiser",
    "Scales",
    "bigram_weights",
    "describe_initialisers",
    "initial_weights",
    "make_initialiser",
    "shifted",
]
