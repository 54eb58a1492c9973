"""Curves of a gradient norm over the band that holds the middle 80 % of the probe sequences, first and last record."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rnnlab.figures import axes as axis_tools
from rnnlab.figures.curves import draw_curves
from rnnlab.figures.together import end_records

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rnnlab.figures.style import Style
    from rnnlab.figures.subject import Subject
    from rnnlab.flow.quantity import Quantity

BAND = "80 % of the sequences"
"""What a legend calls it."""

BANDS = {"grad_norm": ("grad_log_low", "grad_log_high")}
"""The quantiles of the logarithm that belong to a norm."""


def draw_spread_curves(axes: Axes, subject: Subject, style: Style, quantity: Quantity, layer: int) -> None:
    """Draw the curves of a quantity, and the band where its quantiles were recorded."""
    draw_curves(axes, subject, style, quantity, layer)
    quantiles = [subject.recorded(name) for name in BANDS.get(quantity.name, ())]
    if not axes.axison or not quantiles or any(each is None for each in quantiles):
        return
    recorded, drawn = subject.require(quantity), [subject.require(quantity).of_layer(layer)]
    for record, colour in end_records(recorded, style):
        with np.errstate(over="ignore", under="ignore"):
            ends = [np.exp(each.of_layer(layer)[record]) for each in quantiles if each is not None]
        low_T, high_T = (np.where(np.isfinite(end_T) & (end_T > 0), end_T, np.nan) for end_T in ends)
        axes.fill_between(recorded.across(), low_T, high_T, color=colour, alpha=0.15, linewidth=0, label=f"_{BAND}")
        drawn += [low_T[None], high_T[None]]
    axis_tools.set_scale(axes, quantity, np.concatenate([drawn[0][recorded.curves], *drawn[1:]]))
