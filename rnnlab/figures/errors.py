"""What a person may get wrong when asking for a picture."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from rnnlab.errors import UserError
from rnnlab.words import nearest


class FigureError(UserError):
    """A figure was asked for that these runs cannot give; the message says which they can."""

    exit_code: ClassVar[int] = 2


def find_name(wanted: str, valid: Iterable[str]) -> str | None:
    """Find a name among the valid ones, whole or by its last part (`weight_scale`, `weight-scale`)."""
    for spelling in (wanted, wanted.replace("-", "_")):
        for name in valid:
            if spelling in {name, name.rpartition(".")[2]}:
                return name
    return None


def choose(option: str, wanted: str, valid: Iterable[str]) -> str:
    """Find a name as `find_name` does.

    Raises:
        FigureError: it is none of them; the message lists them, and the nearest.
    """
    names = list(valid)
    found = find_name(wanted, names)
    if found is not None:
        return found
    if not names:
        raise FigureError(f"{option}: got '{wanted}', but these runs have nothing to choose from")
    short = {name.rpartition(".")[2]: name for name in names}
    near = nearest(wanted.replace("-", "_"), [*names, *short])
    hint = f". Did you mean '{short.get(near, near)}'?" if near else ""
    raise FigureError(f"{option}: got '{wanted}'; valid: {', '.join(names)}{hint}")
