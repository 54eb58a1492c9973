"""What cannot be watched or recorded; each message is a sentence for the person whose model it is."""

from typing import ClassVar

from rnnlab.errors import UserError


class WatchError(UserError):
    """A model cannot be watched, or what was asked for was not seen."""

    exit_code: ClassVar[int] = 2


def quoted(name: str) -> str:
    """Give the name of a module for a message; the model itself has none."""
    return f"'{name}'" if name else "the model"
