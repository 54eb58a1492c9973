"""The figures of many runs: a quantity against an axis, curves overlaid, phase diagrams."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.lines import Line2D

from rnnlab.figures import axes as axis_tools
from rnnlab.figures import phase
from rnnlab.figures.hues import Hues
from rnnlab.figures.overlays import draw_flows, draw_losses
from rnnlab.figures.page import make_page, set_title
from rnnlab.figures.quantities import middle_of, value_text
from rnnlab.figures.quantity_lines import diverged_entry, draw_quantity, scale_y
from rnnlab.figures.style import Style, pick
from rnnlab.figures.subject import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from rnnlab.figures.collection import Collection, Member
    from rnnlab.figures.placing import Plan

_MOST_PANELS = 5

Panels = list[tuple[str, list["Member"]]]


def draw_sweep(collection: Collection, plan: Plan, style: Style, complain: Callable[[str], None]) -> Figure:
    """Draw one figure of a plan; runs whose arrays turn out damaged are named to `complain` and left out.

    Raises:
        DamagedRunError: no run is whole.
    """
    names = {"flow": [str(plan.y)], "loss": ["loss"]}.get(plan.kind, [])
    if names:
        collection.read(names, complain)
    panels = _panels(collection, plan.panel)
    figure = _DRAWN[plan.kind](collection, plan, style, panels)
    set_title(figure, style, collection.name, _subtitle(collection, plan))
    return figure


def _panels(collection: Collection, key: str | None) -> Panels:
    """Give the heading and the runs of every panel; of many values, some."""
    groups = list(collection.groups(key).items())
    chosen = [groups[i] for i in pick(len(groups), _MOST_PANELS)]
    return [(f"{_last(key)} = {plain(value_text(place[0]))}" if key else "", members) for place, members in chosen]


def _last(key: str) -> str:
    return key.rpartition(".")[2]


def _subtitle(collection: Collection, plan: Plan) -> str:
    """Say what the figure shows of which runs, and what its medians are taken over."""
    shown = {plan.x, plan.hue, plan.panel} | ({plan.y} if plan.kind == "phase" else set())
    over = [key for key in collection.axes if key not in shown]
    words = [collection.subtitle, *([f"median over {', '.join(over)}"] if over else [])]
    count = len(collection.groups(plan.panel))
    if count > _MOST_PANELS:
        words.append(f"{_MOST_PANELS} of the {count} values of {plan.panel} are drawn")
    if plan.kind == "phase" and any(middle_of(name) is not None for name in plan.quantities):
        words.append("blue: gradients vanish, red: they explode")
    return "; ".join(words)


def _draw_quantities(collection: Collection, plan: Plan, style: Style, panels: Panels) -> Figure:
    hues = Hues(collection, plan.hue, style)
    across = len(panels) > 1
    rows, columns = (len(plan.quantities), len(panels)) if across else (1, len(plan.quantities))
    figure = make_page(style, rows, max(2, columns) + 0.4)
    grid = figure.subplots(rows, columns, squeeze=False, sharey="row" if across else False)
    for i, name in enumerate(plan.quantities):
        row = list(grid[i]) if across else [grid[0][i]]
        seen: list[float] = []
        for axes, (heading, members) in zip(row, panels, strict=True):
            seen += draw_quantity(axes, collection, plan, style, hues, name, members)
            axes.set_title(heading, pad=(1.6 if collection.diverged else 0.6) * style.font)
        scale_y(row, name, seen, style)
    hues.legend(grid[0][-1], [diverged_entry(style)] if collection.diverged else [])
    return figure


def _draw_flow(collection: Collection, plan: Plan, style: Style, panels: Panels) -> Figure:
    """Draw the first and the last record: beside each other, or below each other if there are panels."""
    hues, trained = Hues(collection, plan.hue, style), any(m.flat.get("training.batches") for m in collection.members)
    moments = [(False, "first record"), (True, "last record")] if trained else [(False, "update 0")]
    across = len(panels) > 1
    rows, columns = (len(moments), len(panels)) if across else (1, len(moments))
    figure = make_page(style, rows, max(2, columns) + 0.4)
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for i, (last, moment) in enumerate(moments):
        for j, (heading, members) in enumerate(panels):
            axes = grid[i][j] if across else grid[0][i]
            draw_flows(axes, members, style, hues, str(plan.y), last=last)
            axes.set_title(_flow_heading(moment, heading, members, last=last))
            if j or (not across and i):
                axes.set_ylabel("")
    _share_scale([axes for row in grid for axes in row])
    hues.legend(grid[0][-1], _mark_entries([axes for row in grid for axes in row], style))
    return figure


def _flow_heading(moment: str, heading: str, members: list[Member], *, last: bool) -> str:
    diverged = sum(member.diverged for member in members)
    note = f"\n{diverged} of {len(members)} diverged before it" if last and diverged else ""
    layers = {member.flat.get("model.layers") for member in members} != {1}
    words = [heading, moment + (", layer 0" if layers else "")]
    return ", ".join(word for word in words if word) + note


def _draw_loss(collection: Collection, plan: Plan, style: Style, panels: Panels) -> Figure:
    hues = Hues(collection, plan.hue, style)
    figure = make_page(style, 1, max(1.8, len(panels) + 0.4))
    grid = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
    for j, (axes, (heading, members)) in enumerate(zip(grid, panels, strict=True)):
        draw_losses(axes, members, style, hues)
        diverged = sum(member.diverged for member in members)
        axes.set_title(heading + (f"\n{diverged} of {len(members)} diverged" if diverged else ""))
        if j:
            axes.set_ylabel("")
    _share_scale(list(grid))
    crosses = [diverged_entry(style, "half have diverged")] if _has_crosses(list(grid)) else []
    hues.legend(grid[-1], [*_floor_entries(grid[0]), *crosses])
    return figure


def _has_crosses(panels: list[Axes]) -> bool:
    return any(line.get_label() == "_diverged" for axes in panels for line in axes.get_lines())


def _floor_entries(axes: Axes) -> list[tuple[Any, str]]:
    lines = [line for line in axes.get_lines() if ":" in str(line.get_label())]
    return [(line, str(line.get_label())) for line in lines]


def _mark_entries(panels: list[Axes], style: Style) -> list[tuple[Any, str]]:
    marks = axis_tools.mark_names(panels).items()
    return [(Line2D([], [], color=style.ink, marker=marker, linestyle=""), name) for name, marker in marks]


def _share_scale(panels: list[Axes]) -> None:
    """Give panels that share an axis limits and ticks that hold the curves of all."""
    drawn = [axes for axes in panels if axes.axison]
    values = np.concatenate([np.ravel(line.get_ydata()) for axes in drawn for line in _curves(axes)] or [np.ones(1)])
    if drawn and any(axes.get_yscale() == "log" for axes in drawn):
        for axes in drawn:
            axis_tools.set_log(axes, values)


def _curves(axes: Axes) -> list[Line2D]:
    return [line for line in axes.get_lines() if line.get_transform() == axes.transData or ":" in str(line.get_label())]


def _draw_phase(collection: Collection, plan: Plan, style: Style, panels: Panels) -> Figure:
    figure = make_page(style, len(plan.quantities), max(1.9, len(panels) + 0.5))
    grid = figure.subplots(len(plan.quantities), len(panels), squeeze=False, sharey=True, sharex=True)
    tables = []
    for name, row in zip(plan.quantities, grid, strict=True):
        in_row = [phase.cell_table(collection, plan, name, members) for _, members in panels]
        norm, has_middle = phase.make_norm(np.stack([medians for medians, _, _ in in_row]), name)
        colour_map = phase.map_of(name, style) if has_middle else style.sequential
        for axes, table, (heading, _) in zip(row, in_row, panels, strict=True):
            phase.draw_phase(axes, collection, plan, style, table, norm, colour_map)
            axes.set_title(heading)
            axes.label_outer()
        phase.add_bar(figure, list(row), norm, colour_map, name)
        tables += in_row
    phase.cell_legend(figure, style, tables)
    return figure


_DRAWN = {"quantity": _draw_quantities, "flow": _draw_flow, "loss": _draw_loss, "phase": _draw_phase}
