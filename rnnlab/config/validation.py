"""Plain data to a Config, with pydantic's errors said in our words."""

from __future__ import annotations

from typing import Any, cast

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from rnnlab.config.draft import Fault, unknown_key
from rnnlab.config.errors import shown
from rnnlab.config.keys import keys_of
from rnnlab.config.scalars import Plain
from rnnlab.config.schema import DEFAULT_TASK, Config
from rnnlab.tasks import Task, task_types

# Errors that carry a sentence of ours; every other one is about a type, a bound or a choice, which the key describes.
_OWN_WORDS = {"value_error", "assertion_error", "no_nonlinearity"}


_WHOLE = ("model", "init")
"""Where a fault of a config as a whole is shown: only the exact bigram weights ask for other keys."""


def config_of(data: dict[str, Plain]) -> tuple[Config | None, list[Fault]]:
    """Make a Config of everything but `sweep`; without one, there is at least one fault."""
    task, faults = _task_of(cast(dict[str, Plain], data.get("task", {})))
    others = {key: value for key, value in data.items() if key not in {"task", "sweep"}}
    try:
        config = Config.model_validate({**others, "task": task or task_types()[DEFAULT_TASK].model_validate({})})
    except ValidationError as error:
        kinds = (task.kind,) if task else tuple(task_types())
        # Without its task, what a config says of the task as a whole cannot be held against it.
        return None, faults + [f for f in _faults_of(error, (), kinds) if task or f.path != _WHOLE]
    return (None if faults else config), faults


def _task_of(section: dict[str, Plain]) -> tuple[Task | None, list[Fault]]:
    kind = section.get("kind", DEFAULT_TASK)
    if not isinstance(kind, str) or kind not in task_types():
        return None, [Fault(("task", "kind"), keys_of()["task.kind"].sentence(kind))]
    try:
        return task_types()[kind].model_validate(section), []
    except ValidationError as error:
        return None, _faults_of(error, ("task",), (kind,))


def _faults_of(error: ValidationError, section: tuple[str, ...], kinds: tuple[str, ...]) -> list[Fault]:
    # Once each: a union reports its members one by one, and each becomes the same sentence.
    return list(dict.fromkeys(_fault(one, section, kinds) for one in error.errors(include_url=False)))


def _fault(error: ErrorDetails, section: tuple[str, ...], kinds: tuple[str, ...]) -> Fault:
    path: tuple[Any, ...] = (*section, *error["loc"]) or _WHOLE
    if error["type"] == "extra_forbidden":
        return unknown_key(path, kinds)
    key = keys_of(kinds).get(".".join(map(str, path[:2])))
    if error["type"] in _OWN_WORDS:
        words = error["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
        return Fault(path, f"got {shown(error['input'])}; {words}" if key and error["loc"] else words)
    if key is None:
        return Fault(path, error["msg"])
    return Fault(key.path, key.sentence(error["input"]))
