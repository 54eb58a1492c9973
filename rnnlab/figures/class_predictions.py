"""Predictions of classes: the probability that a net gives to each at every timestep, and which was right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.lines import Line2D

from rnnlab.figures import axes as axis_tools
from rnnlab.tasks.losses import NO_CLASS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rnnlab.figures.style import Style
    from rnnlab.figures.subject import Subject

_MOST_RINGS = 60  # timesteps


def softmax(logits: np.ndarray) -> np.ndarray:
    """Give e^logit over their sum along the last axis; shifted by the largest, so that nothing overflows."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))


def draw_classes(
    panels: list[Axes], subject: Subject, style: Style, logits_BTC: np.ndarray, targets_BT: np.ndarray
) -> None:
    """Draw a map of probabilities in each panel, classes upward, with a ring around the right class."""
    probabilities_BTC = softmax(logits_BTC)
    timesteps, classes = probabilities_BTC.shape[1:]
    for i, axes in enumerate(panels):
        edges = np.arange(timesteps + 1) + 0.5, np.arange(classes + 1) - 0.5
        mesh = axes.pcolormesh(*edges, probabilities_BTC[i].T, cmap=style.sequential, vmin=0, vmax=1, rasterized=True)
        _draw_rings(axes, subject, style, targets_BT[i])
        axes.set_title(f"Fresh sequence {i + 1}")
        axis_tools.whole_ticks(axes, 1, timesteps)
        axes.set_xlabel("timestep t")
    axis_tools.whole_ticks(panels[0], 0, classes - 1, "y")
    panels[0].set_ylabel("class")
    bar = panels[-1].figure.colorbar(mesh, ax=panels, pad=0.01, fraction=0.03)
    bar.set_label("probability")
    bar.outline.set_visible(False)
    ring = Line2D([], [], color=style.diverged, marker="o", linestyle="", markerfacecolor="none", label="right class")
    panels[0].legend(handles=[ring], loc="lower left", bbox_to_anchor=(0.0, 1.0))
    panels[0].set_title(panels[0].get_title(loc="left"), pad=1.9 * style.font)


def _draw_rings(axes: Axes, subject: Subject, style: Style, targets_T: np.ndarray) -> None:
    """Mark the right class wherever the loss is taken."""
    t = np.arange(1, len(targets_T) + 1)
    taken_T = (t == len(t) if subject.last_timestep_only else t > 0) & (targets_T != NO_CLASS)
    size = (0.8 if len(t) <= _MOST_RINGS else 0.3) * style.font
    axes.plot(t[taken_T], targets_T[taken_T], "o", color=style.diverged, markerfacecolor="none", markersize=size)
