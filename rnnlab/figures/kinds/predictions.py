"""Predictions of the final weights on fresh sequences, which the run has never seen: input, target, prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.lines import Line2D

from rnnlab.figures import axes as axis_tools
from rnnlab.figures.class_predictions import draw_classes
from rnnlab.figures.kind import RUN_KINDS, RunKind
from rnnlab.figures.page import make_page
from rnnlab.figures.subject import known_cell
from rnnlab.tasks import DataError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from rnnlab.figures.style import Style
    from rnnlab.figures.subject import Subject

SEQUENCES = 4
FRESH = 3
"""The random stream of these sequences: 0 initial weights, 1 training batches, 2 probe, 3 pictures."""

_MARKED_TIMESTEPS = 30
_FAR = 3.0  # times the largest input: predictions beyond would leave nothing of the targets to see


def fresh_sequences(subject: Subject, count: int = SEQUENCES) -> tuple[np.ndarray, np.ndarray]:
    """Draw inputs (count, T, I) and targets of the run's task, from a stream of their own."""
    assert subject.task is not None
    generator = np.random.Generator(np.random.Philox(np.random.SeedSequence([subject.record.seed, FRESH])))
    return subject.task.sample(generator, count)


def final_predictions(subject: Subject, x_BTI: np.ndarray) -> np.ndarray:
    """Give what the net at the end of its training makes of these inputs, (B, T, O)."""
    from rnnlab.nets.plain import predict

    final = {
        name.removeprefix("final/"): value for name, value in subject.run.weights.items() if name.startswith("final/")
    }
    return predict(subject.config["model"], final, x_BTI)


def draw_predictions(panels: list[Axes], subject: Subject, style: Style) -> None:
    """Draw a sequence in each of the panels; all share one scale."""
    if subject.record.is_watched:
        _say_alone(panels, "No predictions: rnnlab watched this model, and does not know what it is given.")
        return
    if subject.task is None or known_cell(subject.record) is None:
        names = ", ".join(subject.config.get("extensions") or ["its cell"])
        _say_alone(panels, f"No predictions: they take the code of {names}, and a picture does not execute it.")
        return
    try:
        x_BTI, targets_BTO = fresh_sequences(subject, len(panels))
    except DataError as error:
        _say_alone(panels, f"There are no fresh sequences. {error}")
        return
    predictions_BTO = final_predictions(subject, x_BTI)
    if not np.isfinite(predictions_BTO).any():
        _say_alone(panels, "No prediction of the final weights is finite: the run diverged.")
        return
    if targets_BTO.dtype.kind == "i":
        draw_classes(panels, subject, style, predictions_BTO, targets_BTO)
        return
    limits = _limits(x_BTI[..., 0], targets_BTO[..., 0], predictions_BTO[..., 0])
    for i, axes in enumerate(panels):
        axes.set_ylim(*limits)
        _draw_sequence(axes, subject, style, x_BTI[i, :, 0], targets_BTO[i, :, 0], predictions_BTO[i, :, 0])
        _mark_outside(axes, predictions_BTO[i, :, 0], limits, style)
        axes.set_title(f"Fresh sequence {i + 1}")
    panels[0].set_ylabel(_axis_name(x_BTI.shape[-1], targets_BTO.shape[-1]))
    _add_legend(panels, style)


def _say_alone(panels: list[Axes], sentence: str) -> None:
    """Say in the first panel what none of them can show."""
    for axes in panels[1:]:
        axes.set_axis_off()
    axis_tools.say(panels[0], sentence, "Predictions")


def _limits(x: np.ndarray, targets: np.ndarray, predictions: np.ndarray) -> tuple[float, float]:
    """Give a scale that holds inputs, targets and what is predicted; predictions far out are left to the edges."""
    reach = _FAR * float(np.abs(x).max())
    near = predictions[np.abs(predictions) <= reach]
    return axis_tools.limits_of(np.concatenate([x.ravel(), targets.ravel(), near.ravel()]))


def _mark_outside(axes: Axes, prediction: np.ndarray, limits: tuple[float, float], style: Style) -> None:
    """Mark predictions that the panel does not hold at its edges."""
    t = np.arange(1, len(prediction) + 1)
    for outside, height, marker in ((prediction < limits[0], 0.02, "v"), (prediction > limits[1], 0.98, "^")):
        if outside.any():
            axes.plot(
                t[outside],
                np.full(int(outside.sum()), height),
                marker,
                color=style.palette[5],
                markersize=0.45 * style.font,
                transform=axes.get_xaxis_transform(),
                label="_off the scale",
            )


def _draw_sequence(
    axes: Axes, subject: Subject, style: Style, x: np.ndarray, target: np.ndarray, prediction: np.ndarray
) -> None:
    t, limits = np.arange(1, subject.timesteps + 1), axes.get_ylim()
    marker = "o" if subject.timesteps <= _MARKED_TIMESTEPS else None
    small, size = 0.25 * style.font, 0.35 * style.font
    colours = style.palette
    axes.plot(t, x, color=style.faint, marker=marker, markersize=small, linewidth=0.5 * style.line, label="input x_t")
    axes.plot(t, target, color=colours[0], marker=marker, markersize=size, label="target y_t")
    near = np.where((prediction >= limits[0]) & (prediction <= limits[1]), prediction, np.nan)
    axes.plot(t, near, "--", color=colours[5], marker=marker, markersize=size, label="prediction")
    if subject.last_timestep_only:
        axes.axvline(t[-1], color=style.faint, linewidth=0.5 * style.line, zorder=0)
        ring, cross = 1.1 * style.font, 0.7 * style.font
        axes.plot(
            t[-1:], target[-1:], "o", color=colours[0], label="target at T", markersize=ring, markerfacecolor="none"
        )
        axes.plot(t[-1:], near[-1:], "X", color=colours[5], label="prediction at T", markersize=cross)
    axis_tools.axis_across(axes, t, "timestep t")


def _add_legend(panels: list[Axes], style: Style) -> None:
    handles, labels = panels[-1].get_legend_handles_labels()
    if any(line.get_label() == "_off the scale" for axes in panels for line in axes.get_lines()):
        handles.append(Line2D([], [], color=style.palette[5], marker="^", linestyle=""))
        labels.append("off the scale")
    panels[-1].legend(handles, labels, loc="upper left", bbox_to_anchor=(1.02, 1.0))


def _axis_name(inputs: int, outputs: int) -> str:
    many = [f"{kind} 1 of {count}" for kind, count in (("input", inputs), ("output", outputs)) if count > 1]
    return ", ".join(many) or "value"


def _draw_alone(subject: Subject, style: Style) -> Figure:
    figure = make_page(style, 1, SEQUENCES)
    draw_predictions(list(figure.subplots(1, SEQUENCES, sharey=True)), subject, style)
    return figure


RUN_KINDS.register(RunKind("predictions", "what the final net predicts for fresh sequences", _draw_alone, place=70))
