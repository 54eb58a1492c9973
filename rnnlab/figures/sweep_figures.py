"""The figures of several runs: panels, title and what their medians are taken over, around what a kind draws."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from rnnlab.figures.kind import SWEEP_KINDS, Panels
from rnnlab.figures.names import plain, value_text
from rnnlab.figures.page import set_title
from rnnlab.picking import pick

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rnnlab.figures.collection import Collection
    from rnnlab.figures.style import Style
    from rnnlab.figures.wish import Placing

_MOST_PANELS = 5


def draw_sweep(collection: Collection, placing: Placing, style: Style, complain: Callable[[str], None]) -> Figure:
    """Draw one figure; runs whose arrays turn out damaged are named to `complain` and left out.

    Raises:
        DamagedRunError: no run is whole.
    """
    kind = SWEEP_KINDS[placing.kind]
    names = kind.arrays(placing)
    if names:
        collection.read(names, complain)
    figure = kind.draw(collection, placing, style, _panels(collection, placing.panel))
    set_title(figure, style, collection.name, "; ".join(_subtitle(collection, placing)))
    return figure


def _panels(collection: Collection, key: str | None) -> Panels:
    """Give the heading and the runs of every panel; of many values, some."""
    groups = list(collection.groups(key).items())
    chosen = [groups[i] for i in pick(len(groups), _MOST_PANELS)]
    heading = f"{key.rpartition('.')[2]} = " if key else ""
    return [(heading + plain(value_text(place[0])) if key else "", runs) for place, runs in chosen]


def _subtitle(collection: Collection, placing: Placing) -> list[str]:
    """Say what the figure shows of which runs, and what its medians are taken over."""
    shown = {placing.x, placing.y, placing.hue, placing.panel}
    over = [key for key in collection.axes if key not in shown]
    words = [collection.subtitle, *([f"median over {', '.join(over)}"] if over else [])]
    count = len(collection.groups(placing.panel))
    if count > _MOST_PANELS:
        words.append(f"{_MOST_PANELS} of the {count} values of {placing.panel} are drawn")
    return [*words, *SWEEP_KINDS[placing.kind].subtitle(placing)]
