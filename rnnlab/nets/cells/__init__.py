"""The cells, one file each: a class that owns everything that is special about it. `CELLS` has them by name.

A new cell is one new file here, or anywhere, that subclasses `Cell` and registers it; the config's choices and keys,
the parameters, the figures and the engines that run any cell follow from its class.

A name ends in its shape. S stack (several nets trained or measured at once), T timesteps, B sequences, I inputs,
H hidden units, G = gates x H. One definition serves a single net, whose weights are (G, H) and states (B, H), and
a stack, (S, G, H) and (S, B, H): a leading S may stand before every shape written here.
"""

from rnnlab.nets.cells.base import CELLS, Cell, LayerWeights, State, make_cell, project
from rnnlab.nets.cells.elman import Elman
from rnnlab.nets.cells.gru import GRU
from rnnlab.nets.cells.lstm import LSTM

__all__ = ["CELLS", "GRU", "LSTM", "Cell", "Elman", "LayerWeights", "State", "make_cell", "project"]
