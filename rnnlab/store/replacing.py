"""How a run takes the place of an earlier one: in one step where the system can, else with one of them visible always.

Linux exchanges two names at once (renameat2, RENAME_EXCHANGE), on most of its file systems. Where it cannot, the new
run first stands beside the old one, under a name of its own, `<label>,replacing-<hash12>`; then the old one goes, and
the new one takes its name. Whoever comes after a death between these steps makes the last of them.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
import shutil
from pathlib import Path

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2  # linux/fs.h
_CANNOT = {errno.ENOSYS, errno.EINVAL, errno.EXDEV, errno.EOPNOTSUPP, errno.EPERM}
"""What a system, a file system or a container says that does not exchange; an overlay, of a folder of a lower layer."""

_BESIDE = re.compile(r"(.+),replacing(-[0-9a-f]{12})")


def exchange(first: Path, second: Path) -> bool:
    """Let two folders change names in one step; False where this system, or where they lie, cannot do it.

    Raises:
        OSError: it can, and failed.
    """
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is None:
        return False
    if renameat2(_AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second), _RENAME_EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _CANNOT:
        return False
    raise OSError(number, os.strerror(number), str(second))


def take_place(new: Path, old: Path, aside: Path) -> None:
    """Give a finished folder the name of an earlier one.

    Args:
        new: the finished folder.
        old: the one whose name it takes.
        aside: a name on the same file system that the old one may be moved to, where the two cannot be exchanged.
    """
    if not exchange(new, old):
        label, short = old.name[:-13], old.name[-13:]
        beside = old.with_name(f"{label},replacing{short}")
        new.rename(beside)
        _finish(beside, old, aside)


def finish_replacing(study: Path, short: str, aside: Path) -> bool:
    """Make the last steps of a replacement of the run with this hash that was interrupted; tells whether there was."""
    for path in study.iterdir():
        match = _BESIDE.fullmatch(path.name)
        if match and match[2] == f"-{short}":
            _finish(path, study / f"{match[1]}{match[2]}", aside)
            return True
    return False


def _finish(beside: Path, old: Path, aside: Path) -> None:
    try:
        old.rename(aside)
    except FileNotFoundError:
        pass  # it went before the interruption
    except OSError as error:
        if error.errno not in {errno.EXDEV, errno.ENOTEMPTY, errno.EEXIST}:
            raise
        aside.mkdir(exist_ok=True)  # the mark that the new run has been visible
        shutil.rmtree(old)  # what cannot be moved, as from an overlay's lower layer; the new run is there already
    beside.rename(old)
