"""Gradients of hidden states in models of any kind: `watch` for one backward pass, `Recorder` for a run.

PyTorch's fused recurrent modules keep their hidden states to themselves. Inside of `watch(model)` the same arithmetic
is done one step at a time, so that every state is a node of the graph and its gradient can be asked for.
"""

from rnnlab.watching.context import Watching, watch
from rnnlab.watching.errors import WatchError
from rnnlab.watching.recorder import Recorder
from rnnlab.watching.watched import WatchedModule

__all__ = ["Recorder", "WatchError", "WatchedModule", "Watching", "watch"]
