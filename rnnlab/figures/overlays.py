"""Curves of many runs overlaid: gradient flow against timesteps, loss against batches; the median of each group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rnnlab.figures import axes as axis_tools
from rnnlab.figures.flow import MARKED_TIMESTEPS, SYMBOLS, WIDE, draw_curve
from rnnlab.figures.losses import draw_floors, smooth, window_of
from rnnlab.figures.quantity_lines import QUANTILES
from rnnlab.figures.style import pick

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rnnlab.figures.collection import Member
    from rnnlab.figures.hues import Hues
    from rnnlab.figures.style import Style

_MOST_POINTS = 400  # of a smoothed loss curve: more than a panel has pixels across
_BANDED = 4  # with more hues, bands would only cover each other


def draw_flows(axes: Axes, members: Sequence[Member], style: Style, hues: Hues, name: str, *, last: bool) -> None:
    """Draw the norms of layer 0 at the first or the last record; after divergence there is no last record."""
    alive = [member for member in members if name in member.arrays and not (last and member.diverged)]
    drawn: list[np.ndarray] = []
    longest = max((member.arrays[name].shape[2] for member in alive), default=0)
    dots = "o" if longest <= MARKED_TIMESTEPS else ""
    for value, group in _by_hue(alive, hues):
        for timesteps, same in _by_length(group, lambda member: member.arrays[name].shape[2]):
            values_NT = np.stack([member.arrays[name][-1 if last else 0, 0] for member in same])
            middle = median(values_NT)
            t = np.arange(1, timesteps + 1)
            draw_curve(axes, t, middle, hues.colours[value], style, str(value), dots, hues.dashes[value])
            _band(axes, t, values_NT, hues, hues.colours[value])
            drawn.append(middle)
    if not drawn or not np.isfinite(np.concatenate(drawn)).any():
        axis_tools.say(axes, _why_no_flow(members, name, last=last))
        return
    everything = np.concatenate(drawn)
    if name != "hidden_norm" or axis_tools.log_helps(everything, WIDE):
        axis_tools.set_log(axes, everything)
    axis_tools.timesteps_axis(axes, max(map(len, drawn)))
    axes.set_ylabel(SYMBOLS[name])


def draw_losses(axes: Axes, members: Sequence[Member], style: Style, hues: Hues) -> None:
    """Draw the smoothed loss; a median of which half has diverged ends there, with a cross."""
    drawn: list[np.ndarray] = []
    batches = 1
    for value, group in _by_hue(members, hues):
        for length, same in _by_length(group, lambda member: member.arrays["loss"].size):
            if length:
                at = np.array(pick(length, _MOST_POINTS))
                values = np.stack([_smoothed(member, length)[at] for member in same])
                middle = median(values)
                axes.plot(at, middle, hues.dashes[value], color=hues.colours[value], label=str(value))
                _mark_end(axes, at, middle, hues.colours[value], style)
                _band(axes, at, values, hues, hues.colours[value])
                drawn.append(middle)
                batches = max(batches, length)
    if not drawn or not np.isfinite(np.concatenate(drawn)).any():
        axis_tools.say(axes, "No loss curve: nothing was trained, or nothing of it is finite.")
        return
    _finish_losses(axes, members, style, np.concatenate(drawn), batches)


def _smoothed(member: Member, length: int) -> np.ndarray:
    """Smooth a loss; after divergence it is beyond every number, and counts so in a median."""
    smoothed = smooth(member.arrays["loss"], window_of(length))
    return np.where(np.isnan(smoothed), np.inf, smoothed) if member.diverged else smoothed


def _mark_end(axes: Axes, at: np.ndarray, middle: np.ndarray, colour: str, style: Style) -> None:
    finite = np.flatnonzero(np.isfinite(middle))
    if finite.size and finite[-1] < len(middle) - 1:
        last = finite[-1]
        axes.plot(at[last], middle[last], "x", color=colour, markersize=0.6 * style.font, label="_diverged")


def median(values_NX: np.ndarray) -> np.ndarray:
    """Give the median over runs of what is not NaN; zeros and infinities take part."""
    middle = np.full(values_NX.shape[1], np.nan)
    some = ~np.isnan(values_NX).all(axis=0)
    with np.errstate(invalid="ignore"):
        middle[some] = np.nanmedian(values_NX[:, some], axis=0)
    return middle


def _finish_losses(axes: Axes, members: Sequence[Member], style: Style, drawn: np.ndarray, batches: int) -> None:
    floors = {repr(member.info["floors"]): member.info["floors"] for member in members}
    values = drawn[np.isfinite(drawn)]
    if len(floors) == 1:
        (shared,) = floors.values()
        draw_floors(axes, shared, style)
        values = np.append(values, list(shared.values()))
    axis_tools.updates_axis(axes, 0, batches)
    axes.set_xlabel("batch")
    axes.set_ylabel("loss (smoothed)")
    if axis_tools.log_helps(values):
        axis_tools.set_log(axes, values)


def _by_hue(members: Sequence[Member], hues: Hues) -> list[tuple[object, list[Member]]]:
    key = hues.key
    groups = [(value, [m for m in members if key is None or m.flat.get(key) == value]) for value in hues.values]
    return [(value, group) for value, group in groups if group]


def _by_length(group: list[Member], length_of: object) -> list[tuple[int, list[Member]]]:
    assert callable(length_of)
    lengths = [length_of(member) for member in group]
    return [
        (length, [member for member, own in zip(group, lengths, strict=True) if own == length])
        for length in sorted(set(lengths))
    ]


def _band(axes: Axes, x: np.ndarray, values_NX: np.ndarray, hues: Hues, colour: str) -> None:
    """Shade what holds half of the runs, where there are several and few hues."""
    if len(values_NX) > 2 and len(hues.values) <= _BANDED and np.isfinite(values_NX).all():
        low, high = np.quantile(values_NX, QUANTILES, axis=0)
        axes.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0)


def _why_no_flow(members: Sequence[Member], name: str, *, last: bool) -> str:
    if not any(name in member.arrays for member in members):
        return f"No {SYMBOLS[name]}: only an LSTM has a cell state."
    if last and all(member.diverged for member in members):
        return "No last record: all of these runs diverged."
    return f"No number of {SYMBOLS[name]} is finite."
