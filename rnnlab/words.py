"""Words for people, in messages of every room: what was probably meant, numbers of bytes, text that steers nothing."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

LONGEST_QUOTE = 60  # characters of a value that a message repeats
_UNITS = ["bytes", "kB", "MB", "GB", "TB"]


def nearest(name: str, valid: Iterable[str], *, least: float = 0.6) -> str | None:
    """Find the valid name that was probably meant, if one is near; case does not count.

    Args:
        name: as it was written.
        valid: the names that there are.
        least: how near it must be, from 0 to 1: more where names are anybody's and not our own.
    """
    if len(name) > LONGEST_QUOTE:
        return None
    by_lower = {one.lower(): one for one in valid}
    found = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=least)
    return by_lower[found[0]] if found else None


def unknown_name(kind: str, name: str, valid: Iterable[str], *, where: str = "") -> str:
    """Say that there is nothing of a kind by that name, what there is, and what was probably meant."""
    names = list(valid)
    return f"there is no {kind} '{name}'{where}; valid: {', '.join(names)}{did_you_mean(name, names)}"


def did_you_mean(name: str, valid: Iterable[str]) -> str:
    """Give the end of a message that names the nearest valid name; empty where none is near."""
    near = nearest(name, valid)
    return f". Did you mean '{near}'?" if near else ""


def bytes_text(count: int) -> str:
    """Write a number of bytes with two digits at least: 999 bytes, 2.9 GB, 24 GB."""
    power = min((len(str(count)) - 1) // 3, len(_UNITS) - 1)
    value = count / 1000**power
    return f"{value:.1f} {_UNITS[power]}" if power and value < 10 else f"{value:.0f} {_UNITS[power]}"


def escaped(text: str, *, keep: str = "") -> str:
    """Write control characters and lone surrogates as escapes, so that a file cannot steer a terminal.

    Args:
        text: from wherever it comes.
        keep: characters that are left as they are, such as the newline.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else c.encode("unicode_escape").decode() for c in text)
