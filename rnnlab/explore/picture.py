"""The picture of the explorer without its sliders: three panels, a line of numbers, a line of what is shown."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from rnnlab.config import Config
from rnnlab.explore.kept import KeptAxes, add_kept_axes
from rnnlab.explore.model import DrawnNet, Explorer, Settings
from rnnlab.explore.panels import EigenvaluePanel, NormPanel
from rnnlab.figures.style import find_style, ordered_colours, using

SIZE = (11.0, 6.2)
"""Inches, with the sliders: at 100 dots an inch it fits a browser on a small laptop."""

SIZE_ALONE = (11.0, 4.9)

_LEFT, _RIGHT = 0.075, 0.985
_HEAD = (0.28, 0.56, 0.88)  # inches from the top: the numbers, what is shown, the legend
_CELLS_FROM, _PANELS_FROM, _PANEL_HEIGHT, _CELLS_TO = 1.06, 1.5, 2.75, 4.75  # inches from the top, but for the height
_PANELS = ((_LEFT, 0.25, 0.0), (0.4, 0.25, 0.337), (0.73, _RIGHT - 0.73, 0.665))  # left, width, left of its cell
_MOST_LEGEND_COLUMNS = 8
_MOST_RADII = 4


class Picture:
    """Panels and lines of text on a figure; `show` draws other settings by giving the same artists other data.

    `says_scales`: the text gives the scales, since no slider does.
    """

    def __init__(self, figure: Figure, explorer: Explorer, *, says_scales: bool) -> None:
        self.figure, self.explorer = figure, explorer
        self.settings: Settings | None = None
        self.drawn: DrawnNet | None = None
        self._style, self._says_scales = find_style("screen"), says_scales
        timesteps = explorer.config.task.seq_len
        hidden, gradient, plane = self._add_panels()
        self.hidden = NormPanel(hidden, "‖h_t‖", timesteps, logarithmic=None)
        self.gradient = NormPanel(gradient, "‖dL/dh_t‖", timesteps, logarithmic=True)
        self.eigenvalues = EigenvaluePanel(plane)
        self._add_head()

    def _add_panels(self) -> list[KeptAxes]:
        height = self.figure.get_figheight()
        bottom, tall = 1 - (_PANELS_FROM + _PANEL_HEIGHT) / height, _PANEL_HEIGHT / height
        low, high = max(0.0, 1 - _CELLS_TO / height), 1 - _CELLS_FROM / height
        ends = [cell_left for _, _, cell_left in _PANELS[1:]] + [1.0]
        return [
            add_kept_axes(self.figure, (left, bottom, width, tall), (start, low, end - start, high - low))
            for (left, width, start), end in zip(_PANELS, ends, strict=True)
        ]

    def _add_head(self) -> None:
        """Make the lines of text; they stand in axes of their own, so that those that stand still are kept."""
        height = self.figure.get_figheight()
        cell = (0.0, 1 - _CELLS_FROM / height, 1.0, _CELLS_FROM / height)
        self.head = add_kept_axes(self.figure, cell, cell)
        self.head.set_axis_off()
        numbers, shown, self._legend_height = (1 - inches / _CELLS_FROM for inches in _HEAD)
        self.numbers = self.head.text(_LEFT, numbers, "", fontsize=12, fontweight="bold", va="center", animated=True)
        self.what = self.head.text(_LEFT, shown, "", fontsize=9, va="center")

    def show(self, settings: Settings) -> None:
        """Compute and draw."""
        drawn = self.explorer.draw(settings)
        if self.settings is None or (settings.cell, settings.layers) != (self.settings.cell, self.settings.layers):
            with using(self._style):
                self._rebuild(settings)
        self.settings, self.drawn = settings, drawn
        self.hidden.show(drawn.hidden_norm_LT)
        kinds = [drawn.grad_norm_LT, drawn.cell_grad_norm_LT]
        self.gradient.show(np.concatenate([each_LT for each_LT in kinds if each_LT is not None]))
        self.eigenvalues.show(drawn.eigenvalues_LH)
        numbers = numbers_line(drawn)
        self.numbers.set_text(f"{numbers}    {_scales_of(settings)}" if self._says_scales else numbers)
        what = _what_is_shown(self.explorer.config_of(settings), settings)
        if what != self.what.get_text():
            self.what.set_text(what)

    def _rebuild(self, settings: Settings) -> None:
        """Make the lines of another cell or another number of layers."""
        colours = ordered_colours(self._style, settings.layers)
        has_c = "c" in settings.kind.states
        self.hidden.rebuild(colours, dashed=False)
        self.gradient.rebuild(colours, dashed=has_c)
        self.gradient.axes.set_title(_gradient_title(has_c=has_c), loc="left", pad=20, fontweight="bold")
        self.eigenvalues.rebuild(colours, settings.kind)
        self._legend(colours, has_c=has_c)

    def _legend(self, colours: Sequence[str], *, has_c: bool) -> None:
        if (legend := self.head.get_legend()) is not None:
            legend.remove()
        layers = [Line2D([], [], color=colour, label=f"layer {layer}") for layer, colour in enumerate(colours)]
        ink = self._style.ink
        solid = Line2D([], [], color=ink, label="dL/dh_t")
        dashed = Line2D([], [], color=ink, linestyle="--", label="dL/dc_t")
        handles = (layers if len(layers) > 1 else []) + ([solid, dashed] if has_c else [])
        if handles:
            place, columns = (_LEFT, self._legend_height), min(len(handles), _MOST_LEGEND_COLUMNS)
            self.head.legend(handles=handles, loc="center left", bbox_to_anchor=place, ncols=columns)


def numbers_line(drawn: DrawnNet, name: str = "spectral radius") -> str:
    """Write the loss and the spectral radius of each layer, or their range where there are many."""
    loss, radius_L = f"loss {_number(drawn.loss)}", drawn.spectral_radius_L
    if radius_L is None:
        return loss
    if len(radius_L) <= _MOST_RADII:
        return f"{loss}    {name} {', '.join(_number(float(radius)) for radius in radius_L)}"
    return f"{loss}    {name} {_number(float(radius_L.min()))} to {_number(float(radius_L.max()))}"


def _number(value: float) -> str:
    if math.isinf(value):
        return "infinite"
    return "not a number" if math.isnan(value) else f"{value:.4g}".replace("-", "−")


def _gradient_title(*, has_c: bool) -> str:
    return "‖dL/dh_t‖ and ‖dL/dc_t‖" if has_c else "‖dL/dh_t‖"


def _scales_of(settings: Settings) -> str:
    scales = (("weight_scale", settings.weight_scale), ("bias_scale", settings.bias_scale))
    return "    ".join(f"{name} {_number(value)}" for name, value in scales)


def _what_is_shown(config: Config, settings: Settings) -> str:
    task, model = config.task, config.model
    layers = "1 layer" if model.layers == 1 else f"{model.layers} layers"
    where = "the last timestep only" if settings.last_timestep_only else "all timesteps"
    parts = [
        f"{model.make_cell().label}, {layers}, {model.hidden_size} units, {model.init} weights of seed {config.seed}",
        f"sequence {settings.sequence} of {task.kind}, T = {task.seq_len}, {task.loss.name} at {where}",
    ]
    return "   ·   ".join(parts)
