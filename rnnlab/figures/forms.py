"""How a quantity is drawn: it follows from its axes, so that a new one needs nothing here.

| form | axes | drawn as |
|---|---|---|
| curves | record, (layer,) one more that is counted or has numbers | a curve a record, and a map over training |
| plane | the same, of complex numbers | points in the complex plane, first and last record |
| path | record, (layer) or one more that has names | a line over the updates for each |
| series | one that is no record | one curve |
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from rnnlab.flow.group import iterate_quantities
from rnnlab.flow.quantity import LAYER, RECORD, Axis, Quantity

if TYPE_CHECKING:
    import numpy as np

Form = Literal["curves", "plane", "path", "series"]


def form_of(quantity: Quantity) -> Form | None:
    """Give the form of a quantity; None where no picture shows so many axes."""
    if quantity.is_axis:
        return None
    is_complex = quantity.scale == "complex"
    if RECORD not in quantity.axes:
        return "series" if len(quantity.axes) == 1 and not is_complex else None
    across = [axis for axis in quantity.axes if axis not in {RECORD, LAYER}]
    if is_complex:
        return "plane" if len(across) == 1 and not has_names(across[0]) else None
    if len(across) == 1 and not has_names(across[0]):
        return "curves"
    return "path" if not across or (len(across) == 1 and LAYER not in quantity.axes) else None


def has_names(axis: Axis) -> bool:
    """Tell whether the places of an axis have names, and not numbers."""
    return any(each.name == axis.values and each.dtype == "U" for each in iterate_quantities())


def axis_across(quantity: Quantity) -> Axis:
    """Give the axis that curves run along: the last that is neither record nor layer."""
    return next(axis for axis in reversed(quantity.axes) if axis not in {RECORD, LAYER})


def drawable(*forms: Form) -> dict[str, Quantity]:
    """Give the quantities of some forms, or all that can be drawn, by name."""
    found = {quantity.name: form_of(quantity) for quantity in iterate_quantities()}
    return {
        each.name: each for each in iterate_quantities() if (form := found[each.name]) and form in (forms or {form})
    }


def places(axis: Axis, count: int, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """Give the numbers of the places along an axis: counted, or the values that another array holds."""
    import numpy as np

    values = arrays.get(axis.values or "")
    return np.arange(axis.first, axis.first + count) if values is None else values[:count]
