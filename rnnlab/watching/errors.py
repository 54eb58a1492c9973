"""What cannot be watched or recorded; each message is a sentence for the person whose model it is."""

from typing import ClassVar

from rnnlab.errors import UserError


class WatchError(UserError):
    """A model cannot be watched, or what was asked for was not seen."""

    exit_code: ClassVar[int] = 2
