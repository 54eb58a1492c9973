"""The command as run.json keeps it: what looks like a password or a key is left out, for run folders are passed on."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Sequence

from rnnlab.words import escaped

HIDDEN = "***"

_NAME = r"[\w.-]*(?:passw(?:or)?d|secret|token|api[-_]?key|private[-_]?key|access[-_]?key|credentials?)"
_OPTION = re.compile(rf"--?{_NAME}", re.IGNORECASE)
_ASSIGNED = re.compile(rf"({_NAME}\s*[=:]\s*)[^\s&]+", re.IGNORECASE)
_IN_ADDRESS = re.compile(r"(\w+://)[^/@\s]+@")
_KNOWN = re.compile(r"\b(?:gh[pousr]_|github_pat_|glpat-|hf_|sk-|xox[abps]-|AKIA)[\w-]{8,}")


def recorded_command(arguments: Sequence[str] | None = None) -> str:
    """Give the command line of this process as it is recorded, or another one's."""
    words, is_secret = [], False
    for word in sys.argv[1:] if arguments is None else arguments:
        words.append(HIDDEN if is_secret else _without_secrets(word))
        is_secret = bool(_OPTION.fullmatch(word))
    return escaped(shlex.join(["rnnlab", *words]))


def _without_secrets(word: str) -> str:
    word = _ASSIGNED.sub(rf"\1{HIDDEN}", word)
    return _KNOWN.sub(HIDDEN, _IN_ADDRESS.sub(rf"\1{HIDDEN}@", word))
