"""Where an extension comes from: the content of a file, or a package that is installed."""

from __future__ import annotations

import hashlib
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rnnlab.extensions.faults import ExtensionError
from rnnlab.words import did_you_mean, nearest

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "rnnlab.extensions"
"""The group of entry points in which an installed package names a module that declares things."""

COPIES = "extensions"
"""The folder of a run folder that holds copies of its extension files."""

_LARGEST = 10_000_000  # bytes: far above any file that a person writes


@dataclass(frozen=True)
class ExtensionSource:
    """An extension as it was read: all that is needed to load it, in this process or another.

    Attributes:
        name: `mine` of a file `mine.py`; of a package, the name of its entry point.
        stamp: what stands for it in a run's identity: the sha256 of the file, or the package with its version.
        path: the file, for messages; empty for a package.
        content: of the file; None for a package.
    """

    name: str
    stamp: str
    path: str = ""
    content: bytes | None = field(default=None, repr=False)

    @property
    def copy(self) -> str:
        """The name of its copy within a run folder, and what the config there calls it; of a package, its name."""
        return self.name if self.content is None else f"{COPIES}/{self.name}.py"

    @property
    def where(self) -> str:
        """What messages and configs call it."""
        return self.path or self.name


def is_file_name(name: str) -> bool:
    """Tell the path of a file from the name of an entry point, as a config may list both."""
    return name.endswith(".py") or "/" in name or "\\" in name


def read_file(path: Path) -> ExtensionSource:
    """Read a file.

    Raises:
        ExtensionError: it cannot be read, or is no Python file by its name.
    """
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):
            raise ExtensionError(f"{path} is {'a folder' if path.is_dir() else 'no regular file'}; name a Python file")
        if path.suffix != ".py" or about.st_size > _LARGEST:
            raise ExtensionError(f"{path} is no Python file; valid: a file whose name ends in .py")
        content = path.read_bytes()
    except OSError as error:
        raise ExtensionError(_why(path, error)) from None
    except ValueError:
        raise ExtensionError("this cannot be the path of a file") from None
    return ExtensionSource(path.stem, hashlib.sha256(content).hexdigest(), str(path), content)


def _why(path: Path, error: OSError) -> str:
    match error:
        case FileNotFoundError() | NotADirectoryError():
            return f"there is no file {path}{_near(path)}"
        case PermissionError():
            return f"there is no permission to read {path}"
    return f"{path} cannot be read: {error.strerror or error}"


def _near(path: Path) -> str:
    try:
        near = nearest(path.name, [one.name for one in path.parent.iterdir() if one.suffix == ".py"])
    except OSError:
        return ""
    return f". Did you mean '{near}'?" if near else ""


def find_package(name: str) -> ExtensionSource:
    """Find the package that is installed with an entry point of that name.

    Raises:
        ExtensionError: there is none, or more than one.
    """
    point = find_entry_point(name)
    return ExtensionSource(name, f"{point.dist.name} {point.dist.version}" if point.dist else name)


def find_entry_point(name: str) -> EntryPoint:
    """Find an entry point of the group by its name.

    Raises:
        ExtensionError: there is none, or more than one.
    """
    from importlib.metadata import entry_points  # only here: it takes its time

    known = entry_points(group=GROUP)
    found = list({(point.value, point.dist and point.dist.name): point for point in known.select(name=name)}.values())
    if len(found) > 1:
        homes = ", ".join(str(point.dist.name if point.dist else point.value) for point in found)
        raise ExtensionError(f"several packages have an extension '{name}': {homes}; uninstall all but one")
    if not found:
        names = sorted({point.name for point in known})
        valid = f"installed: {', '.join(names)}" if names else "none is installed"
        raise ExtensionError(
            f"there is no extension '{name}'; {valid}; a file's name ends in .py{did_you_mean(name, names)}"
        )
    return found[0]
