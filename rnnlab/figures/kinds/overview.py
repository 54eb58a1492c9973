"""The overview of a run: every layer a row and every quantity a column, between what the net as a whole does.

Its loss and spectral radius stand above, its predictions below (not those of a model that was only watched).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rnnlab.figures.kind import RUN_KINDS, RunKind
from rnnlab.figures.kinds import flow, spectra
from rnnlab.figures.kinds.loss import draw_loss
from rnnlab.figures.kinds.predictions import SEQUENCES, draw_predictions
from rnnlab.figures.page import make_page, make_parts
from rnnlab.figures.run_figures import add_record_legend, fill_layers

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rnnlab.figures.style import Style
    from rnnlab.figures.subject import Subject


def draw_overview(subject: Subject, style: Style) -> Figure:
    """Draw all panels of a run."""
    layers = subject.shown_layers
    columns = [*flow.overview_columns(subject, style), *spectra.plane_columns(subject, style)]
    predicts = [] if subject.record.is_watched else [1]
    figure = make_page(style, len(layers) + 1 + len(predicts), max(4, len(columns)))
    above, middle, *below = make_parts(figure, [1, len(layers) + 0.15, *predicts])
    ratios = [1, 1] if spectra.has_spectrum(subject) else [3, 1]
    loss, spectrum = above.subplots(1, 2, width_ratios=ratios)
    draw_loss(loss, subject, style)
    spectra.draw_spectrum_path(spectrum, subject, style)
    rows = middle.subplots(len(layers), len(columns), squeeze=False)
    fill_layers(rows, layers, columns)
    add_record_legend(middle, subject.require("grad_norm"), style, rows)
    for part in below:
        draw_predictions(list(part.subplots(1, SEQUENCES, sharey=True)), subject, style)
    return figure


RUN_KINDS.register(RunKind("overview", "what every run records, in one picture", draw_overview, 0, flow.notes))
