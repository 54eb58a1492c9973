"""Lyapunov exponents with their error bars: the spectrum, and the largest beside the slope of the gradients."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from rnnlab.figures import axes as axis_tools
from rnnlab.figures.curves import MARKED_POINTS
from rnnlab.figures.forms import axis_across
from rnnlab.figures.measured import register_group
from rnnlab.figures.over_training import FEW_RECORDS
from rnnlab.figures.theory import theory_exponent
from rnnlab.figures.together import end_records
from rnnlab.flow.base_numbers import slope

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rnnlab.figures.run_figures import Panel
    from rnnlab.figures.style import Style
    from rnnlab.figures.subject import Subject


def _columns(subject: Subject, style: Style) -> list[Panel]:
    return [partial(draw, subject=subject, style=style) for draw in (_draw_spectrum, _draw_largest)]


def _draw_spectrum(axes: Axes, subject: Subject, style: Style, layer: int) -> None:
    """Draw all exponents at the first and the last record, with standard errors."""
    recorded, stderr = subject.require("exponents"), subject.require("exponents_stderr")
    quantity, i = recorded.quantity, recorded.across()
    title = "Lyapunov exponents" + subject.layer_words(quantity, layer)
    values_RN, stderr_RN = recorded.of_layer(layer), stderr.of_layer(layer)
    if not np.isfinite(values_RN).any():
        axis_tools.say(axes, "No exponent is finite: every direction is lost, or the net diverged.", title)
        return
    axes.set_title(title)
    dots = "o" if len(i) <= MARKED_POINTS else ""
    for record, colour in end_records(recorded, style):
        finite = np.isfinite(values_RN[record])
        axes.errorbar(
            i[finite],
            values_RN[record][finite],
            stderr_RN[record][finite],
            fmt=f"{dots}-",
            color=colour,
            markersize=0.28 * style.font,
            elinewidth=0.8 * style.line,
            label=f"update {recorded.steps_R[record]}",
        )
        axis_tools.mark_unshowable(axes, i, values_RN[record], colour, style, zeros=False)
    axes.axhline(0, color=style.faint, linewidth=0.6 * style.line, zorder=0)
    axis_tools.level_out(axes, values_RN)
    axis_tools.axis_across(axes, i, axis_across(quantity).label)
    axes.set_ylabel(f"{quantity.symbol} (per timestep)")


def _draw_largest(axes: Axes, subject: Subject, style: Style, layer: int) -> None:
    """Draw the largest exponent beside what it should agree with: the slope of ln ||dL/dh_t||, and theory."""
    recorded, stderr = subject.require("exponents"), subject.require("exponents_stderr")
    title = "Largest exponent" + subject.layer_words(recorded.quantity, layer)
    largest_R = recorded.of_layer(layer)[: recorded.records, 0]
    stderr_R = stderr.of_layer(layer)[: recorded.records, 0]
    gradients = subject.recorded("grad_log_living") or subject.require("grad_log_norm")  # as the summary takes it
    logs_RT = gradients.of_layer(layer)[: gradients.records]
    slopes_R = np.array([np.nan if (found := slope(logs_T)) is None else -found for logs_T in logs_RT])
    few = gradients.records <= FEW_RECORDS
    axes.plot(
        gradients.steps_R,
        slopes_R,
        color=style.palette[1],
        marker="s" if few else "",
        markersize=0.4 * style.font,
        markerfacecolor="none",
        label="minus the slope of ln ||dL/dh_t||",
    )
    _draw_radius(axes, subject, style, layer)
    shown = np.isfinite(largest_R)
    axes.errorbar(
        recorded.steps_R[shown],
        largest_R[shown],
        stderr_R[shown],
        fmt="o",
        color=style.palette[0],
        markersize=0.5 * style.font,
        capsize=0.3 * style.font,
        label="λ_1 and its standard error",
    )
    theory = theory_exponent(subject, layer)
    if theory is not None:
        axes.plot(
            0, theory, "D", color=style.ink, markersize=0.5 * style.font, label="mean field", markerfacecolor="none"
        )
    axes.axhline(0, color=style.faint, linewidth=0.6 * style.line, zorder=0)
    steps_R = gradients.every_step_R
    axis_tools.updates_axis(axes, int(steps_R[0]), int(gradients.steps_R[-1]))
    axis_tools.level_out(axes, np.concatenate([slopes_R, largest_R]))
    axes.set_ylabel("per timestep")
    axes.set_title(title)


def _draw_radius(axes: Axes, subject: Subject, style: Style, layer: int) -> None:
    """Draw ln of the spectral radius, where one matrix governs the cell: what the exponent of a linear net is."""
    eigenvalues = subject.recorded("eigenvalues")
    if eigenvalues is None:
        return
    radius_R = np.abs(eigenvalues.of_layer(layer)[: eigenvalues.records, 0])
    with np.errstate(divide="ignore"):
        logs_R = np.log(radius_R)
    marker = "x" if eigenvalues.records == 1 else ""
    axes.plot(eigenvalues.steps_R, logs_R, ":", color=style.palette[2], marker=marker, label="ln rho of W_hh")


register_group("lyapunov", "Lyapunov exponents with error bars, and the gradients' slope", 130, _columns, legend=False)
