"""Who may talk to `explore --web`, and what may be said: everything else is refused before anything is done for it.

A page on another site can send requests to this machine, and by DNS rebinding (its own name resolved to 127.0.0.1) even
read the answers. So a request must name this machine in its Host header, come from this server's own pages (Origin),
and know the token that stands in the printed address. A message must have the fields that matplotlib's page sends,
within bounds: sizes that a screen can have, numbers that are numbers.
"""

from __future__ import annotations

import hmac
import json
import math
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

MOST_PIXELS = 16_000_000
"""Of a picture: a 5K screen. It takes 64 MB, of which a few copies are made."""

LONGEST_MESSAGE = 16 * 1024
"""Bytes; matplotlib's page sends some hundreds."""

_FIGURE = "1"
_PARTS = re.compile(
    rf"|{_FIGURE}|{_FIGURE}/ws|{_FIGURE}/download\.(png|svg|pdf)|js/mpl\.js|favicon\.ico|(_static|_images)/[\w./-]+"
)


@dataclass(frozen=True)
class Door:
    """What a request must bring.

    Attributes:
        port: that the server listens on.
        token: the part of the address that only who has seen it knows.
    """

    port: int
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    @property
    def prefix(self) -> str:
        """What every path begins with."""
        return f"/{self.token}"

    @property
    def hosts(self) -> set[str]:
        """The names of this machine, as a browser sends them."""
        names = ("127.0.0.1", "localhost", "[::1]")
        return {f"{name}:{self.port}" for name in names} | (set(names) if self.port == 80 else set())

    def refusal(self, path: str, headers: Mapping[str, str]) -> str | None:
        """Say why a request is not answered; None where it is."""
        if headers.get("Host", "").lower() not in self.hosts:
            return "this page is for browsers of this machine: open the address as rnnlab explore --web printed it"
        origin = headers.get("Origin")
        if origin is not None and origin.lower() not in {f"http://{host}" for host in self.hosts}:
            return "this page answers no other site"
        _, token, *rest = [*path.split("/", 2), ""]
        if not hmac.compare_digest(token.encode(), self.token.encode()):
            return "the address lacks its token: open it as rnnlab explore --web printed it"
        return None if _PARTS.fullmatch(rest[0]) else "there is nothing of this name here"


def _number(low: float, high: float) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise ValueError(f"{value!r:.40} is no number from {low:g} to {high:g}")
        return value

    return check


def _whole(low: int, high: int) -> Callable[[Any], Any]:
    check_range = _number(low, high)

    def check(value: Any) -> Any:
        if value != int(check_range(value)):
            raise ValueError(f"{value!r:.40} is no whole number")
        return int(value)

    return check


def _words(value: Any) -> list[str]:
    if not isinstance(value, list) or len(value) > 8 or not all(isinstance(each, str) for each in value):
        raise ValueError("there are no such keys")
    return value


def _text(pattern: str) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise ValueError(f"{value!r:.40} is not what a page sends")
        return value

    return check


_MOUSE = {
    "x": _number(-1e5, 1e5),
    "y": _number(-1e5, 1e5),
    "button": _whole(0, 15),
    "buttons": _whole(0, 31),
    "modifiers": _words,
}
_KEY = {"key": _text(r"([a-z]+\+){0,4}k.{1,32}")}
_FIELDS: dict[str, dict[str, Callable[[Any], Any]]] = {
    **{kind: {} for kind in ("supports_binary", "send_image_mode", "refresh", "ack", "draw")},
    **dict.fromkeys(("button_press", "button_release", "motion_notify", "dblclick"), _MOUSE),
    **dict.fromkeys(("figure_enter", "figure_leave"), _MOUSE),
    "scroll": {**_MOUSE, "step": _number(-1000, 1000)},
    "key_press": _KEY,
    "key_release": _KEY,
    "toolbar_button": {"name": _text("home|back|forward|pan|zoom")},
    "resize": {"width": _whole(1, 10_000), "height": _whole(1, 10_000)},
    "set_device_pixel_ratio": {"device_pixel_ratio": _number(0.25, 8)},
}
"""What matplotlib's page says, and the fields of it that are passed on."""


def read_message(text: str | bytes) -> dict[str, Any] | None:
    """Read what a page says; None for something that nobody here listens to.

    Raises:
        ValueError: it is not what a page says.
    """
    try:
        said = json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(said, dict) or not isinstance(said.get("type"), str):
        raise ValueError("it is no message")
    fields = _FIELDS.get(said["type"])
    if fields is None:
        return None
    return {"type": said["type"], **{name: check(said.get(name)) for name, check in fields.items()}}


@dataclass
class Screen:
    """The picture's size as the pages have asked for it, kept to what can be painted."""

    width: float
    height: float
    ratio: float = 1.0

    def admits(self, message: Mapping[str, Any]) -> bool:
        """Tell whether the picture stays within bounds, and take the new size over if it does."""
        width, height = message.get("width", self.width), message.get("height", self.height)
        ratio = message.get("device_pixel_ratio", self.ratio)
        if not math.prod((width, height, ratio, ratio)) <= MOST_PIXELS:
            return False
        self.width, self.height, self.ratio = width, height, ratio
        return True
