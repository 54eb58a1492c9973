"""One key of a config, read off its field in the models: what it takes, in words, and what is wrong with a value."""

from __future__ import annotations

import functools
import math
import types
from collections.abc import Iterable
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from rnnlab.config.common_keys import Brought, Valid
from rnnlab.config.errors import listed, shown
from rnnlab.config.scalars import Scalar, read_scalar, write_scalar
from rnnlab.words import nearest

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
        if self._field.is_required() or self._field.default_factory is not None:
            return ""
        return write_scalar(self._field.get_default())

    @functools.cached_property
    def valid(self) -> str:
        """What the key takes, in words."""
        for mark in self._field.metadata:
            if isinstance(mark, Valid):
                return mark.words
        words = listed(map(str, self.choices)) if self.choices else _type_words(self.types, self._field.metadata)
        takes_null = self.nullable and not any(isinstance(mark, Brought) for mark in self._field.metadata)
        return words + ", or null" if takes_null else words

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
        return f"got {self._shown_value(value)}; valid: {self.valid}" + (f". Did you mean {hint}?" if hint else "")

    def _shown_value(self, value: object) -> str:
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
