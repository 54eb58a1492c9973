"""Overrides from the command line: `key=value`, read by the rules of the file, put in the place of the file's values.

A bare comma list, `linspace(...)`, `geomspace(...)`, `logspace(...)` and `range(...)` make or replace an axis of a
sweep.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import cast

from rnnlab.component import NO_IDENTITY
from rnnlab.config.all_keys import find_unknown, keys_of
from rnnlab.config.document import read_document
from rnnlab.config.draft import Draft
from rnnlab.config.errors import quoted
from rnnlab.config.points import SPACINGS, call_of, is_spacing, usage_of
from rnnlab.config.scalars import Plain, read_scalar

_FLOW = ("[", "{", "'", '"')
_CLOSES = {"[": "]", "{": "}", "(": ")"}


def apply_overrides(draft: Draft, overrides: Iterable[str], *, sweeping: bool) -> None:
    """Set each key in the draft; what is wrong with an override becomes a problem of the draft."""
    seen: set[str] = set()
    for assignment in overrides:
        try:
            key, value, is_axis = _read(assignment, sweeping=sweeping)
            if key in seen:
                raise ValueError(f"{quoted(key)} is given twice on the command line")
            seen.add(key)
            _set(draft, assignment, key, value, is_axis=is_axis)
        except ValueError as error:
            draft.report_command(assignment, str(error))


def _read(assignment: str, *, sweeping: bool) -> tuple[str, Plain, bool]:
    key, equals, text = (part.strip() for part in assignment.partition("="))
    if not equals:
        raise ValueError("an override is written key=value, for example model.hidden_size=64")
    if not key:
        raise ValueError("the key before '=' is missing")
    _check_key(key, sweeping=sweeping)
    axis = None if key in NO_IDENTITY else _axis_of(text)  # a comma list of names is one value there
    if axis is None:
        return key, read_value(text), False
    if not sweeping:
        raise ValueError("several values are for `rnnlab sweep`; here a key takes one value")
    if key in {"name", "sweep.seeds"}:
        raise ValueError(f"'{key}' takes one value and cannot be an axis")
    return key, axis, True


def _check_key(key: str, *, sweeping: bool) -> None:
    if key == "sweep" or key.startswith("sweep."):
        if not sweeping:
            raise ValueError("this is read by `rnnlab sweep` only; here one run is described")
        if key != "sweep.seeds":
            raise ValueError("write the axis itself, for example model.weight_scale=0.5,1,2 or sweep.seeds=5")
    elif key == "extensions":
        raise ValueError("code of your own is named by --extension FILE, or in the config")
    elif key not in keys_of():
        raise ValueError(find_unknown(key))


def _axis_of(text: str) -> Plain:
    """Read what makes an axis: a call or a bare comma list; None for one value."""
    call = call_of(text)
    if call:
        return {call[0]: _arguments(*call)}
    items = list(_split(text))
    if len(items) == 1:
        return None
    if not all(items):
        raise ValueError("a value is missing beside a ','")
    return [read_value(item) for item in items]


def _arguments(name: str, text: str) -> list[Plain]:
    if not is_spacing(name):
        raise ValueError(f"{quoted(name)} is not known; valid: {', '.join(f'{known}(...)' for known in SPACINGS)}")
    values = [read_value(item) for item in _split(text)]
    if len(values) != 3 or not all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
        raise ValueError(usage_of(name))
    return values


def _split(text: str) -> Iterator[str]:
    """Split at the commas that stand outside of quotes and brackets."""
    start, quote, open_brackets = 0, "", 0
    for i, c in enumerate(text):
        if quote:
            quote = "" if c == quote else quote
        elif c in "'\"" and not text[start:i].strip():
            quote = c
        elif c in _CLOSES:
            open_brackets += 1
        elif c in _CLOSES.values():
            open_brackets -= 1
        elif c == "," and open_brackets <= 0:
            yield text[start:i].strip()
            start = i + 1
    yield text[start:].strip()


def read_value(text: str) -> Plain:
    """Read one value: a plain scalar, or a YAML list, mapping or quoted string.

    Raises:
        ValueError: with the sentence that says what is wrong.
    """
    if not text.startswith(_FLOW):
        return read_scalar(text)
    document = read_document(text, "")
    if document.problems:
        raise ValueError(document.problems[0].message)
    return document.data


def _set(draft: Draft, assignment: str, key: str, value: Plain, *, is_axis: bool) -> None:
    """Put the value into the draft. One value for an axis of the file also becomes all that the axis holds."""
    axes = cast(dict[str, Plain], draft.data.get("sweep") or {}).get("axes")
    axes = axes if isinstance(axes, dict) else {}
    if is_axis or key in axes:
        draft.section("sweep")["axes"] = {**axes, key: value if is_axis else [value]}
        draft.commands["sweep", "axes", key] = assignment
    if not is_axis:
        section, _, name = key.rpartition(".")
        place = draft.section(section) if section else draft.data
        place[name] = value
        draft.commands[(section, name) if section else (name,)] = assignment
