"""A figure of several runs: what was asked for, and which axis of the sweep then goes where."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Wish:
    """What was asked for; None leaves the choice to us."""

    kind: str | None = None
    x: str | None = None
    y: str | None = None
    hue: str | None = None
    panel: str | None = None

    def given(self) -> dict[str, str]:
        """Give the choices that were made."""
        return {field.name: value for field in fields(self) if (value := getattr(self, field.name)) is not None}


@dataclass(frozen=True)
class Placing:
    """One figure of a sweep: axes by their keys, numbers by their names."""

    kind: str
    x: str | None
    y: str | None
    hue: str | None
    panel: str | None
    summaries: tuple[str, ...] = ()
