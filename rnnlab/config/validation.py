"""Plain data to a Config, with pydantic's errors said in our words."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from rnnlab.config.all_keys import keys_of
from rnnlab.config.common_keys import Section
from rnnlab.config.draft import Violation, unknown_key
from rnnlab.config.errors import shown
from rnnlab.config.scalars import Plain
from rnnlab.config.schema import DEFAULT_TASK, Config
from rnnlab.config.sections import COMPOSED, section_type
from rnnlab.tasks import TASKS, DataError, Task

# Errors that carry a sentence of ours; every other one is about a type, a bound or a choice, which the key describes.
_OWN_WORDS = {"value_error", "assertion_error", "needs_a_value", "regulariser_misfits"}


_WHOLE = {"value_error": ("model", "init"), "regulariser_misfits": ("training", "regulariser")}
"""Where a fault of a config as a whole is shown, by its type: starts and regularisers ask for other keys."""


def config_of(data: dict[str, Plain], folder: Path) -> tuple[Config | None, list[Violation]]:
    """Make a Config of everything but `sweep`; without one, there is at least one violation.

    Relative paths begin at the folder.
    """
    task, violations = _task_of(cast(dict[str, Plain], data.get("task", {})), folder)
    kinds = (task.kind,) if task else tuple(TASKS)
    sections: dict[str, Section] = {}
    for name in COMPOSED:
        section, its_violations = _section_of(name, cast(dict[str, Plain], data.get(name, {})), kinds)
        if section is not None:
            sections[name] = section
        violations += its_violations
    is_sound = not violations
    others = {key: value for key, value in data.items() if key not in {"task", "sweep", *COMPOSED}}
    config = None
    try:
        config = Config.model_validate({**others, **sections, "task": task or TASKS[DEFAULT_TASK].model_validate({})})
    except ValidationError as error:
        # What a config says as a whole cannot be held against it while a part is missing.
        violations += [f for f in _violations_of(error, (), kinds) if is_sound or f.path not in _WHOLE.values()]
    return (None if violations else config), sorted(violations, key=_place)


def _place(violation: Violation) -> int:
    """Put the violations of the task first, then in the order of the schema."""
    order = ["task", *Config.model_fields]
    return order.index(str(violation.path[0])) if violation.path[0] in order else len(order)


def _section_of(name: str, data: dict[str, Plain], kinds: tuple[str, ...]) -> tuple[Section | None, list[Violation]]:
    try:
        return section_type(name).model_validate(data), []
    except ValidationError as error:
        return None, _violations_of(error, (name,), kinds)


def _task_of(section: dict[str, Plain], folder: Path) -> tuple[Task | None, list[Violation]]:
    kind = section.get("kind", DEFAULT_TASK)
    if not isinstance(kind, str) or kind not in TASKS:
        return None, [Violation(("task", "kind"), keys_of()["task.kind"].sentence(kind))]
    try:
        return TASKS[kind].model_validate(TASKS[kind].complete(section, folder)), []
    except DataError as error:
        return None, [Violation(("task", error.key), error.sentence)]
    except ValidationError as error:
        return None, _violations_of(error, ("task",), (kind,))


def _violations_of(error: ValidationError, section: tuple[str, ...], kinds: tuple[str, ...]) -> list[Violation]:
    # Once each: a union reports its members one by one, and each becomes the same sentence.
    return list(dict.fromkeys(_violation(one, section, kinds) for one in error.errors(include_url=False)))


def _violation(error: ErrorDetails, section: tuple[str, ...], kinds: tuple[str, ...]) -> Violation:
    path: tuple[Any, ...] = (*section, *error["loc"]) or _WHOLE[error["type"]]
    if error["type"] == "extra_forbidden":
        return unknown_key(path, kinds)
    key = keys_of(kinds).get(".".join(map(str, path[:2])))
    if error["type"] in _OWN_WORDS:
        words = error["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
        return Violation(path, f"got {shown(error['input'])}; {words}" if key and error["loc"] else words)
    if key is None:
        return Violation(path, error["msg"])
    return Violation(key.path, key.sentence(error["input"]))
