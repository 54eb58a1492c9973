"""The loss against batches, of a run and of several, with the losses to hold it against."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from rnnlab.figures import axes as axis_tools
from rnnlab.figures.forms import drawable
from rnnlab.figures.hues import Hues
from rnnlab.figures.kind import RUN_KINDS, SWEEP_KINDS, Panels, RunKind, SweepKind
from rnnlab.figures.overlays import by_hue, by_length, diverged_entry, draw_band, median, share_log
from rnnlab.figures.page import make_page
from rnnlab.figures.placing import hue_and_panel, refuse
from rnnlab.figures.run_figures import WIDE_PANEL
from rnnlab.figures.series import draw_smoothed, finite_part, smooth, window_of
from rnnlab.figures.wish import Placing, Wish
from rnnlab.picking import pick

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from rnnlab.figures.collection import Collection, ComparedRun
    from rnnlab.figures.style import Style
    from rnnlab.figures.subject import Subject

_MOST_POINTS = 400  # of a smoothed loss curve: more than a panel has pixels across


def draw_loss(axes: Axes, subject: Subject, style: Style) -> None:
    """Draw the loss against the batches, logarithmic where it spans a factor of five."""
    axes.set_title("Training loss")
    losses, floors = finite_part(subject.metrics["loss"]), subject.record.floors
    if not losses.size:
        axis_tools.say(axes, _why_none(subject), "Training loss")
        return
    draw_smoothed(axes, np.arange(losses.size), losses, style, "each batch")
    _draw_floors(axes, floors, style)
    at = subject.record.diverged_at
    if at is not None:
        axes.axvline(at, color=style.diverged, linestyle="--", label=f"diverged at {at}")
    _label_batches(axes, losses.size, subject.loss_name, np.concatenate([losses, list(floors.values())]))
    axis_tools.legend(axes)


def _why_none(subject: Subject) -> str:
    if not subject.metrics["loss"].size:
        return (
            "No loss curve: nothing was trained (batches: 0). "
            f"The probe loss is {subject.metrics['probe_loss'][0]:.4g}."
        )
    return "No loss curve: the first loss was not finite already."


def _draw_floors(axes: Axes, floors: dict[str, float], style: Style) -> None:
    """Draw the losses to hold a result against, each with its name."""
    for i, (name, floor) in enumerate(sorted(floors.items(), key=lambda item: -item[1])):
        dashes = ("--", ":", "-.")[i % 3]
        axes.axhline(floor, color=style.ink, linestyle=dashes, linewidth=0.6 * style.line, label=f"{name}: {floor:.3g}")


def _label_batches(axes: Axes, batches: int, label: str, values: np.ndarray) -> None:
    axis_tools.updates_axis(axes, 0, batches)
    axes.set_xlabel("batch")
    axes.set_ylabel(label)
    axis_tools.set_scale(axes, drawable()["loss"], values)


def draw_losses(axes: Axes, runs: Sequence[ComparedRun], style: Style, hues: Hues) -> None:
    """Draw the smoothed loss; a median of which half has diverged ends there, with a cross."""
    drawn: list[np.ndarray] = []
    batches = 1
    for value, group in by_hue(runs, hues):
        for length, same in by_length(group, lambda run: run.arrays["loss"].size):
            if length:
                at = np.array(pick(length, _MOST_POINTS))
                values = np.stack([_smoothed(run, length)[at] for run in same])
                middle = median(values)
                axes.plot(at, middle, hues.dashes[value], color=hues.colours[value], label=str(value))
                _mark_end(axes, at, middle, hues.colours[value], style)
                draw_band(axes, at, values, hues, hues.colours[value])
                drawn.append(middle)
                batches = max(batches, length)
    if not drawn or not np.isfinite(np.concatenate(drawn)).any():
        axis_tools.say(axes, "No loss curve: nothing was trained, or nothing of it is finite.")
        return
    values = np.concatenate(drawn)
    values = values[np.isfinite(values)]
    floors = {repr(run.record.floors): run.record.floors for run in runs}
    if len(floors) == 1:
        (shared,) = floors.values()
        _draw_floors(axes, shared, style)
        values = np.append(values, list(shared.values()))
    _label_batches(axes, batches, "loss (smoothed)", values)


def _smoothed(run: ComparedRun, length: int) -> np.ndarray:
    """Smooth a loss; after divergence it is beyond every number, and counts so in a median."""
    smoothed = smooth(run.arrays["loss"], window_of(length))
    return np.where(np.isnan(smoothed), np.inf, smoothed) if run.diverged else smoothed


def _mark_end(axes: Axes, at: np.ndarray, middle: np.ndarray, colour: str, style: Style) -> None:
    finite = np.flatnonzero(np.isfinite(middle))
    if finite.size and finite[-1] < len(middle) - 1:
        last = finite[-1]
        axes.plot(at[last], middle[last], "x", color=colour, markersize=0.6 * style.font, label="_diverged")


def _draw_alone(subject: Subject, style: Style) -> Figure:
    figure = make_page(style, 1, WIDE_PANEL)
    draw_loss(figure.subplots(), subject, style)
    return figure


RUN_KINDS.register(RunKind("loss", "the loss against batches, with its floors", _draw_alone, place=10))


class Losses(SweepKind):
    """The losses of several runs."""

    name: ClassVar[str] = "loss"
    help: ClassVar[str] = "the loss against batches"
    place: ClassVar[int] = 20

    def fits(self, collection: Collection, _wish: Wish) -> bool:
        """Tell whether anything was trained."""
        return collection.trained

    def plan(self, collection: Collection, wish: Wish) -> Placing:
        """Choose what is told by colour and by panels."""
        refuse(wish, self.name, {"x": "batches", "y": "the loss"})
        hue, panel = hue_and_panel(collection, wish)
        return Placing(self.name, None, None, hue, panel)

    def arrays(self, _placing: Placing) -> tuple[str, ...]:
        """Need the losses."""
        return ("loss",)

    def draw(self, collection: Collection, placing: Placing, style: Style, panels: Panels) -> Figure:
        """Draw a panel beside the other."""
        hues = Hues(collection, placing.hue, style)
        figure = make_page(style, 1, max(1.8, len(panels) + 0.4))
        grid = list(figure.subplots(1, len(panels), squeeze=False, sharey=True)[0])
        for j, (axes, (heading, runs)) in enumerate(zip(grid, panels, strict=True)):
            draw_losses(axes, runs, style, hues)
            diverged = sum(run.diverged for run in runs)
            axes.set_title(heading + (f"\n{diverged} of {len(runs)} diverged" if diverged else ""))
            if j:
                axes.set_ylabel("")
        share_log(grid)
        crossed = any(line.get_label() == "_diverged" for axes in grid for line in axes.get_lines())
        lines = [(line, str(line.get_label())) for line in grid[0].get_lines()]
        entries: list[tuple[Any, str]] = [(line, label) for line, label in lines if ":" in label]  # the floors
        hues.legend(grid[-1], [*entries, *([diverged_entry(style, "half have diverged")] if crossed else [])])
        return figure


SWEEP_KINDS.register(Losses())
