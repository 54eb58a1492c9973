"""MPLBACKEND, which a notebook sets to what draws in its own cells, and which no command here could use.

matplotlib refuses to be imported where it does not know the name, so it is set aside before; a window asks for it.
"""

from __future__ import annotations

import os


class Backend:
    """The backend that the environment names."""

    wanted: str | None = None

    def set_aside(self) -> None:
        """Take it out of the environment."""
        self.wanted = os.environ.pop("MPLBACKEND", None)


BACKEND = Backend()
