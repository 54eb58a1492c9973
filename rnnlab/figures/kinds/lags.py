"""How far back learning sees: the gradient of W_hh by lag, what truncation loses, the horizons over training."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from rnnlab.figures import axes as axis_tools
from rnnlab.figures.curves import draw_curves
from rnnlab.figures.forms import drawable
from rnnlab.figures.measured import curves_of, register_group
from rnnlab.figures.over_training import FEW_RECORDS
from rnnlab.figures.training_map import draw_map
from rnnlab.flow.groups.lags import reach_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rnnlab.figures.run_figures import Panel
    from rnnlab.figures.style import Style
    from rnnlab.figures.subject import Subject

_HORIZONS = ((0.5, "H50", "-", "o"), (0.95, "H95", "--", "s"))


def _columns(subject: Subject, style: Style) -> list[Panel]:
    norm = drawable()["lag_norm"]
    cosine = curves_of(subject, style, "lag_truncated_cosine")
    return [
        partial(draw_curves, subject=subject, style=style, quantity=norm),
        partial(draw_map, subject=subject, style=style, quantity=norm),
        *cosine,
        partial(_draw_horizons, subject=subject, style=style),
    ]


def _draw_horizons(axes: Axes, subject: Subject, style: Style, layer: int) -> None:
    """Draw the lags up to which half and 95 % of the norms lie, over the updates."""
    recorded = subject.require("lag_norm")
    title = "Horizons" + subject.layer_words(recorded.quantity, layer)
    norms_RK = recorded.of_layer(layer)[: recorded.records]
    reached = {share: np.array([reach_of(norms_K, share) for norms_K in norms_RK]) for share, *_ in _HORIZONS}
    if not np.isfinite(np.concatenate(list(reached.values()))).any():
        axis_tools.say(axes, "No horizon: there is no gradient of W_hh.", title)
        return
    for (share, name, dashes, marker), colour in zip(_HORIZONS, style.palette, strict=False):
        axes.plot(
            recorded.steps_R,
            reached[share],
            dashes,
            color=colour,
            marker=marker if recorded.records <= FEW_RECORDS else "",
            markersize=0.4 * style.font,
            label=name,
        )
    axis_tools.updates_axis(axes, int(recorded.steps_R[0]), int(recorded.steps_R[-1]))
    highest = norms_RK.shape[1] - 1
    axes.set_ylim(-0.04 * highest - 0.1, 1.04 * highest + 0.1)
    axis_tools.whole_ticks(axes, 0, highest, "y")
    axes.set_ylabel("lag k")
    axis_tools.legend_above(axes)
    axes.set_title(title, pad=1.9 * style.font)


register_group("lags", "the gradient of W_hh by lag, what truncation loses, horizons", 110, _columns)
