"""The recurrent matrix: its eigenvalues in the complex plane, and how its radius and norm move over training.

Spectral radius: the largest magnitude of an eigenvalue. Spectral norm: the largest singular value, never less.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.patches import Circle

from rnnlab.figures import axes as axis_tools
from rnnlab.figures.style import ordered_colours
from rnnlab.nets import CELLS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rnnlab.figures.style import Style
    from rnnlab.figures.subject import Subject

_FEW_RECORDS = 10


def has_spectrum(subject: Subject) -> bool:
    """Tell whether a single matrix governs the cell, so that eigenvalues were recorded."""
    return "eigenvalues" in subject.metrics


def why_no_spectrum(subject: Subject) -> str:
    """Say why there are no eigenvalues."""
    return f"No eigenvalues: {CELLS[subject.cell].why_no_matrix}."


def draw_eigenvalues(axes: Axes, subject: Subject, style: Style, layer: int) -> None:
    """Draw the eigenvalues of W_hh at the first and the last record, with the unit circle."""
    title = "Eigenvalues of W_hh" + (f", layer {layer}" if subject.layers > 1 else "")
    if not has_spectrum(subject):
        axis_tools.say(axes, why_no_spectrum(subject), "Eigenvalues of W_hh")
        return
    records = [0] if subject.records == 1 else [0, subject.records - 1]
    values_RH = subject.metrics["eigenvalues"][records, layer]
    finite = values_RH[np.isfinite(values_RH)]
    axes.set_title(title)
    if not finite.size:
        axis_tools.say(axes, "No eigenvalue is finite.", title)
        return
    axes.add_patch(Circle((0, 0), 1, fill=False, edgecolor=style.faint, linewidth=0.7 * style.line))
    colours = ordered_colours(style, 6)
    for row, record, colour, marker in zip(values_RH, records, (colours[0], colours[4]), "ox", strict=False):
        filling = "none" if marker == "o" else colour
        label = f"update {subject.steps_R[record]}"
        axes.plot(
            row.real, row.imag, marker, color=colour, markersize=0.5 * style.font, label=label, markerfacecolor=filling
        )
    _square(axes, finite)
    axes.set_xlabel("real part")
    axes.set_ylabel("imaginary part")
    axis_tools.legend_above(axes)
    axes.set_title(title, pad=1.9 * style.font)


def _square(axes: Axes, values: np.ndarray) -> None:
    """Show the unit circle and every eigenvalue, circles as circles."""
    reach = 1.12 * max(1.0, float(np.abs(values.real).max()), float(np.abs(values.imag).max()))
    axes.set_xlim(-reach, reach)
    axes.set_ylim(-reach, reach)
    axes.set_box_aspect(1)
    tick = 1.0 if reach < 3 else float(f"{reach / 1.3:.1g}")
    for axis in (axes.xaxis, axes.yaxis):
        ticks = [-tick, 0.0, tick]
        axis.set_ticks(ticks, [axis_tools.signed(value) for value in ticks])


def draw_spectrum_path(axes: Axes, subject: Subject, style: Style) -> None:
    """Draw spectral radius and spectral norm over training, a colour a layer."""
    title = "Spectral radius and norm of W_hh"
    if not has_spectrum(subject):
        axis_tools.say(axes, why_no_spectrum(subject), title)
        return
    axes.set_title(title)
    radius_RL = np.abs(subject.metrics["eigenvalues"][: subject.records, :, 0])
    norm_RL = subject.metrics["singular_values"][: subject.records, :, 0]
    few = subject.records <= _FEW_RECORDS
    for i, layer in enumerate(subject.shown_layers):
        where, colour = (f", layer {layer}" if subject.layers > 1 else ""), style.palette[i]
        paths = ((norm_RL, "--", "s", "spectral norm"), (radius_RL, "-", "o", "spectral radius"))
        for values_RL, dashes, marker, name in paths:
            axes.plot(
                subject.steps_R,
                values_RL[:, layer],
                dashes if subject.records > 1 else "",
                color=colour,
                marker=marker if few else None,
                markersize=0.5 * style.font,
                markerfacecolor="none" if marker == "s" else colour,
                label=name + where,
            )
    axes.axhline(1, color=style.faint, linewidth=0.6 * style.line)
    axis_tools.updates_axis(axes, int(subject.steps_R[0]), int(subject.steps_R[-1]))
    everything = np.concatenate([radius_RL, norm_RL])
    if axis_tools.log_helps(everything):
        axis_tools.set_log(axes, np.append(everything.ravel(), 1.0))
    axes.set_ylabel("spectral radius, norm")
    axis_tools.legend(axes)
