"""The loss of a run: every batch faintly, the running mean clearly, and the losses to hold it against."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rnnlab.figures import axes as axis_tools

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rnnlab.figures.style import Style
    from rnnlab.figures.subject import Subject

_WINDOWS = 50  # a curve of 50 independent means is smooth, and still shows what changes


def window_of(batches: int) -> int:
    """Give the number of batches that are averaged."""
    return max(1, batches // _WINDOWS)


def smooth(losses: np.ndarray, window: int) -> np.ndarray:
    """Give the mean over a window of batches around each; at both ends over those that there are."""
    losses = losses.astype(np.float64)
    before = (window - 1) // 2
    starts = np.clip(np.arange(losses.size) - before, 0, None)
    stops = np.clip(np.arange(losses.size) - before + window, None, losses.size)
    with np.errstate(over="ignore", invalid="ignore"):
        sums = np.concatenate([[0.0], np.cumsum(losses)])
        return np.asarray((sums[stops] - sums[starts]) / (stops - starts))


def finite_part(losses: np.ndarray) -> np.ndarray:
    """Give the losses before the first that is not finite."""
    bad = np.flatnonzero(~np.isfinite(losses))
    return losses[: bad[0]] if bad.size else losses


def draw_loss(axes: Axes, subject: Subject, style: Style) -> None:
    """Draw the loss against the batches, logarithmic where it spans a factor of five."""
    axes.set_title("Training loss")
    losses = finite_part(subject.metrics["loss"])
    if not losses.size:
        axis_tools.say(axes, _why_none(subject), "Training loss")
        return
    batches, window = np.arange(losses.size), window_of(losses.size)
    if window > 1:
        axes.plot(batches, losses, color=style.faint, alpha=0.5, linewidth=0.4 * style.line, label="each batch")
    name, marker = (f"mean of {window}", None) if window > 1 else ("each batch", "o")
    smoothed = smooth(losses, window)
    axes.plot(batches, smoothed, color=style.palette[0], marker=marker, markersize=0.3 * style.font, label=name)
    draw_floors(axes, subject.info["floors"], style)
    _draw_divergence(axes, subject, style)
    axis_tools.updates_axis(axes, 0, losses.size)
    axes.set_xlabel("batch")
    axes.set_ylabel(subject.loss_name)
    everything = np.concatenate([losses, list(subject.info["floors"].values())])
    if axis_tools.log_helps(everything):
        axis_tools.set_log(axes, everything)
    axis_tools.legend(axes)


def draw_floors(axes: Axes, floors: dict[str, float], style: Style) -> None:
    """Draw the losses to hold a result against, each with its name."""
    for i, (name, floor) in enumerate(sorted(floors.items(), key=lambda item: -item[1])):
        dashes = ("--", ":", "-.")[i % 3]
        axes.axhline(floor, color=style.ink, linestyle=dashes, linewidth=0.6 * style.line, label=f"{name}: {floor:.3g}")


def _draw_divergence(axes: Axes, subject: Subject, style: Style) -> None:
    at = subject.info["diverged_at"]
    if at is not None:
        axes.axvline(at, color=style.diverged, linestyle="--", label=f"diverged at {at}")


def _why_none(subject: Subject) -> str:
    if not subject.metrics["loss"].size:
        return (
            "No loss curve: nothing was trained (batches: 0). "
            f"The probe loss is {subject.metrics['probe_loss'][0]:.4g}."
        )
    return "No loss curve: the first loss was not finite already."
