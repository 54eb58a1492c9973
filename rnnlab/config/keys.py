"""Every key of a config, read off the models: its type, bounds, default and description."""

from __future__ import annotations

import functools
import math
import types
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

import annotated_types
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from rnnlab.config.errors import listed, nearest, shown
from rnnlab.config.scalars import Scalar, read_scalar, write_scalar
from rnnlab.config.schema import DEFAULT_TASK, Config, ModelSection, RecordSection, SweepSection, TrainingSection, Valid
from rnnlab.tasks import task_types

SECTIONS: dict[str, type[BaseModel]] = {
    "model": ModelSection,
    "training": TrainingSection,
    "record": RecordSection,
}
_STRICT = ConfigDict(strict=True, allow_inf_nan=False)
_YES = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}


class Key:
    """One key of a config that takes a value."""

    def __init__(self, path: tuple[str, ...], field: FieldInfo, choices: tuple[Any, ...] = ()) -> None:
        self.path = path
        self.dotted = ".".join(path)
        self.description = field.description or ""
        self._field = field
        parts = _parts(field.annotation)
        self.nullable = type(None) in parts
        self.types = tuple(part for part in parts if isinstance(part, type) and part is not type(None))
        self.choices = choices or tuple(c for part in parts if get_origin(part) is Literal for c in get_args(part))

    @property
    def default(self) -> str:
        """The default as YAML; empty where there is none."""
        return "" if self._field.is_required() else write_scalar(self._field.get_default())

    @functools.cached_property
    def valid(self) -> str:
        """What the key takes, in words."""
        for mark in self._field.metadata:
            if isinstance(mark, Valid):
                return mark.words
        words = listed(map(str, self.choices)) if self.choices else _type_words(self.types, self._field.metadata)
        return words + ", or null" if self.nullable else words

    @functools.cached_property
    def _adapter(self) -> TypeAdapter[Any]:
        if self.choices:
            choice: Any = Literal[self.choices]
            return TypeAdapter(choice | None if self.nullable else choice, config=_STRICT)
        return TypeAdapter(_annotated(self._field), config=_STRICT)

    def read(self, value: object) -> Scalar:
        """Give the value as a config holds it (a whole number becomes a float where the key is one).

        Raises:
            ValueError: with the sentence that says what is wrong.
        """
        try:
            read: Scalar = self._adapter.validate_python(value)
        except (ValidationError, OverflowError):
            raise ValueError(self.sentence(value)) from None
        return read

    def sentence(self, value: object) -> str:
        """Say what was got, what is valid, and what was probably meant."""
        hint = self._hint(value)
        return f"got {self._got(value)}; valid: {self.valid}" + (f". Did you mean {hint}?" if hint else "")

    def _got(self, value: object) -> str:
        takes_numbers = int in self.types or float in self.types
        if takes_numbers and isinstance(value, float) and not math.isfinite(value):
            return f"{shown(value)}, not a finite number"
        is_text = isinstance(value, str) and not self.choices and str not in self.types
        return f"the string {shown(value)}" if is_text else shown(value)

    def _hint(self, value: object) -> str | None:
        if isinstance(value, float) and value.is_integer() and int in self.types:
            return str(int(value)) if self._takes(int(value)) else None
        if isinstance(value, str) and self.choices:
            near = nearest(value, map(str, self.choices))
            return f"'{near}'" if near else None
        if isinstance(value, str):
            return self._hint_for_text(value)
        if isinstance(value, int | float) and not isinstance(value, bool) and self._takes(shown(value)):
            return f"'{shown(value)}', in quotes"
        return None

    def _hint_for_text(self, text: str) -> str | None:
        """Text in the place of a number or a truth value: written with quotes, with _ between digits, or as yes."""
        text = _YES.get(text.lower(), text) if bool in self.types else text.strip().replace("_", "")
        try:
            value = read_scalar(text)
        except ValueError:
            return None
        return f"{text}, without quotes" if not isinstance(value, str) and text and self._takes(value) else None

    def _takes(self, value: object) -> bool:
        try:
            self._adapter.validate_python(value)
        except (ValidationError, OverflowError):
            return False
        return True


def _parts(annotation: Any) -> tuple[Any, ...]:
    """Take a union apart; a Literal is one part."""
    if get_origin(annotation) in {Union, types.UnionType}:
        return get_args(annotation)
    return (annotation,)


def _annotated(field: FieldInfo) -> Any:
    return Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation


def _type_words(kinds: tuple[type, ...], metadata: Iterable[object]) -> str:
    if bool in kinds:
        return "true or false"
    if int in kinds and float not in kinds:
        return _bounded("a whole number", metadata)
    if float in kinds:
        return _bounded("a number", metadata)
    return "text" if str in kinds else "a value of another type"


def _bounded(noun: str, metadata: Iterable[object]) -> str:
    """Add the bounds: `a whole number from 0 to 9`, `a number above 0`, `a finite number`."""
    low = high = ""
    for mark in metadata:
        match mark:
            case annotated_types.Ge(ge=bound):
                low = f"of at least {bound}"
            case annotated_types.Gt(gt=bound):
                low = f"above {bound}"
            case annotated_types.Le(le=bound):
                high = f"of at most {bound}"
            case annotated_types.Lt(lt=bound):
                high = f"below {bound}"
    if low.startswith("of at least") and high.startswith("of at most"):
        return f"{noun} from {low.split()[-1]} to {high.split()[-1]}"
    bounds = " and ".join(filter(None, [low, high]))
    return f"{noun} {bounds}" if bounds else noun.replace("a number", "a finite number")


@functools.cache
def keys_of(kinds: tuple[str, ...] | None = None) -> dict[str, Key]:
    """Every key by its dotted name, in the order of the schema, with the task keys of some kinds (default: of all).

    Where two kinds have a key of the same name, the first kind describes it.
    """
    kinds = tuple(task_types()) if kinds is None else kinds
    keys = [Key(("name",), Config.model_fields["name"]), Key(("seed",), Config.model_fields["seed"])]
    keys += [key for kind in kinds for key in _task_keys(kind)]
    keys += [Key((s, name), f) for s, model in SECTIONS.items() for name, f in model.model_fields.items()]
    by_name: dict[str, Key] = {}
    for key in keys:
        by_name.setdefault(key.dotted, key)
    return by_name


def _task_keys(kind: str) -> Iterator[Key]:
    for name, field in task_types()[kind].model_fields.items():
        yield Key(("task", name), field, tuple(task_types()) if name == "kind" else ())


def find_unknown(dotted: str, kinds: tuple[str, ...] | None = None) -> str:
    """Say what was probably meant by a dotted key that does not exist."""
    keys = keys_of(kinds)
    if dotted in SECTIONS or dotted == "task":
        inside = [name for name in keys if name.startswith(f"{dotted}.")]
        return f"'{dotted}' is a whole section; set one of its keys: {listed(inside)}"
    last = dotted.rpartition(".")[2]
    by_last = {name.rpartition(".")[2]: name for name in reversed(keys)}
    near = nearest(last, by_last)
    meant = by_last.get(last) or nearest(dotted, keys) or (by_last[near] if near else None)
    hint = f". Did you mean '{meant}'?" if meant else f"; valid: {listed(keys)}"
    return f"unknown key {shown(dotted)}{hint}"


class KeyDescription(NamedTuple):
    """One row of the table of keys."""

    key: str
    type: str
    default: str
    description: str


def describe_keys() -> list[KeyDescription]:
    """Describe every key, for the README and the help; a key that only some tasks have names them."""
    rows = [_describe(key) for key in keys_of((DEFAULT_TASK,)).values()]
    for kind in task_types():
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
