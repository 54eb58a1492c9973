"""The figures of one run: a kind of figure, or any quantity by its axes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import TYPE_CHECKING

from rnnlab.figures import axes as axis_tools
from rnnlab.figures.curves import draw_curves, record_handles
from rnnlab.figures.errors import choose, find_name
from rnnlab.figures.forms import drawable, form_of
from rnnlab.figures.kind import RUN_KINDS
from rnnlab.figures.over_training import draw_paths
from rnnlab.figures.page import columns_that_fit, make_page, make_parts, set_title
from rnnlab.figures.plane import draw_plane
from rnnlab.figures.series import draw_series
from rnnlab.figures.training_map import draw_map
from rnnlab.flow.group import GROUPS
from rnnlab.flow.quantity import LAYER

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure, SubFigure

    from rnnlab.figures.style import Style
    from rnnlab.figures.subject import Recorded, Subject
    from rnnlab.flow.quantity import Quantity

Panel = Callable[..., None]
"""Draws on `axes` what belongs to a `layer`."""

WIDE_PANEL = 1.7  # of a figure of one panel, with its legend beside it


def run_figure_names(files: Collection[str] = ()) -> list[str]:
    """Give what `--kind` may be for one run: the kinds, the default first, then the quantities that it has.

    Args:
        files: of the run folder; without them, those that every run has.
    """
    held = [
        quantity.name
        for group in GROUPS.values()
        if group.by_default or group.file in files
        for quantity in group.quantities
    ]
    return list(dict.fromkeys([*RUN_KINDS, *(name for name in drawable() if name in held)]))


def choose_figure(wanted: str, files: Collection[str]) -> str:
    """Find a kind or a quantity by its name; of one that the run has not, the picture says why.

    Raises:
        FigureError: there is neither of that name.
    """
    return find_name(wanted, drawable()) or choose("--kind", wanted, run_figure_names(files))


def draw_run(subject: Subject, style: Style, name: str = "overview") -> Figure:
    """Draw a figure of a run: of a kind, or of a quantity.

    Raises:
        FigureError: there is neither of that name.
    """
    name = choose_figure(name, subject.record.files)
    notes: list[str] = []
    if name in RUN_KINDS:
        figure, notes = RUN_KINDS[name].draw(subject, style), RUN_KINDS[name].notes(subject)
    else:
        figure = draw_quantity(subject, style, drawable()[name])
    set_title(figure, style, subject.title, subject.subtitle, *notes)
    return figure


def draw_quantity(subject: Subject, style: Style, quantity: Quantity) -> Figure:
    """Draw a quantity as its axes ask for."""
    recorded = subject.recorded(quantity)
    if recorded is None:
        return draw_sentence(style, f"No {quantity.symbol}: {subject.why_absent(quantity)}.")
    form = form_of(quantity)
    layers = subject.shown_layers if LAYER in quantity.axes else [0]
    if form == "curves":
        columns = [partial(draw, subject=subject, style=style, quantity=quantity) for draw in (draw_curves, draw_map)]
        return draw_layers(style, layers, columns, recorded)
    if form == "plane":
        return draw_layers(style, layers, [partial(draw_plane, subject=subject, style=style, quantity=quantity)])
    figure = make_page(style, 1, WIDE_PANEL)
    (draw_paths if form == "path" else draw_series)(figure.subplots(), subject, style, quantity)
    return figure


def draw_sentence(style: Style, sentence: str) -> Figure:
    """Say on a page of its own what cannot be drawn."""
    figure = make_page(style, 1, WIDE_PANEL)
    axis_tools.say(figure.subplots(), sentence, letters=50)
    return figure


def draw_layers(style: Style, layers: list[int], columns: Sequence[Panel], legend_of: Recorded | None = None) -> Figure:
    """Draw a row a layer; panels of one column stand beside each other. `legend_of`: has the records to name."""
    if len(columns) == 1:
        figure = make_page(style, 1, max(WIDE_PANEL, len(layers)))
        (body,) = make_parts(figure, [1])
        rows = body.subplots(1, len(layers), squeeze=False).T
    else:
        figure = make_page(style, len(layers), len(columns))
        (body,) = make_parts(figure, [1])
        rows = body.subplots(len(layers), len(columns), squeeze=False)
    fill_layers(rows, layers, columns)
    if legend_of is not None:
        add_record_legend(body, legend_of, style, rows)
    return figure


def fill_layers(rows: np.ndarray, layers: list[int], columns: Sequence[Panel]) -> None:
    """Draw the panels of every layer."""
    for layer, row in zip(layers, rows, strict=True):
        for axes, draw in zip(row, columns, strict=True):
            draw(axes, layer=layer)


def add_record_legend(figure: SubFigure, recorded: Recorded, style: Style, rows: np.ndarray) -> None:
    """Say which colour is which record, once for all panels."""
    add_legend(figure, style, *record_handles(recorded, style, list(rows.flat)))


def add_legend(figure: SubFigure, style: Style, handles: list[Artist], labels: list[str]) -> None:
    """Put a legend above the panels, in as many columns as fit."""
    figure.legend(
        handles,
        labels,
        loc="outside upper left",
        ncols=columns_that_fit(figure, style, labels),
        columnspacing=1.2,
        borderaxespad=0.8,
    )
