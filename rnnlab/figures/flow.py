"""Norms against timesteps: the gradient flow ||dL/dh_t||, ||dL/dc_t|| of an LSTM, and the hidden norms ||h_t||.

One line for each of a few records, coloured from first to last. A true zero stands as a triangle at the lower edge of
the logarithmic axis, an infinity at the upper edge; a NaN leaves a gap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.lines import Line2D

from rnnlab.figures import axes as axis_tools
from rnnlab.figures.style import ordered_colours

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rnnlab.figures.style import Style
    from rnnlab.figures.subject import Subject

SYMBOLS = {"grad_norm": "||dL/dh_t||", "cell_grad_norm": "||dL/dc_t||", "hidden_norm": "||h_t||"}
WIDE = 50.0  # a hidden norm that spans less is clearer on a linear axis
MARKED_TIMESTEPS = 30  # with more, dots would touch


def flow_names(subject: Subject) -> list[str]:
    """Give the gradients that a run has: of h, and of c for an LSTM."""
    return [name for name in ("grad_norm", "cell_grad_norm") if name in subject.metrics]


def draw_norms(axes: Axes, subject: Subject, style: Style, name: str, layer: int) -> None:
    """Draw an array (R, L, T) of a layer against the timesteps, for the chosen records."""
    values_RT = subject.metrics[name][:, layer]
    axes.set_title(SYMBOLS[name] + (f", layer {layer}" if subject.layers > 1 else ""))
    chosen = values_RT[subject.curves]
    if not np.isfinite(chosen).any():
        axis_tools.say(axes, f"No number of {SYMBOLS[name]} is finite.", axes.get_title(loc="left"))
        return
    t = np.arange(1, subject.timesteps + 1)
    dots = "o" if subject.timesteps <= MARKED_TIMESTEPS else ""
    for record, colour in zip(subject.curves, ordered_colours(style, len(subject.curves)), strict=True):
        draw_curve(axes, t, values_RT[record], colour, style, label=f"{subject.steps_R[record]}", marker=dots)
    if name != "hidden_norm" or axis_tools.log_helps(chosen, WIDE):
        axis_tools.set_log(axes, chosen)
    axis_tools.timesteps_axis(axes, subject.timesteps)
    axes.set_ylabel(SYMBOLS[name])


def draw_curve(
    axes: Axes, t: np.ndarray, values: np.ndarray, colour: str, style: Style, label: str, marker: str, dashes: str = "-"
) -> None:
    """Draw norms over timesteps; what a logarithmic axis cannot show is marked at its edges."""
    axes.plot(t, values, dashes, color=colour, marker=marker, markersize=0.28 * style.font, label=label)
    axis_tools.mark_unshowable(axes, t, values, colour, style)


def record_handles(subject: Subject, style: Style, drawn: list[Axes]) -> tuple[list[Line2D], list[str]]:
    """Give the legend that all panels of a run share: a colour for each record, and the marks that occur."""
    colours = ordered_colours(style, len(subject.curves))
    handles = [Line2D([], [], color=colour) for colour in colours]
    labels = [f"update {subject.steps_R[record]}" for record in subject.curves]
    for name, marker in axis_tools.mark_names(drawn).items():
        handles.append(Line2D([], [], color=style.ink, marker=marker, linestyle=""))
        labels.append(name)
    return handles, labels
