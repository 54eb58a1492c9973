"""Keys that are younger than configs that exist: they change no identity, and old configs are read as having them.

A key is declared so where it is declared at all (`rnnlab.component.AddedLater`): of a section, a component or a task.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from rnnlab.component import AddedLater
from rnnlab.config.common_keys import ALWAYS_WRITTEN
from rnnlab.config.schema import RecordSection
from rnnlab.config.sections import COMPOSED, declared, section_type
from rnnlab.tasks import TASKS


def without_younger_keys(section: BaseModel) -> dict[str, Any]:
    """Give the values of a section but for younger keys that hold their default, which say nothing new."""
    fields = type(section).model_fields
    return {
        key: value
        for key, value in vars(section).items()
        if not (_is_younger(fields[key]) and value == fields[key].get_default())
    }


def with_younger_keys(config: dict[str, Any]) -> dict[str, Any]:
    """Give a stored config, plain data, with the younger keys that it lacks; the same object where it has them all."""
    missing = {name: _missing(name, section) for name, section in config.items() if isinstance(section, dict)}
    missing = {name: keys for name, keys in missing.items() if keys}
    return config | {name: config[name] | keys for name, keys in missing.items()} if missing else config


def _missing(name: str, section: Mapping[str, Any]) -> dict[str, Any]:
    kind = str(section.get("kind")) if name == "task" else ""
    younger = _younger_keys(name, kind, declared())
    return {key: default if _applies(name, key, section) else None for key, default in younger if key not in section}


@functools.cache
def _younger_keys(name: str, kind: str, _: tuple[int, ...]) -> tuple[tuple[str, Any], ...]:
    """Give the younger keys of a section with their defaults."""
    if name in COMPOSED:
        model: type[BaseModel] | None = section_type(name)
    else:
        model = TASKS.get(kind) if name == "task" else {"record": RecordSection}.get(name)
    fields = model.model_fields if model else {}
    return tuple((key, field.get_default()) for key, field in fields.items() if _is_younger(field))


def is_brought(dotted: str) -> bool:
    """Tell whether a key is one that a component brings, which is null where another was chosen."""
    section, _, key = dotted.rpartition(".")
    return key not in ALWAYS_WRITTEN and any(key in slot.brought() for slot in COMPOSED.get(section, ()))


def only_follows(dotted: str, one: object, other: object) -> bool:
    """Tell whether a key differs only because one config has chosen another component: null, and the default."""
    section, _, key = dotted.rpartition(".")
    given = [value for value in (one, other) if value is not None]  # of a damaged run perhaps a list
    return is_brought(dotted) and given == [section_type(section).model_fields[key].get_default()]


def is_left_aside(section: str, key: str, values: Mapping[str, Any]) -> bool:
    """Tell whether a key is one that a component brings which was not chosen, so that nobody need read it.

    Args:
        section: `model` or any other.
        key: of it.
        values: what the section holds.
    """
    return key not in ALWAYS_WRITTEN and not _applies(section, key, values)


def _is_younger(field: FieldInfo) -> bool:
    return any(isinstance(mark, AddedLater) for mark in field.metadata)


def _applies(name: str, key: str, section: Mapping[str, Any]) -> bool:
    """Tell whether a key belongs to what a section chooses: one that a component brings is null for others."""
    owners = [slot for slot in COMPOSED.get(name, ()) if key in slot.brought()]
    return all(slot.has(str(section.get(slot.key)), key) for slot in owners)
