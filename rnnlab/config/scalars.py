"""YAML 1.2 core scalars: one rule for values in a file and on the command line, and their writing.

The core schema (yaml.org/spec/1.2.2, section 10.3) is stricter than the YAML 1.1 of PyYAML's own loader:
`no`, `on`, `12:30:00`, `2020-01-01` and `1_000` are strings, and `1e-3` is a number.
"""

from __future__ import annotations

import math
import re
from typing import TypeAlias

from rnnlab.config.errors import LONGEST_NUMBER

Scalar: TypeAlias = "str | int | float | bool | None"
Plain: TypeAlias = "Scalar | list[Plain] | dict[str, Plain]"

_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(["", "~", "null", "Null", "NULL"], None),
    **dict.fromkeys(["true", "True", "TRUE"], True),
    **dict.fromkeys(["false", "False", "FALSE"], False),
    **{sign + word: math.inf for sign in ("", "+") for word in (".inf", ".Inf", ".INF")},
    **{"-" + word: -math.inf for word in (".inf", ".Inf", ".INF")},
    **dict.fromkeys([".nan", ".NaN", ".NAN"], math.nan),
}
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_PLAIN = re.compile(r"[^\W_][\w.-]*")  # text that YAML reads as one plain scalar in every place

_YAML_1_1 = re.compile(
    r"[-+]?[0-9][0-9_,:.]*([eE][-+]?[0-9]+)?|[-+]?0[xXbBoO][0-9a-fA-F_]+|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}.*"
    r"|y|n|yes|no|on|off|true|false|null|~|=|<<",
    re.IGNORECASE,
)
"""What is text here, and to YAML 1.1 a number (1_000, 0b1, 12:30), a date, a truth value: written in quotes."""


class TooLongError(ValueError):
    """A number with more digits than any key can use."""


def read_scalar(text: str) -> Scalar:
    """Read an unquoted scalar.

    Raises:
        TooLongError: for a whole number of more than 100 digits.
    """
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        if len(text) > LONGEST_NUMBER:
            raise TooLongError(f"a number of {len(text)} digits is too long")
        return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


def write_scalar(value: Scalar) -> str:
    """Write a scalar so that `read_scalar` (or, for quoted text, YAML) gives back the identical value."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return _write_text(value)
        case float() if math.isnan(value):
            return ".nan"
        case float() if math.isinf(value):
            return ".inf" if value > 0 else "-.inf"
    return repr(value)


def write_for_every_yaml(value: Scalar) -> str:
    """Write a scalar so that readers of YAML 1.1, too, give back the identical value, as most programs still are.

    To them an exponent needs a point before it, and there are more words and digits that are no text.
    """
    written = write_scalar(value)
    if isinstance(value, str) and _YAML_1_1.fullmatch(written):
        return f"'{written}'"
    digits, e, exponent = written.partition("e")
    return f"{digits}.0e{exponent}" if isinstance(value, float) and e and "." not in digits else written


def _write_text(text: str) -> str:
    if _PLAIN.fullmatch(text) and read_scalar(text) == text:
        return text
    return "'" + text.replace("'", "''") + "'"
