"""How the explorer looks: every text is inside the figure, and no two overlap."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from rnnlab.explore.picture import SIZE_ALONE, Picture
from rnnlab.figures.style import find_style, using
from tests.explore.viewed import make


def _shown_texts(figure: Figure) -> Iterator[Text]:
    for axes in figure.axes:
        ticks: set[object] = set()
        shown: set[object] = set()
        every: tuple[Any, Any] = (axes.xaxis, axes.yaxis)
        for axis in every:
            ticks |= set(axis.findobj(Text))
            shown |= {axis.label} | {tick.label1 for tick in axis._update_ticks()}
        texts = (text for text in axes.findobj(Text) if isinstance(text, Text))
        yield from (text for text in texts if text not in ticks or (axes.axison and text in shown))
    for legend in figure.legends:
        yield from legend.get_texts()
    yield from figure.texts


def assert_every_text_is_inside_and_alone(figure: Figure) -> None:
    """Check that no text leaves the figure and no two overlap."""
    figure.canvas.draw()
    texts = {text for text in _shown_texts(figure) if text.get_visible() and text.get_text().strip()}
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts]
    assert len(boxes) > 10
    width, height = figure.canvas.get_width_height()
    for words, box in boxes:
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height, f"'{words}' leaves the figure"
    for (words, box), (others, other) in itertools.combinations(boxes, 2):
        apart = box.x0 >= other.x1 or other.x0 >= box.x1 or box.y0 >= other.y1 or other.y0 >= box.y1
        assert apart, f"'{words}' and '{others}' overlap"


@pytest.mark.parametrize(
    ("cell", "layers", "timesteps"),
    [("elman", 1, 1), ("elman", 4, 50), ("elman", 6, 5), ("lstm", 4, 10), ("lstm", 1, 300), ("gru", 2, 50)],
)
def test_every_text_is_inside_the_figure_and_none_overlap(cell: str, layers: int, timesteps: int) -> None:
    view = make({"seq_len": timesteps, "last_timestep_only": True}, cell=cell, layers=layers)
    for scale in (-5.0, 0.0, 0.3):
        view.weight_scale.set_val(scale)
        assert_every_text_is_inside_and_alone(view.figure)
    with using(find_style("screen")):
        figure = Figure(SIZE_ALONE)
        FigureCanvasAgg(figure)
        picture = Picture(figure, view.explorer, says_scales=True)
        picture.show(replace(view.settings, weight_scale=-1.234, bias_scale=-5.678))
        assert_every_text_is_inside_and_alone(figure)
    assert picture.numbers.get_text().endswith("    weight_scale −1.234    bias_scale −5.678")
