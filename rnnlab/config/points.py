"""The points of an axis: lists, linspace, geomspace, logspace and range, as in a file and as on the command line.

Points are computed in decimal, from the numbers as they were written, and rounded to 12 significant digits. So the
same axis gives the same runs everywhere, and an axis through 0 holds 0 and not 1e-17.
"""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, Context, Decimal, localcontext

from rnnlab.config.errors import listed, shown
from rnnlab.config.scalars import Plain

MOST_POINTS = 100_000  # on one axis; far above any study, and made in well under a second
_EXACT = 50  # decimal digits while computing: three times what a float holds
_ROUNDED = Context(prec=12)
_FLOAT_LIMIT = 308  # 10**309 is beyond float64
_USAGE = {
    "linspace": "linspace takes [first, last, number of values], for example [0.25, 2.5, 10]",
    "geomspace": "geomspace takes [first, last, number of values], for example [1e-4, 0.1, 4]",
    "logspace": "logspace takes [a, b, number of values] and goes from 10**a to 10**b, for example [-4, -1, 4]",
    "range": "range takes [start, stop, step] and leaves stop out, for example [1, 10, 2]",
}
SPACINGS = tuple(_USAGE)
_LEAST_EXPONENT = 0.01  # 10**0.01 is 1.023: who writes a number as near to 0 as this means the value, not an exponent
_MOST_EXPONENT = 38  # weights are trained in float32, which holds little beyond 1e38 and 1e-38
_CALL = re.compile(r"([A-Za-z_]\w*)\s*\((.*)\)", re.DOTALL)


def points_of(values: Plain) -> list[Plain]:
    """Give the points of an axis from its list or its one-key mapping.

    Raises:
        ValueError: with the sentence that says what is wrong.
    """
    if isinstance(values, list):
        points = values
    elif isinstance(values, dict) and len(values) == 1 and next(iter(values)) in _USAGE:
        points = _spaced(*next(iter(values.items())))
    else:
        got = f"the keys {listed(map(shown, values))}" if isinstance(values, dict) and values else shown(values)
        raise ValueError(f"got {got}; valid: a list of values, {', '.join(SPACINGS[:-1])} or {SPACINGS[-1]}")
    if not points:
        raise ValueError("the axis is empty; give it at least one value")
    if len(points) > MOST_POINTS:
        raise ValueError(_too_many(len(points)))
    return points


def _too_many(count: int) -> str:
    return f"the axis has {count if count < 10**12 else 'very many'} values; {MOST_POINTS} are the most"


def _spaced(kind: str, arguments: Plain) -> list[Plain]:
    if not isinstance(arguments, list) or len(arguments) != 3 or not all(map(_is_number, arguments)):
        raise ValueError(_USAGE[kind])
    a, b, c = (number for number in arguments if isinstance(number, int | float))
    if kind == "range":
        return _range(a, b, c)
    if not isinstance(c, int) or c < 1:
        raise ValueError(f"the number of values must be a whole number of at least 1; got {shown(c)}")
    if c > MOST_POINTS:
        raise ValueError(_too_many(c))
    if kind == "geomspace":
        return _geometric(a, b, c)
    if kind == "logspace":
        _check_exponents(a, b, c)
    with localcontext(prec=_EXACT):
        points = _even(Decimal(repr(a)), Decimal(repr(b)), c)
    if kind == "linspace":
        return [float(_ROUNDED.plus(point)) for point in points]
    return [_power_of_ten(float(point)) for point in points]


def _is_number(value: Plain) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")


def _even(first: Decimal, last: Decimal, count: int) -> list[Decimal]:
    """Space points evenly; the product stands before the quotient, so that whole steps stay whole."""
    if count == 1:
        return [first]
    return [first + (last - first) * i / (count - 1) for i in range(count - 1)] + [last]


def _geometric(first: float, last: float, count: int) -> list[Plain]:
    """Space points evenly in their logarithm; both ends are as they were written."""
    if first * last <= 0:
        raise ValueError("the first and the last value of a geomspace are both above 0, or both below")
    with localcontext(prec=_EXACT):
        start, end = Decimal(repr(first)), Decimal(repr(last))
        ratio = end / start
        points = [start, *(start * ratio ** (Decimal(i) / (count - 1)) for i in range(1, count - 1)), end][:count]
        return [float(_ROUNDED.plus(point)) for point in points]


def _check_exponents(a: float, b: float, count: int) -> None:
    """Refuse the ends of a logspace that can only be meant as values.

    Raises:
        ValueError: with the sentence that says what to write instead.
    """
    for end in (a, b):
        if 0 < abs(end) <= _LEAST_EXPONENT or abs(end) > _MOST_EXPONENT:
            value = f"{10.0**end:.6g}" if end < _FLOAT_LIMIT else "too large for a number"
            meant = f"geomspace with [{a!r}, {b!r}, {count}]" if a * b > 0 else "geomspace or linspace"
            raise ValueError(
                f"logspace takes exponents, and 10**{end!r} is {value}; for values from {a!r} to {b!r} write {meant}"
            )


def _power_of_ten(exponent: float) -> float:
    try:
        return float(f"{10.0**exponent:.12g}")
    except OverflowError:
        raise ValueError(f"10**{exponent:g} is too large for a number") from None


def _range(start: float, stop: float, step: float) -> list[Plain]:
    if step == 0:
        raise ValueError("the step of a range cannot be 0")
    with localcontext(prec=_EXACT):
        first, gap = Decimal(repr(start)), Decimal(repr(step))
        steps = (Decimal(repr(stop)) - first) / gap
        if steps <= 0:
            raise ValueError("the range is empty; from start, the step must lead towards stop")
        if steps > MOST_POINTS:
            raise ValueError(_too_many(int(steps)))
        points = [first + i * gap for i in range(int(steps.to_integral_value(ROUND_CEILING)))]
    if all(isinstance(number, int) for number in (start, stop, step)):
        return [int(point) for point in points]
    return [float(_ROUNDED.plus(point)) for point in points]


def call_of(text: str) -> tuple[str, str] | None:
    """Take `linspace(0.25, 2.5, 10)` apart into name and arguments; None if the text is no call."""
    match = _CALL.fullmatch(text)
    return (match[1], match[2]) if match else None


def is_spacing(name: str) -> bool:
    """Tell whether a name is linspace, geomspace, logspace or range."""
    return name in _USAGE


def usage_of(name: str) -> str:
    """Say how a spacing is called on the command line."""
    return _USAGE[name].replace("[", f"{name}(").replace("]", ")").replace(f"{name} takes ", "write ", 1)


def whole(points: list[Plain]) -> list[Plain]:
    """Make whole floats ints, for a key that takes whole numbers only."""
    return [int(point) if isinstance(point, float) and point.is_integer() else point for point in points]
