"""The library that puts faults in: built where there is a C compiler, loaded before all others, armed from Python."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).with_name("shim.c")
COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")

_ONCE, _KILL, _TEAR, _SIGNAL, _ALWAYS = 1, 2, 3, 4, 5


@dataclass(frozen=True)
class Kind:
    """A kind of fault."""

    name: str
    what: int
    error: int = 0


KINDS = (
    Kind("kill", _KILL),
    Kind("torn write", _TEAR),
    Kind("SIGTERM", _SIGNAL),
    *(Kind(name, _ONCE, getattr(errno, name)) for name in ("ENOSPC", "EIO", "ESTALE", "EINTR", "ENOLCK")),
    *(Kind(f"{name} from there on", _ALWAYS, getattr(errno, name)) for name in ("ENOSPC", "EROFS", "EDQUOT", "EACCES")),
)


def build(folder: Path) -> Path:
    """Compile the library."""
    assert COMPILER is not None
    library = folder / "shim.so"
    command = [COMPILER, "-O1", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", "-o", str(library), str(SOURCE)]
    subprocess.run([*command, "-ldl"], check=True)
    return library


def start_under(library: Path, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run this package's command under the library."""
    return subprocess.run(
        [sys.executable, "-m", "tests.faults", *arguments],
        env={**os.environ, "LD_PRELOAD": str(library)},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )


def arm(root: Path, number: int, kind: Kind | None) -> None:
    """Begin to count what is done below a folder; the n-th of it does not succeed, with None all of it does."""
    library = ctypes.CDLL(None)
    what, error = (kind.what, kind.error) if kind else (0, 0)
    library.fault_arm(os.fsencode(root), ctypes.c_long(number), what, error)


def counted() -> int:
    """Give how much was done since it was armed."""
    function = ctypes.CDLL(None).fault_count
    function.restype = ctypes.c_long
    return int(function())
