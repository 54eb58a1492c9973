"""The gradient flow: norms against timesteps, of a run and of several; their map over training; hidden norms."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from matplotlib.lines import Line2D

from rnnlab.figures import axes as axis_tools
from rnnlab.figures.curves import MARKED_POINTS, draw_curve, draw_curves
from rnnlab.figures.errors import choose, find_name
from rnnlab.figures.forms import axis_across, drawable, places
from rnnlab.figures.hues import Hues
from rnnlab.figures.kind import RUN_KINDS, SWEEP_KINDS, Panels, RunKind, SweepKind
from rnnlab.figures.measured import curves_of
from rnnlab.figures.overlays import by_hue, by_length, draw_band, median, share_log
from rnnlab.figures.page import make_page
from rnnlab.figures.placing import hue_and_panel, refuse
from rnnlab.figures.run_figures import Panel, draw_layers
from rnnlab.figures.spread import draw_spread_curves
from rnnlab.figures.subject import why_absent
from rnnlab.figures.training_map import draw_map
from rnnlab.figures.wish import Placing, Wish
from rnnlab.flow.agreement import disagreement
from rnnlab.flow.quantity import LAYER

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from rnnlab.figures.collection import Collection, ComparedRun
    from rnnlab.figures.style import Style
    from rnnlab.figures.subject import Subject
    from rnnlab.flow.quantity import Quantity

_GRADIENTS = ("grad_norm", "cell_grad_norm")
_HIDDEN = ("hidden_norm",)
_RATES = ("gradient_slope", "exponent", "exponent_stderr")


def columns_of(draw: Panel, names: Sequence[str], subject: Subject, style: Style) -> list[Panel]:
    """Give what draws the panels of a layer: one for each of these quantities that the run has."""
    quantities = [drawable()[name] for name in names if subject.recorded(name) is not None]
    return [partial(draw, subject=subject, style=style, quantity=quantity) for quantity in quantities]


def overview_columns(subject: Subject, style: Style) -> list[Panel]:
    """Give what the overview shows of each layer: gradients, their maps, hidden norms."""
    panels = ((draw_curves, _GRADIENTS), (draw_map, _GRADIENTS), (draw_curves, _HIDDEN))
    return [column for draw, names in panels for column in columns_of(draw, names, subject, style)]


def _draw(draw: Panel, names: Sequence[str], subject: Subject, style: Style) -> Figure:
    recorded = None if draw is draw_map else subject.require(names[0])
    return draw_layers(style, subject.shown_layers, columns_of(draw, names, subject, style), recorded)


def notes(subject: Subject) -> list[str]:
    """Say at which of the first and the last record the slope of the lowest layer's curve is not the exponent."""
    if subject.record.is_watched:
        return []
    steps_R, summary = subject.require("grad_norm").steps_R, subject.record.summary
    found: dict[str, list[str]] = {}
    for when, update in (("initial", steps_R[0]), *([("final", steps_R[-1])] if len(steps_R) > 1 else [])):
        slope, exponent, stderr = (summary.get(f"{when}_{name}") for name in _RATES)
        why = disagreement(slope, exponent, stderr, subject.timesteps, last_timestep_only=subject.last_timestep_only)
        if why:
            numbers = f"slope {slope:.2g}, exponent {exponent:.2g} ± {stderr:.1g}".replace("-", "\N{MINUS SIGN}")
            numbers = numbers.replace(" ± ", "\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}")
            found.setdefault(why, []).append(f"{numbers} at update {update}")
    where = "layer 0: " if subject.layers > 1 else ""
    return [f"{where}{'; '.join(numbers)}: {why}" for why, numbers in found.items()]


for _name, _place, _words, _panel, _names in (
    ("map", 30, "the same over training, as colour", draw_map, _GRADIENTS),
    ("hidden", 60, "||h_t|| against timesteps", draw_curves, _HIDDEN),
):
    RUN_KINDS.register(RunKind(_name, _words, partial(_draw, _panel, _names), _place))


def _draw_flow(subject: Subject, style: Style) -> Figure:
    """Draw the curves with the spread over sequences, and beside them the share of zeros where there are any."""
    shares = subject.recorded("grad_zero_share")
    has_zeros = shares is not None and bool((shares.array > 0).any())
    columns = [
        *columns_of(draw_spread_curves, _GRADIENTS, subject, style),
        *(curves_of(subject, style, "grad_zero_share", (0.0, 1.0)) if has_zeros else []),
    ]
    return draw_layers(style, subject.shown_layers, columns, subject.require(_GRADIENTS[0]))


RUN_KINDS.register(RunKind("flow", "||dL/dh_t|| against timesteps, at a few records", _draw_flow, 20, notes))


class Flows(SweepKind):
    """Curves of several runs, of any quantity that has some: at the first and the last record."""

    name: ClassVar[str] = "flow"
    help: ClassVar[str] = "--y, a quantity with curves, at the first and the last record"
    place: ClassVar[int] = 10

    def is_meant(self, _collection: Collection, wish: Wish) -> bool:
        """Tell whether y is such a quantity."""
        return wish.y is not None and find_name(wish.y, drawable("curves")) is not None

    def plan(self, collection: Collection, wish: Wish) -> Placing:
        """Choose the quantity, and what is told by colour and by panels."""
        name = choose("--y", wish.y or _GRADIENTS[0], drawable("curves"))
        refuse(wish, self.name, {"x": f"{axis_across(drawable()[name]).name}s"})
        hue, panel = hue_and_panel(collection, wish)
        return Placing(self.name, None, name, hue, panel)

    def arrays(self, placing: Placing) -> tuple[str, ...]:
        """Need the quantity, and the numbers along its axis."""
        quantity = drawable()[str(placing.y)]
        return tuple(filter(None, (quantity.name, axis_across(quantity).values)))

    def draw(self, collection: Collection, placing: Placing, style: Style, panels: Panels) -> Figure:
        """Draw the records beside each other, or below each other if there are panels."""
        hues, quantity = Hues(collection, placing.hue, style), drawable()[str(placing.y)]
        moments = [(False, "first record"), (True, "last record")] if collection.trained else [(False, "update 0")]
        across = len(panels) > 1
        rows, columns = (len(moments), len(panels)) if across else (1, len(moments))
        figure = make_page(style, rows, max(2, columns) + 0.4)
        grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
        for i, (last, moment) in enumerate(moments):
            for j, (heading, runs) in enumerate(panels):
                axes = grid[i][j] if across else grid[0][i]
                draw_flows(axes, runs, style, hues, quantity, last=last)
                axes.set_title(_heading(moment, heading, runs, quantity, last=last))
                if j or (not across and i):
                    axes.set_ylabel("")
        share_log(list(grid.flat))
        marks = axis_tools.mark_names(grid.flat).items()
        extra = [(Line2D([], [], color=style.ink, marker=marker, linestyle=""), name) for name, marker in marks]
        hues.legend(grid[0][-1], extra)
        return figure


SWEEP_KINDS.register(Flows())


def draw_flows(
    axes: Axes, runs: Sequence[ComparedRun], style: Style, hues: Hues, quantity: Quantity, *, last: bool
) -> None:
    """Draw the curves of layer 0 at the first or the last record; after divergence there is no last record."""
    name, axis = quantity.name, axis_across(quantity)
    alive = [run for run in runs if name in run.arrays and not (last and run.diverged)]
    drawn: list[np.ndarray] = []
    x = np.zeros(0)
    longest = max((run.arrays[name].shape[-1] for run in alive), default=0)
    dots = "o" if longest <= MARKED_POINTS else ""
    for value, group in by_hue(alive, hues):
        for length, same in by_length(group, lambda run: run.arrays[name].shape[-1]):
            records = [run.arrays[name][-1 if last else 0] for run in same]
            values_NX = np.stack([record[0] for record in records] if LAYER in quantity.axes else records)
            middle, own_x = median(values_NX), places(axis, length, same[0].arrays)
            draw_curve(axes, own_x, middle, hues.colours[value], style, quantity, str(value), dots, hues.dashes[value])
            draw_band(axes, own_x, values_NX, hues, hues.colours[value])
            drawn.append(middle)
            x = own_x if length > len(x) else x
    if not drawn or not np.isfinite(np.concatenate(drawn)).any():
        axis_tools.say(axes, _why_none(runs, quantity, last=last), letters=42)
        return
    axis_tools.set_scale(axes, quantity, np.concatenate(drawn))
    axis_tools.axis_across(axes, x, axis.label)
    axes.set_ylabel(quantity.symbol)


def _why_none(runs: Sequence[ComparedRun], quantity: Quantity, *, last: bool) -> str:
    if not any(quantity.name in run.arrays for run in runs):
        return f"No {quantity.symbol}: {why_absent(quantity, runs[0].record)}."
    if last and all(run.diverged for run in runs):
        return "No last record: all of these runs diverged."
    return f"No number of {quantity.symbol} is finite."


def _heading(moment: str, heading: str, runs: list[ComparedRun], quantity: Quantity, *, last: bool) -> str:
    diverged = sum(run.diverged for run in runs)
    note = f"\n{diverged} of {len(runs)} diverged before it" if last and diverged else ""
    layers = LAYER in quantity.axes and {run.flat.get("model.layers") for run in runs} != {1}
    words = [heading, moment + (", layer 0" if layers else "")]
    return ", ".join(word for word in words if word) + note
