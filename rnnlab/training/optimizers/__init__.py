"""The optimizers, one file each, on the flat parameters of a stack, (S, P). `OPTIMIZERS` has them by name.

A new one is one new file here, or anywhere, that subclasses `Optimizer` and registers it. They work net by net and
number by number, so one net never touches another, and each net has its own learning rate.
"""

from rnnlab.training.optimizers.adam import Adam
from rnnlab.training.optimizers.adamw import AdamW
from rnnlab.training.optimizers.base import OPTIMIZERS, Optimizer, make_optimizer
from rnnlab.training.optimizers.rmsprop import RMSprop
from rnnlab.training.optimizers.sgd import SGD

__all__ = ["OPTIMIZERS", "SGD", "Adam", "AdamW", "Optimizer", "RMSprop", "make_optimizer"]
