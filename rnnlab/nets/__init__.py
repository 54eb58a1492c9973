"""The recurrent nets: their steps, their layers, their parameters."""

from rnnlab.nets.cells import GRU, LSTM, NONLINEARITIES, Cell, Elman, LayerWeights, State, identity, make_cell
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
from rnnlab.nets.parameters import Architecture, bigram_weights, initial_weights, pack, unpack
from rnnlab.nets.unroll import Trajectory, run_layer, run_net

__all__ = [
    "GRU",
    "LSTM",
    "NONLINEARITIES",
    "RNN",
    "Architecture",
    "Cell",
    "Elman",
    "GRULayer",
    "LSTMLayer",
    "LayerWeights",
    "RNNLayer",
    "RecurrentLayer",
    "RecurrentRegressionModel",
    "State",
    "Trajectory",
    "bigram_weights",
    "identity",
    "initial_weights",
    "make_cell",
    "model_from_weights",
    "named_parameters",
    "pack",
    "run_layer",
    "run_net",
    "unpack",
]
