"""The base of every error that is meant for the person at the terminal: its text is a sentence, never a traceback."""

from typing import ClassVar


class UserError(Exception):
    """Something the person can mend; the message says what was got, where, and what to do."""

    exit_code: ClassVar[int] = 1
