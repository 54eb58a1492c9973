"""The panels of the explorer: norms against time, and eigenvalues. Moving a slider only gives their lines new data."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Circle
from matplotlib.ticker import AutoLocator, FuncFormatter, MaxNLocator, NullLocator

from rnnlab.explore.axes import (
    MARK_ROW,
    MARK_START,
    DecadeLocator,
    linear_limits,
    logarithmic_limits,
    needs_logarithm,
    radial_limit,
    write_tick,
)
from rnnlab.figures.style import find_style
from rnnlab.nets import Cell

_MOST_DOTS = 25  # timesteps: with more, the dots of several layers run into each other
_WORDS_A_LINE = 30  # characters of a sentence in a panel
_NOTES = (("▼", "zero in float64"), ("▲", "infinite"), ("×", "not a number"))


class Curve:
    """One line against time, and a mark at the edge for each value that cannot be drawn.

    The line holds the numbers as they are: matplotlib leaves a gap where one is zero on a logarithmic axis,
    infinite or NaN.
    """

    def __init__(self, axes: Axes, colour: str, timesteps: int, row: int, *, dashed: bool) -> None:
        t = np.arange(1, timesteps + 1)
        style = "--" if dashed else "-"
        marker = "o" if timesteps <= _MOST_DOTS else ""
        fill = "none" if dashed else colour
        (self.line,) = axes.plot(t, np.full(timesteps, np.nan), style, marker=marker, color=colour)
        self.line.set(markerfacecolor=fill, markersize=3.5, animated=True)
        near = MARK_START + MARK_ROW * row
        far = 1 - near
        self._heights = (near, far, far)
        edge = axes.get_xaxis_transform()  # x in timesteps, y in shares of the panel's height
        self.marks = [axes.add_line(Line2D([], [], linestyle="", marker=mark, transform=edge)) for mark in "v^x"]
        for line in self.marks:
            line.set(color=colour, markerfacecolor=fill, markersize=4, animated=True, visible=False)

    def show(self, norm_T: np.ndarray, *, zeros: bool) -> tuple[int, int, int]:
        """Draw other numbers; gives how many of them are zero, infinite and NaN. `zeros`: mark those too."""
        self.line.set_ydata(norm_T)
        wanted = (norm_T == 0) & zeros, np.isinf(norm_T), np.isnan(norm_T)
        for mark, where_T, height in zip(self.marks, wanted, self._heights, strict=True):
            t = np.flatnonzero(where_T) + 1
            mark.set_data(t, np.full(t.shape, height))
            mark.set_visible(t.size > 0)
        return int(wanted[0].sum()), int(wanted[1].sum()), int(wanted[2].sum())

    def remove(self) -> None:
        """Take it out of the picture."""
        for line in (self.line, *self.marks):
            line.remove()


class NormPanel:
    """A norm per timestep, one line a layer; a second kind of norm dashed. Its second title says what is not drawn."""

    def __init__(self, axes: Axes, title: str, timesteps: int, *, logarithmic: bool | None) -> None:
        self.axes, self.timesteps = axes, timesteps
        self.curves: list[Curve] = []
        self.always = logarithmic
        self._is_logarithmic: bool | None = None
        self._limits: tuple[float, float] | None = None
        axes.set_title(title, loc="left", pad=20, fontweight="bold")
        self.note = axes.text(0.0, 1.03, "", transform=axes.transAxes, fontsize=8, animated=True)
        axes.set_xlabel("timestep t")
        axes.set_xlim(0.5 if timesteps <= _MOST_DOTS else 1, timesteps + 0.5)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=1))
        _fix_ticks(axes)
        axes.grid(color=find_style("screen").faint, linewidth=0.7, alpha=0.25)

    def rebuild(self, colours: Sequence[str], *, dashed: bool) -> None:
        """Make the lines of another net: one a layer in its colour, and if `dashed` another one dashed."""
        for curve in self.curves:
            curve.remove()
        kinds = (False, True) if dashed else (False,)
        self.curves = [
            Curve(self.axes, colour, self.timesteps, row * len(kinds) + kind, dashed=kind)
            for kind in kinds
            for row, colour in enumerate(colours)
        ]

    def show(self, norms_NT: np.ndarray) -> None:
        """Draw one row of numbers a line."""
        logarithmic = needs_logarithm(norms_NT) if self.always is None else self.always
        if logarithmic != self._is_logarithmic:
            self._set_axis(logarithmic)
        limits = (logarithmic_limits if logarithmic else linear_limits)(norms_NT)
        if limits != self._limits:  # limits that are set, even to the same, make the axes paint their labels anew
            self._limits = limits
            self.axes.set_ylim(*limits)
        counts = [curve.show(row, zeros=logarithmic) for curve, row in zip(self.curves, norms_NT, strict=True)]
        self.note.set_text(_note(np.sum(counts, axis=0), norms_NT.size))

    def _set_axis(self, logarithmic: bool) -> None:
        self._is_logarithmic, self._limits = logarithmic, None
        axis = self.axes.yaxis
        if logarithmic:
            self.axes.set_yscale("log", nonpositive="mask")
            axis.set_major_locator(DecadeLocator())
        else:
            self.axes.set_yscale("linear")
            axis.set_major_locator(AutoLocator())
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(write_tick if logarithmic else _write_number))
        self.axes.set_ylabel("2-norm (logarithmic axis)" if logarithmic else "2-norm (linear axis)")


def _fix_ticks(axes: Axes) -> None:
    """Say how ticks look: new ones are made while painting, when matplotlib's settings are the person's own."""
    ink = find_style("screen").ink
    axes.tick_params(labelsize=8, color=ink, labelcolor=ink, width=0.8, length=3.5, pad=3.5)


def _note(counts: np.ndarray, points: int) -> str:
    parts = [
        f"{mark} {words}: {count} of {points}" for (mark, words), count in zip(_NOTES, counts, strict=True) if count
    ]
    return "   ".join(parts)


class EigenvaluePanel:
    """The eigenvalues of W_hh in the complex plane, with the unit circle; or the words why there are none."""

    def __init__(self, axes: Axes) -> None:
        self.axes, faint = axes, find_style("screen").faint
        self.points: list[Line2D] = []
        self._limit: float | None = None
        axes.set_title("eigenvalues of W_hh", loc="left", pad=20, fontweight="bold")
        self.note = axes.text(0.0, 1.03, "", transform=axes.transAxes, fontsize=8)
        self.circle = axes.add_patch(Circle((0, 0), 1, fill=False, edgecolor=faint))
        self._cross = [axes.axhline(0, color=faint, linewidth=0.5), axes.axvline(0, color=faint, linewidth=0.5)]
        self.words = axes.text(0.5, 0.5, "", transform=axes.transAxes, ha="center", va="center", linespacing=1.5)
        axes.set_xlabel("real part")
        axes.set_ylabel("imaginary part")
        axes.set_aspect("equal")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(nbins=5, symmetric=True))
            axis.set_major_formatter(FuncFormatter(_write_number))
        _fix_ticks(axes)

    def rebuild(self, colours: Sequence[str], cell: type[Cell]) -> None:
        """Make the points of another net: one set a layer, and none where no single matrix governs."""
        for points in self.points:
            points.remove()
        is_governed = cell.governing_matrix is not None
        self.points = [self.axes.plot([], [], "o", color=c, markersize=4)[0] for c in colours if is_governed]
        for points in self.points:
            points.set_animated(True)
        self.words.set_text("" if is_governed else _no_matrix(cell))
        self.note.set_text("with the unit circle" if is_governed else "")
        self.axes.set_axis_on() if is_governed else self.axes.set_axis_off()
        for artist in (self.circle, *self._cross):
            artist.set_visible(is_governed)

    def show(self, eigenvalues_LH: np.ndarray | None) -> None:
        """Draw other eigenvalues."""
        if eigenvalues_LH is None:
            return
        for points, values_H in zip(self.points, eigenvalues_LH, strict=True):
            points.set_data(values_H.real, values_H.imag)
        finite = bool(np.isfinite(eigenvalues_LH).all())
        self.words.set_text("" if finite else "a matrix is not finite:\nit has no eigenvalues")
        limit = radial_limit(eigenvalues_LH)
        if limit != self._limit:
            self._limit = limit
            self.axes.set(xlim=(-limit, limit), ylim=(-limit, limit))


def _write_number(value: float, _: object) -> str:
    return "0" if abs(value) < 1e-12 else f"{value:.4g}".replace("-", "−")


def _no_matrix(cell: type[Cell]) -> str:
    """Say that no matrix governs the cell, and why, in lines that fit the panel."""
    why = textwrap.wrap(cell.no_matrix_reason, _WORDS_A_LINE)
    return "\n".join([cell.why_no_matrix + (":" if why else ""), *why])
