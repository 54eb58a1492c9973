"""A component: a named part of a net or of its training that carries its own keys of the config.

A component is a frozen dataclass with a class attribute `name`. Its fields are its keys, each declared by `key`, so
that the schema, its errors, its help and the axes of a sweep know them without an edit elsewhere:

    @CELLS.register
    @dataclass(frozen=True)
    class Leaky(Cell):
        name = "leaky"
        leak: float = key(0.5, gt=0, le=1, description="How much of the state each step renews.")
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, TypeVar, cast

from rnnlab.registry import Registry

Default = bool | int | float | str

_KEY = "rnnlab key"


NO_IDENTITY = ("record.quantities",)
"""Keys that change nothing of what a run is: a finished one gains what they ask for, and they set no runs apart."""


class AddedLater:
    """Marks a key that is younger than configs that exist, whose default is what these have always meant.

    While it holds its default it stays out of a run's identity, so that no finished run becomes a stranger, and a
    stored config that lacks it is read as having the default. Of a component, `key(..., added_later=True)`; of a
    section or a task, beside the type: `Annotated[float, AddedLater()]`.
    """


class Component(Protocol):
    """What has a name and, as a dataclass, its own keys."""

    name: ClassVar[str]
    __dataclass_fields__: ClassVar[dict[str, Any]]


Kind = TypeVar("Kind", bound=Component)


@dataclasses.dataclass(frozen=True)
class OwnKey:
    """One key that a component brings.

    Attributes:
        name: as in the config, without its section.
        type: bool, int, float or str, as its default is.
        default: its value where none is given.
        description: a sentence.
        choices: what may be chosen by name, where it is a choice.
        bounds: `ge`, `gt`, `le`, `lt`.
        added_later: whether it is younger than configs that exist (`AddedLater`).
    """

    name: str
    type: type
    default: Default
    description: str
    choices: Mapping[str, Any] | None
    bounds: Mapping[str, float]
    added_later: bool = False


def key(
    default: Any,
    *,
    description: str,
    choices: Mapping[str, Any] | None = None,
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
    added_later: bool = False,
) -> Any:
    """Declare a field of a component as a key of the config.

    Args:
        default: its value where none is given; its type is the key's: 1.0, not 1, where any number is meant.
        description: a sentence for the help; that it is null for other components is added.
        choices: a registry, or any mapping, whose names are what may be chosen.
        ge: the least value; `gt`, `le`, `lt` likewise: above, at most, below.
        gt: see ge.
        le: see ge.
        lt: see ge.
        added_later: whether configs of its component exist that lack it, and mean the default (`AddedLater`).
    """
    bounds = {name: bound for name, bound in {"ge": ge, "gt": gt, "le": le, "lt": lt}.items() if bound is not None}
    declared = {"description": description, "choices": choices, "bounds": bounds, "added_later": added_later}
    return dataclasses.field(default=default, metadata={_KEY: declared})


def own_keys(component: type[Component]) -> dict[str, OwnKey]:
    """Give the keys that a component brings, by name, in their order."""
    return _own_keys(component)


@functools.cache
def _own_keys(component: Any) -> dict[str, OwnKey]:
    return {
        field.name: OwnKey(field.name, type(field.default), cast(Default, field.default), **field.metadata[_KEY])
        for field in dataclasses.fields(component)
        if _KEY in field.metadata
    }


def make_component(registry: Registry[type[Kind]], name: str, values: Mapping[str, object]) -> Kind:
    """Make the component of that name with its own keys.

    Args:
        registry: where it is declared.
        name: which.
        values: by key; keys that it does not have are left aside, and null stands for its default.

    Raises:
        UnknownNameError: there is none of that name.
    """
    component = registry[name]
    return component(**{own: values[own] for own in own_keys(component) if values.get(own) is not None})
