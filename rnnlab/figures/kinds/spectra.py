"""The recurrent matrix: its eigenvalues in the complex plane, and how its radius and norm move over training.

Spectral radius: the largest magnitude of an eigenvalue. Spectral norm: the largest singular value, never less.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from rnnlab.figures import axes as axis_tools
from rnnlab.figures import scales
from rnnlab.figures.forms import drawable
from rnnlab.figures.kind import RUN_KINDS, RunKind
from rnnlab.figures.over_training import FEW_RECORDS
from rnnlab.figures.page import make_page
from rnnlab.figures.plane import draw_plane
from rnnlab.figures.run_figures import WIDE_PANEL, Panel, draw_layers, draw_sentence

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from rnnlab.figures.style import Style
    from rnnlab.figures.subject import Subject


def has_spectrum(subject: Subject) -> bool:
    """Tell whether a single matrix governs the cell, so that eigenvalues were recorded."""
    return subject.recorded("eigenvalues") is not None


def plane_columns(subject: Subject, style: Style) -> list[Panel]:
    """Give what draws the eigenvalues of a layer, if there are any."""
    column = partial(draw_plane, subject=subject, style=style, quantity=drawable()["eigenvalues"])
    return [column] if has_spectrum(subject) else []


def _why_none(subject: Subject) -> str:
    return f"No eigenvalues: {subject.why_absent(drawable()['eigenvalues'])}."


def draw_spectrum_path(axes: Axes, subject: Subject, style: Style) -> None:
    """Draw spectral radius and spectral norm over training, a colour a layer."""
    title = "Spectral radius and norm of W_hh"
    if not has_spectrum(subject):
        axis_tools.say(axes, _why_none(subject), title)
        return
    axes.set_title(title)
    eigenvalues, singular_values = subject.require("eigenvalues"), subject.require("singular_values")
    records, steps_R = eigenvalues.records, eigenvalues.steps_R
    radius_RL = np.abs(eigenvalues.array[:records, :, 0])
    norm_RL = singular_values.array[:records, :, 0]
    for i, layer in enumerate(subject.shown_layers):
        if subject.why_lacking(eigenvalues.quantity, layer):
            continue
        where, colour = (f", {subject.record.layer_name(layer)}" if subject.layers > 1 else ""), style.palette[i]
        paths = ((norm_RL, "--", "s", "spectral norm"), (radius_RL, "-", "o", "spectral radius"))
        for values_RL, dashes, marker, name in paths:
            axes.plot(
                steps_R,
                values_RL[:, layer],
                dashes if records > 1 else "",
                color=colour,
                marker=marker if records <= FEW_RECORDS else None,
                markersize=0.5 * style.font,
                markerfacecolor="none" if marker == "s" else colour,
                label=name + where,
            )
    axes.axhline(1, color=style.faint, linewidth=0.6 * style.line)
    axis_tools.updates_axis(axes, int(steps_R[0]), int(steps_R[-1]))
    everything = np.concatenate([radius_RL, norm_RL])
    if scales.log_helps(everything):
        axis_tools.set_log(axes, np.append(everything.ravel(), 1.0))
    axes.set_ylabel("spectral radius, norm")
    axis_tools.legend(axes)


def _draw_eigenvalues(subject: Subject, style: Style) -> Figure:
    columns = plane_columns(subject, style)
    if not columns:
        return draw_sentence(style, _why_none(subject))
    return draw_layers(style, subject.shown_layers, columns)


def _draw_path(subject: Subject, style: Style) -> Figure:
    figure = make_page(style, 1, WIDE_PANEL)
    draw_spectrum_path(figure.subplots(), subject, style)
    return figure


RUN_KINDS.register(RunKind("eigenvalues", "those of W_hh in the complex plane", _draw_eigenvalues, place=40))
RUN_KINDS.register(RunKind("spectrum", "spectral radius and norm of W_hh over training", _draw_path, place=50))
