"""What the steps back do to a gradient: products of Jacobians, single ones, and the two parts of the actual gain."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from rnnlab.figures.forms import drawable
from rnnlab.figures.hues import Dashes
from rnnlab.figures.measured import curves_of, register_group
from rnnlab.figures.theory import theory_exponent
from rnnlab.figures.together import dash_legend, draw_together
from rnnlab.figures.training_map import draw_map

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rnnlab.figures.run_figures import Panel
    from rnnlab.figures.style import Style
    from rnnlab.figures.subject import Subject

_PRODUCTS = {"product_log_norm": "norm", "product_log_rms": "rms"}
_GAINS = {"gain_nonlinearity": "nonlinearity", "gain_matrix": "matrix"}


def _columns(subject: Subject, style: Style) -> list[Panel]:
    gains = [partial(_draw_gains, subject=subject, style=style)] if subject.recorded("gain_matrix") is not None else []
    return [
        partial(_draw_products, subject=subject, style=style),
        partial(draw_map, subject=subject, style=style, quantity=drawable()["product_log_norm"]),
        *curves_of(subject, style, "step_log_norm"),
        *gains,
    ]


def _draw_products(axes: Axes, subject: Subject, style: Style, layer: int) -> None:
    """Draw the largest and the typical stretch from T to t, and what theory expects of the typical one."""
    title, label = "All steps from T to t", "ln of norm, of rms"
    draw_together(axes, subject, style, layer, _PRODUCTS, title, label)
    exponent = theory_exponent(subject, layer)
    if exponent is None or not axes.axison:
        return
    t = subject.require("product_log_rms").across()
    low, high = axes.get_ylim()
    theory_T = exponent * (t[-1] - t)
    axes.plot(t, theory_T, ":", color=style.ink, label="mean field")
    axes.set_ylim(min(low, float(theory_T.min())), max(high, float(theory_T.max())))
    entries: list[tuple[Dashes, str]] = [("-", "norm"), ("--", "rms"), (":", "rms in theory, at update 0")]
    dash_legend(axes, style, title + subject.layer_words(drawable()["product_log_rms"], layer), entries)


def _draw_gains(axes: Axes, subject: Subject, style: Style, layer: int) -> None:
    draw_together(axes, subject, style, layer, _GAINS, "Gain of the step from t+1 to t", "ln of gain")
    if axes.axison:
        axes.axhline(0, color=style.faint, linewidth=0.6 * style.line, zorder=0)


register_group("jacobians", "products of Jacobians, single ones, gains of each step", 120, _columns)
