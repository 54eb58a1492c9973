"""Which axis of a sweep goes where: what was asked for, and sensible choices for the rest.

| kind | x | y | hue | panel |
|---|---|---|---|---|
| quantity | an axis | a quantity of the index | an axis | an axis |
| flow | (timesteps) | grad_norm, cell_grad_norm or hidden_norm | an axis | an axis |
| loss | (batches) | (the loss) | an axis | an axis |
| phase | an axis | an axis | a quantity, as colour | an axis |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from rnnlab.figures.errors import FigureError, choose
from rnnlab.figures.flow import SYMBOLS

if TYPE_CHECKING:
    from rnnlab.figures.collection import Collection

SWEEP_KINDS = ("quantity", "flow", "loss", "phase")
_DEFAULT_QUANTITIES = ("final_loss", "final_gradient_slope")


@dataclass(frozen=True)
class Wish:
    """What was asked for; None leaves the choice to us."""

    kind: str | None = None
    x: str | None = None
    y: str | None = None
    hue: str | None = None
    panel: str | None = None

    def given(self) -> dict[str, str]:
        """Give the choices that were made."""
        return {field.name: value for field in fields(self) if (value := getattr(self, field.name)) is not None}


@dataclass(frozen=True)
class Plan:
    """One figure of a sweep: axes by their keys, quantities by their names."""

    kind: str
    x: str | None
    y: str | None
    hue: str | None
    panel: str | None
    quantities: tuple[str, ...] = ()


def plan_figures(collection: Collection, wish: Wish) -> list[Plan]:
    """Give the figures that were asked for, or all that these runs have something to show in.

    Raises:
        FigureError: a kind, an axis or a quantity does not exist, or does not belong to the kind.
    """
    if wish.kind is not None:
        kinds: Sequence[str] = [choose("--kind", wish.kind, SWEEP_KINDS)]
    else:
        kinds = _fitting_kinds(collection, wish)
    return [_PLANS[kind](collection, wish) for kind in kinds]


def _fitting_kinds(collection: Collection, wish: Wish) -> list[str]:
    """Give the kinds that fit what was asked for: a y that is an axis makes a phase diagram, for example."""
    if wish.hue is not None and _is_one_of(wish.hue, collection.quantities):
        return ["phase"]
    if wish.y is not None:
        if _is_one_of(wish.y, tuple(SYMBOLS)):
            return ["flow"]
        return ["phase"] if _is_one_of(wish.y, tuple(collection.axes)) else ["quantity"]
    if wish.x is not None:
        return ["quantity"]
    trained = any(member.flat.get("training.batches") for member in collection.members)
    kinds = ["quantity"] if collection.quantities else []
    kinds += ["flow", "loss"] if trained else ["flow"]
    both = len(collection.swept) >= 2 and collection.quantities and wish.hue is None
    return [*kinds, "phase"] if both else kinds


def _is_one_of(wanted: str, names: Sequence[str]) -> bool:
    try:
        choose("", wanted, names)
    except FigureError:
        return False
    return True


def _quantity(collection: Collection, wish: Wish) -> Plan:
    taken = _chosen_axes(collection, wish, ("x", "hue", "panel"))
    x = taken["x"] or _next_axis(collection, taken)
    taken["x"] = x
    hue = taken["hue"] or _next_axis(collection, taken, only_swept=True)
    taken["hue"] = hue
    panel = taken["panel"] or _next_axis(collection, taken, only_swept=True)
    return Plan("quantity", x, None, hue, panel, _quantities(collection, "--y", wish.y))


def _phase(collection: Collection, wish: Wish) -> Plan:
    taken = _chosen_axes(collection, wish, ("x", "y", "panel"))
    for place in ("x", "y"):
        taken[place] = taken[place] or _next_axis(collection, taken)
        if taken[place] is None:
            present = ", ".join(collection.axes)
            raise FigureError(
                f"--kind phase needs two axes; these runs have {present}. Valid here: quantity, flow, loss"
            )
    panel = taken["panel"] or _next_axis(collection, taken, only_swept=True)
    return Plan("phase", taken["x"], taken["y"], None, panel, _quantities(collection, "--hue", wish.hue))


def _flow(collection: Collection, wish: Wish) -> Plan:
    _refuse(wish, "flow", {"x": "timesteps"})
    name = choose("--y", wish.y, tuple(SYMBOLS)) if wish.y else "grad_norm"
    hue, panel = _hue_and_panel(collection, wish)
    return Plan("flow", None, name, hue, panel)


def _loss(collection: Collection, wish: Wish) -> Plan:
    _refuse(wish, "loss", {"x": "batches", "y": "the loss"})
    hue, panel = _hue_and_panel(collection, wish)
    return Plan("loss", None, None, hue, panel)


_PLANS = {"quantity": _quantity, "flow": _flow, "loss": _loss, "phase": _phase}


def _hue_and_panel(collection: Collection, wish: Wish) -> tuple[str | None, str | None]:
    taken = _chosen_axes(collection, wish, ("hue", "panel"))
    taken["hue"] = taken["hue"] or _next_axis(collection, taken)
    panel = taken["panel"] or _next_axis(collection, taken, only_swept=True)
    return taken["hue"], panel


def _chosen_axes(collection: Collection, wish: Wish, places: Sequence[str]) -> dict[str, str | None]:
    given = wish.given()
    valid = tuple(collection.axes)
    taken = {place: choose(f"--{place}", given[place], valid) if place in given else None for place in places}
    chosen = [key for key in taken.values() if key is not None]
    for key in chosen:
        if chosen.count(key) > 1:
            options = " and ".join(f"--{place}" for place in places if taken[place] == key)
            raise FigureError(f"{options} are both {key}; choose different axes among {', '.join(valid)}")
    return taken


def _next_axis(collection: Collection, taken: dict[str, str | None], *, only_swept: bool = False) -> str | None:
    """Choose among the axes that are left: numbers first, those with most values first; the seed last."""
    left = [key for key in collection.axes if key not in taken.values()]
    swept = [key for key in left if key in collection.swept]
    if swept:
        return min(swept, key=lambda key: (not collection.is_numeric(key), -len(collection.axes[key])))
    return None if only_swept or not left else left[0]


def _quantities(collection: Collection, option: str, wanted: str | None) -> tuple[str, ...]:
    if wanted is not None:
        return (choose(option, wanted, collection.quantities),)
    present = tuple(name for name in _DEFAULT_QUANTITIES if name in collection.quantities)
    return present or tuple(collection.quantities[:1])


def _refuse(wish: Wish, kind: str, fixed: dict[str, str]) -> None:
    for place, what in fixed.items():
        if place in wish.given():
            raise FigureError(f"--{place} does not go with --kind {kind}: it shows {what} there")
