"""Text for a terminal and for pipes: numbers, aligned tables, bars. One renderer serves both."""

from __future__ import annotations

import math
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from rnnlab.words import escaped

_PRINTED = "\n\t\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}"

MISSING = "-"
_PLAIN_WIDTH = 80
_MOST_DIGITS = 17  # tell any two numbers apart
_LEAST_WIDTH = 28  # of a first column that is shortened
_FOLDED = "    "  # what the further lines of a folded row begin with

_LOUD, _PLAIN = "\ufdd0", "\ufdd1"
"""Around what stands out: characters that no text has, and that a cell shows as escapes (`printable`)."""

_COLOURS = {_LOUD: "\x1b[1;31m", _PLAIN: "\x1b[0m"}


def number(value: float | None, digits: int = 3) -> str:
    """Write a number with so many significant digits, in at most nine characters: 0.118, 1.2e-05, inf."""
    if value is None:
        return MISSING
    if math.isnan(value) or math.isinf(value) or value == 0:
        return f"{value:g}"
    if 1e-3 <= abs(value) < 10**digits:
        return f"{value:.{digits}g}"
    return f"{value:.{digits - 1}e}"


_SHA256 = re.compile("[0-9a-f]{64}")

_SHOWN_DIGITS = 12
"""Of a checksum: as many as in the names of folders."""


def cell(value: Any) -> str:
    """Write one value of a table."""
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str) and _SHA256.fullmatch(value):
        return value[:_SHOWN_DIGITS]
    return number(value) if isinstance(value, float) else printable(str(value))


class Number(str):
    """A number that is written already, for a column of numbers."""

    __slots__ = ()


def values(several: Sequence[Any]) -> list[str]:
    """Write the values of an axis: numbers with so many digits, three at least, that what differs looks different."""
    different = {value for value in several if isinstance(value, float)}
    for digits in range(3, _MOST_DIGITS):
        if len({number(value, digits) for value in different}) == len(different):
            break
    return [number(value, digits) if isinstance(value, float) else cell(value) for value in several]


def printable(text: str) -> str:
    """Write what would steer a terminal as escapes; a name of a folder may hold anything."""
    return escaped(text, keep="\n")


class PlainStream:
    """A stream to which nothing is written that would steer a terminal, whoever writes; else it is the stream."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, written: str) -> int:
        """Write text, with escapes for what is not printed; tells how many characters that are."""
        plain = escaped(written, keep=_PRINTED + _LOUD + _PLAIN)
        if _LOUD in plain or _PLAIN in plain:
            in_colour = is_terminal(self._stream) and not os.environ.get("NO_COLOR")
            for mark, colour in _COLOURS.items():
                plain = plain.replace(mark, colour if in_colour else "")
        self._stream.write(plain)
        return len(written)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def tell(message: str) -> None:
    """Say something to the person, on stderr; on a terminal in lines that fit it, broken between words."""
    print(wrapped(printable(message), terminal_width(sys.stderr)), file=sys.stderr)


def wrapped(message: str, width: int | None) -> str:
    """Break the lines that are longer than the width; what goes on is indented. None breaks nothing: for logs."""
    return "\n".join(line if width is None else _wrapped_line(line, width) for line in message.split("\n"))


def _wrapped_line(line: str, width: int) -> str:
    if len(line) <= width:
        return line
    words = line.lstrip()
    margin = " " * (len(line) - len(words))
    wrapper = textwrap.TextWrapper(
        width,
        initial_indent=margin,
        subsequent_indent=margin + "  ",
        # A path or an option stays whole, to be copied, even where it alone is wider than the terminal.
        break_long_words=False,
        break_on_hyphens=False,
    )
    return wrapper.fill(words)


def table(
    header: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    width: int | None = None,
    indent: str = "",
    loud: Sequence[bool] | None = None,
) -> str:
    """Align columns: numbers to the right, words to the left.

    Args:
        header: the column names.
        rows: the cells, strings or numbers.
        width: shorten the first column in its middle so that lines stay within it, and where that is not enough, fold
            each line: the last columns stand below the first; None: never.
        indent: what each line begins with.
        loud: of each row, whether it should stand out on a terminal.
    """
    cells = [[cell(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *cells, strict=True)]
    folds = [range(len(widths))] if width is None else _fold(widths, width - len(indent))
    if width is not None:
        widths[0] = min(widths[0], max(_LEAST_WIDTH, width - len(indent) - sum(widths[i] + 2 for i in folds[0][1:])))
    numeric = [any(isinstance(row[i], int | float | Number) for row in rows) for i in range(len(header))]
    lines = []
    for line, stands_out in zip([list(header), *cells], [False, *(loud or [False] * len(cells))], strict=True):
        line[0] = shorten(line[0], widths[0])
        aligned = [
            text.rjust(space) if right else text.ljust(space)
            for text, space, right in zip(line, widths, numeric, strict=True)
        ]
        for fold in folds:
            margin = indent if fold is folds[0] else indent + _FOLDED
            folded = (margin + "  ".join(aligned[i] for i in fold)).rstrip()
            lines.append(f"{_LOUD}{folded}{_PLAIN}" if stands_out else folded)
    return "\n".join(lines)


def _fold(widths: Sequence[int], width: int) -> list[range]:
    """Give the columns of each line, two spaces apart; one at least."""
    folds, start, used = [], 0, min(widths[0], _LEAST_WIDTH)
    for i in range(1, len(widths)):
        if used + 2 + widths[i] > width:
            folds.append(range(start, i))
            start, used = i, len(_FOLDED) + widths[i]
        else:
            used += 2 + widths[i]
    return [*folds, range(start, len(widths))]


def shorten(text: str, width: int) -> str:
    """Cut the middle out of a text that is too long."""
    if len(text) <= width:
        return text
    tail = (width - 1) // 2
    return text[: width - 1 - tail] + "~" + text[len(text) - tail :]


def bar(share: float, width: int, stream: TextIO | None = None) -> str:
    """Draw a share between 0 and 1 as a bar, in eighths of a character where the stream can show them."""
    eighths = round(max(0.0, min(1.0, share)) * width * 8)
    if not _shows_blocks(stream or sys.stdout):
        return "#" * round(eighths / 8)
    return "█" * (eighths // 8) + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[eighths % 8]


def sparkline(values: Sequence[float], width: int, stream: TextIO | None = None) -> str:
    """Draw values as one line of at most `width` characters, from lowest to highest; what is not finite as `x`."""
    chosen = [values[round(i * (len(values) - 1) / max(1, width - 1))] for i in range(min(width, len(values)))]
    finite = [value for value in chosen if math.isfinite(value)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 0.0)
    marks = "▁▂▃▄▅▆▇█" if _shows_blocks(stream or sys.stdout) else "_.-=+*%#"
    scale = (len(marks) - 1) / (high - low) if high > low else 0.0
    return "".join(marks[round((value - low) * scale)] if math.isfinite(value) else "x" for value in chosen)


def _shows_blocks(stream: TextIO) -> bool:
    return (getattr(stream, "encoding", None) or "ascii").lower().replace("-", "").startswith("utf")


def terminal_width(stream: TextIO) -> int | None:
    """Give the width to keep to: the terminal's, or None where the output goes to a file or a pipe."""
    return shutil.get_terminal_size((_PLAIN_WIDTH, 24)).columns if is_terminal(stream) else None


def is_terminal(stream: TextIO | None) -> bool:
    """Tell whether a person reads along."""
    return stream is not None and not stream.closed and stream.isatty() and os.environ.get("TERM") != "dumb"


def duration(seconds: float) -> str:
    """Write a time: 0.8 s, 42 s, 3 min 05 s, 2 h 10 min."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
