"""Which axis of a sweep goes where: what was asked for, and sensible choices for the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rnnlab.figures.errors import FigureError, choose, find_name
from rnnlab.figures.forms import drawable
from rnnlab.figures.kind import SWEEP_KINDS, SweepKind
from rnnlab.figures.names import summary_of
from rnnlab.figures.wish import Placing, Wish
from rnnlab.flow.group import GROUPS

if TYPE_CHECKING:
    from rnnlab.figures.collection import Collection


def place_figures(collection: Collection, wish: Wish) -> list[Placing]:
    """Give the figures that were asked for, or all that these runs have something to show in.

    Raises:
        FigureError: a kind, an axis or a quantity does not exist, or does not belong to the kind.
    """
    wish = _of_a_quantity(wish)
    return [kind.plan(collection, wish) for kind in _kinds(collection, wish)]


def _of_a_quantity(wish: Wish) -> Wish:
    """Take a kind that is a quantity, or a group of some, for its curves: the names that figures of one run have."""
    if wish.kind is None or wish.y is not None or find_name(wish.kind, SWEEP_KINDS) is not None:
        return wish
    curves = drawable("curves")
    group = GROUPS.get(wish.kind)
    held = [quantity.name for quantity in group.quantities if quantity.name in curves] if group else []
    name = find_name(wish.kind, curves) or (held[0] if held else None)
    return wish if name is None else replace(wish, kind=None, y=name)


def _kinds(collection: Collection, wish: Wish) -> list[SweepKind]:
    """Give the kind that was named, or else meant: a y that is an axis makes a phase diagram; or all that fit."""
    if wish.kind is not None:
        return [SWEEP_KINDS[choose("--kind", wish.kind, SWEEP_KINDS)]]
    meant = [kind for kind in SWEEP_KINDS.values() if kind.is_meant(collection, wish)]
    return meant[-1:] or [kind for kind in SWEEP_KINDS.values() if kind.fits(collection, wish)]


def hue_and_panel(collection: Collection, wish: Wish) -> tuple[str | None, str | None]:
    """Choose the axes that are told by colour and by panels, where the others are no axes of the sweep."""
    taken = chosen_axes(collection, wish, ("hue", "panel"))
    taken["hue"] = taken["hue"] or next_axis(collection, taken)
    panel = taken["panel"] or next_axis(collection, taken, only_swept=True)
    return taken["hue"], panel


def chosen_axes(collection: Collection, wish: Wish, places: Sequence[str]) -> dict[str, str | None]:
    """Give the axis that was asked for in each place.

    Raises:
        FigureError: there is no such axis, or it was asked for in two places.
    """
    given = wish.given()
    valid = tuple(collection.axes)
    taken = {place: choose(f"--{place}", given[place], valid) if place in given else None for place in places}
    chosen = [key for key in taken.values() if key is not None]
    for key in chosen:
        if chosen.count(key) > 1:
            options = " and ".join(f"--{place}" for place in places if taken[place] == key)
            raise FigureError(f"{options} are both {key}; choose different axes among {', '.join(valid)}")
    return taken


def next_axis(collection: Collection, taken: dict[str, str | None], *, only_swept: bool = False) -> str | None:
    """Choose among the axes that are left: numbers first, those with most values first; the seed last."""
    left = [key for key in collection.axes if key not in taken.values()]
    swept = [key for key in left if key in collection.swept]
    if swept:
        return min(swept, key=lambda key: (not collection.is_numeric(key), -len(collection.axes[key])))
    return None if only_swept or not left else left[0]


def chosen_summaries(collection: Collection, option: str, wanted: str | None) -> tuple[str, ...]:
    """Give the number that was asked for, or those that figures show unasked.

    Raises:
        FigureError: no run has that number.
    """
    if wanted is not None:
        return (choose(option, wanted, collection.summaries),)
    return tuple(name for name in collection.summaries if summary_of(name).headline) or tuple(collection.summaries[:1])


def refuse(wish: Wish, kind: str, fixed: dict[str, str]) -> None:
    """Say what stands in a place already.

    Raises:
        FigureError: something else was asked for there.
    """
    for place, what in fixed.items():
        if place in wish.given():
            raise FigureError(f"--{place} does not go with --kind {kind}: it shows {what} there")
