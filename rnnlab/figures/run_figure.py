"""The figures of one run: all panels together, or one kind alone.

In the overview every layer is a row and every quantity a column, between what the net as a whole does: its loss and
spectral radius above, its predictions below.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from rnnlab.figures import axes as axis_tools
from rnnlab.figures import spectra
from rnnlab.figures.errors import choose
from rnnlab.figures.flow import draw_norms, flow_names, record_handles
from rnnlab.figures.flow_map import draw_map
from rnnlab.figures.losses import draw_loss
from rnnlab.figures.page import columns_that_fit, make_page, make_parts, set_title
from rnnlab.figures.predictions import SEQUENCES, draw_predictions
from rnnlab.figures.style import Style
from rnnlab.figures.subject import Subject

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure, SubFigure

RUN_KINDS = ("overview", "loss", "flow", "map", "eigenvalues", "spectrum", "hidden", "predictions")

Panel = Callable[..., None]


def draw_run(subject: Subject, style: Style, kind: str = "overview") -> Figure:
    """Draw a figure of a run.

    Raises:
        FigureError: there is no such kind.
    """
    kind = choose("--kind", kind, RUN_KINDS)
    figure = _overview(subject, style) if kind == "overview" else _alone(subject, style, kind)
    set_title(figure, style, subject.title, subject.subtitle)
    return figure


def _alone(subject: Subject, style: Style, kind: str) -> Figure:
    if kind == "predictions":
        figure = make_page(style, 1, SEQUENCES)
        draw_predictions(list(figure.subplots(1, SEQUENCES, sharey=True)), subject, style)
        return figure
    if kind in {"loss", "spectrum"}:
        figure = make_page(style, 1, 1.7)
        draw = draw_loss if kind == "loss" else spectra.draw_spectrum_path
        draw(figure.subplots(), subject, style)
        return figure
    return _layers_alone(subject, style, kind)


def _layers_alone(subject: Subject, style: Style, kind: str) -> Figure:
    """Draw one kind, a panel a layer beside each other; a kind of two quantities has a row a layer."""
    columns, layers = _columns(subject, style, kind), len(subject.shown_layers)
    if not columns:
        figure = make_page(style, 1, 1.7)
        axis_tools.say(figure.subplots(), spectra.why_no_spectrum(subject))
        return figure
    if len(columns) == 1:
        figure = make_page(style, 1, max(1.7, layers))
        (body,) = make_parts(figure, [1])
        rows = body.subplots(1, layers, squeeze=False).T
    else:
        figure = make_page(style, layers, len(columns))
        (body,) = make_parts(figure, [1])
        rows = body.subplots(layers, len(columns), squeeze=False)
    _draw_layers(subject, rows, columns)
    if kind in {"flow", "hidden"}:
        _add_legend(body, subject, style, rows)
    return figure


def _overview(subject: Subject, style: Style) -> Figure:
    layers = len(subject.shown_layers)
    columns = [panel for kind in ("flow", "map", "hidden", "eigenvalues") for panel in _columns(subject, style, kind)]
    figure = make_page(style, layers + 2, max(4, len(columns)))
    above, middle, below = make_parts(figure, [1, layers + 0.15, 1])
    ratios = [1, 1] if spectra.has_spectrum(subject) else [3, 1]
    loss, spectrum = above.subplots(1, 2, width_ratios=ratios)
    draw_loss(loss, subject, style)
    spectra.draw_spectrum_path(spectrum, subject, style)
    rows = middle.subplots(layers, len(columns), squeeze=False)
    _draw_layers(subject, rows, columns)
    _add_legend(middle, subject, style, rows)
    draw_predictions(list(below.subplots(1, SEQUENCES, sharey=True)), subject, style)
    return figure


def _columns(subject: Subject, style: Style, kind: str) -> list[Panel]:
    """Give what draws the panels of a layer: one, for an LSTM's gradients one of h and one of c, or none."""
    if kind == "eigenvalues":
        draw_layer = partial(spectra.draw_eigenvalues, subject=subject, style=style)
        return [draw_layer] if spectra.has_spectrum(subject) else []
    draw = draw_map if kind == "map" else draw_norms
    names = ["hidden_norm"] if kind == "hidden" else flow_names(subject)
    return [partial(draw, subject=subject, style=style, name=name) for name in names]


def _draw_layers(subject: Subject, rows: np.ndarray, columns: list[Panel]) -> None:
    for layer, row in zip(subject.shown_layers, rows, strict=True):
        for axes, draw in zip(row, columns, strict=True):
            draw(axes, layer=layer)


def _add_legend(figure: SubFigure, subject: Subject, style: Style, rows: np.ndarray) -> None:
    """Say which colour is which record, once for all panels."""
    handles, labels = record_handles(subject, style, list(rows.flat))
    figure.legend(
        handles,
        labels,
        loc="outside upper left",
        ncols=columns_that_fit(figure, style, labels),
        columnspacing=1.2,
        borderaxespad=0.8,
    )
