"""Figures of a group of quantities: a row a layer, a panel a question; what was not measured is a sentence."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from matplotlib.lines import Line2D

from rnnlab.figures import axes as axis_tools
from rnnlab.figures.curves import draw_curves
from rnnlab.figures.forms import drawable
from rnnlab.figures.kind import RUN_KINDS, RunKind
from rnnlab.figures.run_figures import Panel, add_legend, draw_layers, draw_sentence
from rnnlab.flow.group import GROUPS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from rnnlab.figures.style import Style
    from rnnlab.figures.subject import Subject

Columns = Callable[["Subject", "Style"], list[Panel]]
"""Gives what draws the panels of a layer, of a run that has the group."""


def register_group(name: str, words: str, place: int, columns: Columns, *, legend: bool = True) -> None:
    """Declare the figure of a group, under its name.

    Args:
        name: of the group.
        words: what the figure shows, in a line of the help.
        place: where it stands in lists.
        columns: gives its panels.
        legend: whether colours are records; if not, the lines are named by their labels.
    """
    RUN_KINDS.register(RunKind(name, words, partial(_draw, name, columns, legend), place))


def _draw(name: str, columns: Columns, legend: bool, subject: Subject, style: Style) -> Figure:
    held = [each for each in GROUPS[name].quantities if subject.recorded(each) is not None]
    if not held:
        first = GROUPS[name].quantities[0]
        return draw_sentence(style, f"No {name}: {subject.why_absent(first)}.")
    if legend:
        return draw_layers(style, subject.shown_layers, columns(subject, style), subject.require(held[0]))
    figure = draw_layers(style, subject.shown_layers, columns(subject, style))
    _add_line_legend(figure.subfigs[0], style)
    return figure


def _add_line_legend(part: SubFigure, style: Style) -> None:
    """Say once for all panels what each line is, where the same name is the same line in all of them."""
    entries: dict[str, Any] = {}
    for axes in (each for each in part.axes if each.axison):  # a sentence has no legend
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    marks = axis_tools.mark_names(part.axes)
    entries |= {name: Line2D([], [], color=style.ink, marker=marker, linestyle="") for name, marker in marks.items()}
    if entries:
        labels = list(entries)
        add_legend(part, style, list(entries.values()), labels)


def curves_of(subject: Subject, style: Style, name: str, limits: tuple[float, float] | None = None) -> list[Panel]:
    """Give what draws the curves of a quantity, between fixed limits if it has any; nothing where there are none."""
    if subject.recorded(name) is None:
        return []
    return [partial(_draw_limited, subject=subject, style=style, name=name, limits=limits)]


def _draw_limited(
    axes: Axes, subject: Subject, style: Style, name: str, limits: tuple[float, float] | None, layer: int
) -> None:
    draw_curves(axes, subject, style, drawable()[name], layer)
    if limits and axes.axison:
        low, high = limits
        room = 0.04 * (high - low)
        axes.set_ylim(low - room, high + room)
