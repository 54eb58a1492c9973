"""What is measured: how gradients flow through a stack of nets, and the spectra of their matrices, in float64.

The public names are resolved when they are first used: to read what is declared takes no PyTorch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rnnlab.flow.describing import describe_numbers, describe_quantities
    from rnnlab.flow.gradients import Flow, gradient_flow
    from rnnlab.flow.group import GROUPS, Group
    from rnnlab.flow.measuring import Measured, measure
    from rnnlab.flow.norms import mean_norm
    from rnnlab.flow.problem import Problem
    from rnnlab.flow.quantity import Axis, Quantity, Summary, Table
    from rnnlab.flow.spectra import eigenvalues, singular_values

_HOMES = {
    "describing": ("describe_numbers", "describe_quantities"),
    "gradients": ("Flow", "gradient_flow"),
    "measuring": ("Measured", "measure"),
    "norms": ("mean_norm",),
    "problem": ("Problem",),
    "group": ("GROUPS", "Group"),
    "quantity": ("Axis", "Quantity", "Summary", "Table"),
    "spectra": ("eigenvalues", "singular_values"),
}

__all__ = [
    "GROUPS",
    "Axis",
    "Flow",
    "Group",
    "Measured",
    "Problem",
    "Quantity",
    "Summary",
    "Table",
    "describe_numbers",
    "describe_quantities",
    "eigenvalues",
    "gradient_flow",
    "mean_norm",
    "measure",
    "singular_values",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its home."""
    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
