"""Powers of W_hh between their bounds, beside what the steps of the net really do over as many timesteps."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from rnnlab.figures import axes as axis_tools
from rnnlab.figures.measured import register_group
from rnnlab.figures.over_training import FEW_RECORDS
from rnnlab.figures.scales import log_helps
from rnnlab.figures.theory import theory_exponent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rnnlab.figures.run_figures import Panel
    from rnnlab.figures.style import Style
    from rnnlab.figures.subject import Subject


_CURVES = ("sigma^k", "||W^k||", "rho^k", "steps of the net", "their rms", "rms in theory")


def _columns(subject: Subject, style: Style) -> list[Panel]:
    moments = [0] if subject.require("power_log_norm").records == 1 else [0, -1]
    powers = [partial(_draw_powers, subject=subject, style=style, record=record) for record in moments]
    return [*powers, partial(_draw_departure, subject=subject, style=style)]


def _draw_powers(axes: Axes, subject: Subject, style: Style, record: int, layer: int) -> None:
    """Draw logarithms against the lag: of both bounds, of the powers, of the products of the actual Jacobians."""
    recorded = subject.require("power_log_norm")
    at = record % recorded.records
    title = f"Over k steps, update {recorded.steps_R[at]}" + subject.layer_words(recorded.quantity, layer)
    k, curves = recorded.across(), _curves(subject, layer, int(recorded.steps_R[at]))
    if not any(np.isfinite(values_K).any() for values_K in curves.values()):
        axis_tools.say(axes, "No power of W_hh is finite.", title)
        return
    looks = dict(zip(_CURVES, ((0, "--"), (0, "-"), (0, ":"), (1, "-"), (1, "--"), (2, "-.")), strict=True))
    for name, values_K in curves.items():
        colour, dashes = style.palette[looks[name][0]], looks[name][1]
        axes.plot(k, values_K, dashes, color=colour, label=name)
        axis_tools.mark_unshowable(axes, k, values_K, colour, style, zeros=False)
    axis_tools.axis_across(axes, k, "steps k")
    axes.set_ylabel("ln of norm")
    axes.set_title(title)


def _curves(subject: Subject, layer: int, step: int) -> dict[str, np.ndarray]:
    """Give the curves at the record of an update, those that the run has, in the order of the legend."""
    power_K = _at(subject, "power_log_norm", layer, step)
    assert power_K is not None
    k = np.arange(len(power_K))
    singular = _at(subject, "singular_values", layer, step)
    eigenvalues = _at(subject, "eigenvalues", layer, step)
    norm, rms = (_at(subject, name, layer, step) for name in ("product_log_norm", "product_log_rms"))
    theory = theory_exponent(subject, layer) if step == 0 else None
    found = (
        None if singular is None else _powers(singular[0], k),
        power_K,
        None if eigenvalues is None else _powers(np.abs(eigenvalues[0]), k),
        None if norm is None else norm[::-1],  # the way from T to T - k
        None if rms is None else rms[::-1],
        None if theory is None else theory * k,
    )
    return {name: values for name, values in zip(_CURVES, found, strict=True) if values is not None}


def _powers(number: float, k: np.ndarray) -> np.ndarray:
    """Give k ln of a number, 0 for k = 0 also of a zero."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(k == 0, 0.0, k * np.log(number))


def _at(subject: Subject, name: str, layer: int, step: int) -> np.ndarray | None:
    """Give a quantity of a layer at the record of an update; None where the run has none."""
    recorded = subject.recorded(name)
    if recorded is None or step not in recorded.steps_R:
        return None
    return np.asarray(recorded.of_layer(layer)[: recorded.records][recorded.steps_R == step][0])


def _draw_departure(axes: Axes, subject: Subject, style: Style, layer: int) -> None:
    """Draw over the updates how far from normal the matrix is, and the largest norm of its powers."""
    names = {"departure": "departure from normality", "transient_peak": "max_k ||W^k||"}
    recorded, drawn = subject.require("departure"), []
    axes.set_title("W_hh over training" + subject.layer_words(recorded.quantity, layer))
    for (name, words), colour, dashes in zip(
        names.items(), (style.palette[2], style.palette[3]), ["-", "--"], strict=True
    ):
        values_R = subject.require(name).of_layer(layer)[: recorded.records]
        marker = "o" if recorded.records <= FEW_RECORDS else ""
        axes.plot(
            recorded.steps_R, values_R, dashes, color=colour, marker=marker, markersize=0.4 * style.font, label=words
        )
        drawn.append(values_R)
    values = np.concatenate(drawn)
    if log_helps(values, 50.0):
        axis_tools.set_log(axes, values)
    else:
        axes.set_ylim(0.0, axis_tools.limits_of([0.0, *values])[1])
    axis_tools.updates_axis(axes, int(recorded.steps_R[0]), int(recorded.steps_R[-1]))
    axes.set_ylabel("norm")


register_group("bounds", "powers of W_hh between their bounds, and what the steps do", 150, _columns, legend=False)
