"""Axes that repaint quickly: what stands still is painted once, kept as pixels, and put back.

Laying out and painting text is what a redraw costs (about 1.5 ms a tick label), and while a slider moves hardly any
text changes. matplotlib's own `stale` flag says when an axes must be painted anew: an artist that is `animated` does
not raise it, and is painted over the kept pixels each time. It works with every Agg canvas (window, browser,
notebook); for files, and for renderers that cannot copy pixels, all is painted in the ordinary way.
"""

from __future__ import annotations

from typing import Any, cast

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox, TransformedBbox

Place = tuple[float, float, float, float]
"""Left, bottom, width and height in shares of the figure."""


class KeptAxes(Axes):
    """Axes whose pixels are kept between redraws; `cell` is the part of the figure that is theirs alone."""

    cell: Place = (0, 0, 1, 1)
    _kept: tuple[RendererBase, Any] | None = None
    _fitted_to: tuple[float, float] | None = None

    def apply_aspect(self, position: Bbox | None = None) -> None:
        """Take the place that the figure's size leaves, if anything has changed: this makes the axes stale."""
        size = (self.figure.bbox.width, self.figure.bbox.height)
        if self.stale or size != self._fitted_to:
            super().apply_aspect(position)
            self._fitted_to = size

    def draw(self, renderer: RendererBase) -> None:
        """Paint everything, or only what moves over what was kept."""
        figure = cast(Figure, self.get_figure(root=True))
        if figure.canvas.is_saving() or not hasattr(renderer, "copy_from_bbox"):
            super().draw(renderer)
            return
        if self._kept is None or self._kept[0] is not renderer or self.stale:
            super().draw(renderer)
            left, bottom, width, height = self.cell
            box = TransformedBbox(Bbox.from_bounds(left, bottom, width, height), figure.transSubfigure)
            self._kept = renderer, renderer.copy_from_bbox(box)
        else:
            cast(Any, renderer).restore_region(self._kept[1])
        for artist in sorted(self._moving(), key=Artist.get_zorder):
            artist.draw(renderer)

    def _moving(self) -> list[Artist]:
        return [artist for artist in self.get_children() if artist.get_animated() and artist.get_visible()]


def add_kept_axes(figure: Figure, place: Place, cell: Place) -> KeptAxes:
    """Add axes at a place; their ticks, labels and titles stay inside the cell, and no other axes reach into it."""
    axes = cast(KeptAxes, figure.add_axes(place, axes_class=KeptAxes))
    axes.cell = cell
    return axes
