"""The recurrent nets: their steps, their layers, their parameters, and how these begin.

The public names are resolved when they are first used: what there is can be asked for without PyTorch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rnnlab.nets.cells import CELLS, GRU, LSTM, Cell, Elman, LayerWeights, State, make_cell
    from rnnlab.nets.initialisers import INITIALISERS, Initialiser, bigram_weights, initial_weights, make_initialiser
    from rnnlab.nets.layers import (
        RNN,
        GRULayer,
        LSTMLayer,
        RecurrentLayer,
        RecurrentRegressionModel,
        RNNLayer,
        model_from_weights,
        named_parameters,
    )
    from rnnlab.nets.nonlinearities import NONLINEARITIES, Nonlinearity, identity
    from rnnlab.nets.parameters import Architecture, pack, unpack
    from rnnlab.nets.unroll import Trajectory, run_layer, run_net

_HOMES = {
    "cells": ("CELLS", "GRU", "LSTM", "Cell", "Elman", "LayerWeights", "State", "make_cell"),
    "initialisers": ("INITIALISERS", "Initialiser", "bigram_weights", "initial_weights", "make_initialiser"),
    "layers": (
        "RNN",
        "GRULayer",
        "LSTMLayer",
        "RNNLayer",
        "RecurrentLayer",
        "RecurrentRegressionModel",
        "model_from_weights",
        "named_parameters",
    ),
    "nonlinearities": ("NONLINEARITIES", "Nonlinearity", "identity"),
    "parameters": ("Architecture", "pack", "unpack"),
    "unroll": ("Trajectory", "run_layer", "run_net"),
}

__all__ = [
    "CELLS",
    "GRU",
    "INITIALISERS",
    "LSTM",
    "NONLINEARITIES",
    "RNN",
    "Architecture",
    "Cell",
    "Elman",
    "GRULayer",
    "Initialiser",
    "LSTMLayer",
    "LayerWeights",
    "Nonlinearity",
    "RNNLayer",
    "RecurrentLayer",
    "RecurrentRegressionModel",
    "State",
    "Trajectory",
    "bigram_weights",
    "identity",
    "initial_weights",
    "make_cell",
    "make_initialiser",
    "model_from_weights",
    "named_parameters",
    "pack",
    "run_layer",
    "run_net",
    "unpack",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its home."""
    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
