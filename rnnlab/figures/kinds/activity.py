"""What units and gates do: slopes and saturation of an Elman net; gates, highway and memory time of others."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from rnnlab.figures import axes as axis_tools
from rnnlab.figures.forms import drawable
from rnnlab.figures.measured import curves_of, register_group
from rnnlab.figures.over_training import FEW_RECORDS
from rnnlab.figures.training_map import draw_map

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rnnlab.figures.run_figures import Panel
    from rnnlab.figures.style import Style
    from rnnlab.figures.subject import Subject

_SHARES = (
    "derivative_mean",
    "saturated_share",
    "gate_i_mean",
    "gate_f_mean",
    "gate_o_mean",
    "gate_r_mean",
    "gate_z_mean",
)
_KEPT = ("forget_log_mean", "keep_log_mean")


def _columns(subject: Subject, style: Style) -> list[Panel]:
    maps = [drawable()["derivative_mean"]] if subject.recorded("derivative_mean") is not None else []
    kept = [name for name in _KEPT if subject.recorded(name) is not None]
    return [
        *(panel for name in _SHARES for panel in curves_of(subject, style, name, (0.0, 1.0))),
        *(partial(draw_map, subject=subject, style=style, quantity=quantity) for quantity in maps),
        *curves_of(subject, style, "highway_share"),
        *(partial(_draw_memory, subject=subject, style=style, name=name) for name in kept),
    ]


def _draw_memory(axes: Axes, subject: Subject, style: Style, name: str, layer: int) -> None:
    """Draw the steps after which 1/e of the old state is left, over the updates."""
    recorded = subject.require(name)
    title = "Memory time of the gates" + subject.layer_words(recorded.quantity, layer)
    log_kept_R = recorded.of_layer(layer)[: recorded.records].mean(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        times_R = -1.0 / log_kept_R
    if not np.isfinite(times_R).any():
        axis_tools.say(axes, "No memory time: nothing is kept, or all of it for ever.", title)
        return
    axes.set_title(title)
    marker = "o" if recorded.records <= FEW_RECORDS else ""
    axes.plot(recorded.steps_R, times_R, color=style.palette[0], marker=marker, markersize=0.4 * style.font)
    axes.set_ylim(0.0, axis_tools.limits_of([0.0, *times_R])[1])
    axis_tools.updates_axis(axes, int(recorded.steps_R[0]), int(recorded.steps_R[-1]))
    axes.set_ylabel("timesteps")


register_group("activity", "saturation of units, gates, and how long these remember", 160, _columns)
