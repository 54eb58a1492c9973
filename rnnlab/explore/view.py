"""The explorer as a person moves it: the picture, two sliders, and buttons, all matplotlib's own widgets.

They work wherever matplotlib is interactive: in a window, in a browser (WebAgg), in a notebook (ipympl).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.widgets import Button, CheckButtons, RadioButtons, Slider

from rnnlab.explore.kept import Place, add_kept_axes
from rnnlab.explore.model import HIGHEST_SCALE, LOWEST_SCALE, NONLINEARITY, Explorer, Settings
from rnnlab.explore.picture import Picture
from rnnlab.figures.style import find_style
from rnnlab.nets import CELLS, NONLINEARITIES

LAYERS = (1, 2, 3, 4)
_MOST = 3
"""So many cells, and nonlinearities, have a button, the config's own beside them: more do not fit."""

LAST_ONLY, NEW_SEQUENCE = "last timestep only", "new sequence"

_GRID = np.arange(20 * LOWEST_SCALE, 20 * HIGHEST_SCALE + 1) / 20
"""-5 to 5 by 0.05, each the number nearest to its decimal."""

_EDGE = 0.003
"""Share of the figure around a button that is its own: its edge may cover a part of a pixel outside."""

_SMALL: dict[str, Sequence[Any]] = {"fontsize": [9]}


class ExploreView:
    """The picture with its widgets; keep it as long as the figure, since matplotlib's widgets need to be held."""

    def __init__(self, figure: Figure, explorer: Explorer, start: Settings | None = None) -> None:
        self.settings = start or explorer.start
        self.figure, self.explorer = figure, explorer
        self.picture = Picture(figure, explorer, says_scales=False)
        self._style = find_style("screen")
        self.weight_scale = self._slider(0.135, "weight_scale", self.settings.weight_scale)
        self.bias_scale = self._slider(0.055, "bias_scale", self.settings.bias_scale)
        layers = sorted({*LAYERS, self.settings.layers})
        self.cell = self._choice(0.5, "cell", _few(CELLS, self.settings.cell), self.settings.cell)
        functions = _few(NONLINEARITIES, self.settings.nonlinearity)
        self.nonlinearity = self._choice(0.605, NONLINEARITY, functions, self.settings.nonlinearity)
        self.layers = self._choice(0.71, "layers", [str(count) for count in layers], str(self.settings.layers))
        if not explorer.can_choose_net:
            for buttons in (self.cell, self.layers):
                buttons.active = False
                _grey(buttons, self._style.faint)
        self.last_only = self._check((0.82, 0.125, 0.165, 0.08))
        self.new_sequence = Button(self._add((0.82, 0.03, 0.165, 0.08)), NEW_SEQUENCE, useblit=False)
        self._show()
        self.new_sequence.ax.spines[:].set_visible(False)
        self._connect()

    def _add(self, place: Place, cell: Place | None = None) -> Axes:
        left, bottom, width, height = place
        around = (left - _EDGE, bottom - _EDGE, width + 2 * _EDGE, height + 2 * _EDGE)
        return add_kept_axes(self.figure, place, cell or around)

    def _slider(self, bottom: float, label: str, start: float) -> Slider:
        axes = self._add((0.13, bottom, 0.29, 0.045), (0.0, bottom - 0.02, 0.49, 0.08))
        return make_slider(axes, label, start)

    def _choice(self, left: float, title: str, labels: Sequence[str], active: str) -> RadioButtons:
        axes = self._add((left, 0.015, 0.1, 0.18), (left - 0.002, 0.005, 0.105, 0.225))
        axes.set_title(title, fontsize=9, pad=4, fontweight="bold")
        axes.spines[:].set_visible(False)
        colours = {"edgecolor": self._style.faint, "facecolor": self._style.palette[0]}
        buttons = RadioButtons(
            axes, labels, labels.index(active), useblit=False, label_props=_SMALL, radio_props=colours
        )
        buttons.drawon = False
        return buttons

    def _check(self, place: Place) -> CheckButtons:
        axes = self._add(place)
        axes.set_axis_off()
        chosen, size = [self.settings.last_timestep_only], {"s": 50}
        button = CheckButtons(
            axes, [LAST_ONLY], chosen, useblit=False, label_props=_SMALL, frame_props=size, check_props=size
        )
        button.drawon = False
        button.active = self.explorer.can_choose_timesteps
        _grey(button, self._style.ink if button.active else self._style.faint)
        return button

    def _connect(self) -> None:
        self.weight_scale.on_changed(lambda value: self._move(weight_scale=value))
        self.bias_scale.on_changed(lambda value: self._move(bias_scale=value))
        self.cell.on_clicked(lambda label: self._move(cell=label))
        self.nonlinearity.on_clicked(lambda label: self._move(nonlinearity=label))
        self.layers.on_clicked(lambda label: self._move(layers=int(label or 1)))
        self.last_only.on_clicked(lambda _: self._move(last_timestep_only=self.last_only.get_status()[0]))
        self.new_sequence.on_clicked(lambda _: self._move(sequence=self.settings.sequence + 1))

    def _move(self, **changes: Any) -> None:
        """Draw the settings with some of them changed."""
        self.settings = replace(self.settings, **changes)
        self._show()
        self.figure.canvas.draw_idle()

    def _show(self) -> None:
        self.picture.show(self.settings)
        active = self.settings.has_nonlinearity
        if self.nonlinearity.active is not active:
            self.nonlinearity.active = active
            _grey(self.nonlinearity, self._style.ink if active else self._style.faint)


def _few(names: Iterable[str], own: str) -> list[str]:
    """Choose the first names, and the config's own where it is none of these."""
    return list(dict.fromkeys([*itertools.islice(names, _MOST), own]))


def make_slider(axes: Axes, label: str, start: float) -> Slider:
    """Make a slider from -5 to 5 by 0.05; a start that is off this grid, or beyond it, is one more point of it."""
    slider = Slider(
        axes,
        label,
        min(_GRID[0], start),
        max(_GRID[-1], start),
        valinit=start,
        valstep=np.union1d(_GRID, start),
        valfmt="%.4g",
        color=find_style("screen").palette[0],
        initcolor="none",
    )
    slider.drawon = False
    for text, x in ((slider.label, -0.04), (slider.valtext, 1.04)):  # clear of the handle at both ends
        text.set(fontsize=10, x=x)
    return slider


def _grey(buttons: RadioButtons | CheckButtons, colour: str) -> None:
    for label in buttons.labels:
        label.set_color(colour)
