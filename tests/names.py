"""The names of what there is, as messages list them: more may be declared at any time."""

from __future__ import annotations

from rnnlab.config.sections import joined, section_type
from rnnlab.nets import CELLS, INITIALISERS, NONLINEARITIES
from rnnlab.training import OPTIMIZERS

CELL_NAMES = ", ".join(CELLS)
INIT_NAMES = ", ".join(INITIALISERS)
NONLINEARITY_NAMES = ", ".join(NONLINEARITIES)
OPTIMIZER_NAMES = ", ".join(OPTIMIZERS)
NONLINEARITY_CHOICES = joined(list(NONLINEARITIES), "or")
MODEL_KEYS = ", ".join(section_type("model").model_fields)
