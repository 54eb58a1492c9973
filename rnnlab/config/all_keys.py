"""Every key of a config by its dotted name: found, missed with a hint, and described for people."""

from __future__ import annotations

import functools
from collections.abc import Container, Iterator
from typing import NamedTuple

from pydantic import BaseModel

from rnnlab.config.errors import listed, shown
from rnnlab.config.key import Key
from rnnlab.config.schema import DEFAULT_TASK, Config, RecordSection, SweepSection
from rnnlab.config.sections import COMPOSED, declared, section_type
from rnnlab.tasks import TASKS
from rnnlab.words import nearest

SECTIONS = (*COMPOSED, "record")

CALLED_ELSEWHERE = {
    "activation": "model.nonlinearity",
    "bptt": "training.truncate",
    "bs": "training.batch_size",
    "clip": "training.clip_norm",
    "depth": "model.layers",
    "epochs": "training.batches",
    "gain": "model.weight_scale",
    "grad_clip": "training.clip_norm",
    "hidden": "model.hidden_size",
    "hidden_dim": "model.hidden_size",
    "iterations": "training.batches",
    "length": "task.seq_len",
    "lr": "training.learning_rate",
    "num_layers": "model.layers",
    "random_seed": "seed",
    "sequence_length": "task.seq_len",
    "steps": "training.batches",
    "timesteps": "task.seq_len",
    "units": "model.hidden_size",
    "updates": "training.batches",
    "width": "model.hidden_size",
}
"""What other programs call these keys, and how their names are shortened: no likeness of letters tells that."""


def keys_of(kinds: tuple[str, ...] | None = None) -> dict[str, Key]:
    """Every key by its dotted name, in the order of the schema, with the task keys of some kinds (default: of all).

    Where two kinds have a key of the same name, the first kind describes it.
    """
    return _keys_of(tuple(TASKS) if kinds is None else kinds, declared())


@functools.cache
def _keys_of(kinds: tuple[str, ...], _: tuple[int, ...]) -> dict[str, Key]:
    keys = [Key((name,), Config.model_fields[name]) for name in ("name", "seed", "extensions")]
    keys += [key for kind in kinds for key in _task_keys(kind)]
    sections: dict[str, type[BaseModel]] = {**{name: section_type(name) for name in COMPOSED}, "record": RecordSection}
    keys += [Key((name, key), field) for name, s in sections.items() for key, field in s.model_fields.items()]
    by_name: dict[str, Key] = {}
    for key in keys:
        by_name.setdefault(key.dotted, key)
    return by_name


def _task_keys(kind: str) -> Iterator[Key]:
    for name, field in TASKS[kind].model_fields.items():
        yield Key(("task", name), field, tuple(TASKS) if name == "kind" else ())


def find_unknown(dotted: str, kinds: tuple[str, ...] | None = None) -> str:
    """Say what was probably meant by a dotted key that does not exist."""
    keys = keys_of(kinds)
    if dotted in SECTIONS or dotted == "task":
        inside = [name for name in keys if name.startswith(f"{dotted}.")]
        return f"'{dotted}' is a whole section; set one of its keys: {listed(inside)}"
    last = dotted.rpartition(".")[2]
    by_last = {name.rpartition(".")[2]: name for name in reversed(keys)}
    near = nearest(last, by_last)
    meant = (
        by_last.get(last) or _called_elsewhere(last, keys) or nearest(dotted, keys) or (by_last[near] if near else None)
    )
    hint = f". Did you mean '{meant}'?" if meant else f"; valid: {listed(keys)}"
    return f"unknown key {shown(dotted)}{hint}"


def _called_elsewhere(name: str, keys: Container[str]) -> str | None:
    key = CALLED_ELSEWHERE.get(name.lower())
    return key if key in keys else None


class KeyDescription(NamedTuple):
    """One row of the table of keys."""

    key: str
    type: str
    default: str
    description: str


def describe_keys() -> list[KeyDescription]:
    """Describe every key, for the README and the help; a key that only some tasks have names them."""
    rows = [_describe(key) for key in keys_of((DEFAULT_TASK,)).values()]
    for kind in TASKS:
        known = {(row.key, row.type, row.default) for row in rows}
        new = [_describe(key) for key in _task_keys(kind) if key.path[-1] != "kind"]
        new = [row._replace(description=f"{kind}: {row.description}") for row in new if row[:3] not in known]
        rows[_end_of_task(rows) : _end_of_task(rows)] = new
    return rows + [
        KeyDescription(f"sweep.{name}", _SWEEP_TYPES[name], "", field.description or "")
        for name, field in SweepSection.model_fields.items()
    ]


_SWEEP_TYPES = {
    "axes": "a mapping of dotted keys",
    "seeds": "a whole number of at least 1",
    "zip": "a list of lists of dotted keys",
    "exclude": "a list of mappings of dotted keys",
}


def _describe(key: Key) -> KeyDescription:
    description = key.description
    if key.dotted == "task.kind":
        description = Config.model_fields["task"].description or ""
    return KeyDescription(key.dotted, key.valid, key.default, description)


def _end_of_task(rows: list[KeyDescription]) -> int:
    return 1 + max(i for i, row in enumerate(rows) if row.key.startswith("task."))
