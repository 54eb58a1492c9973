"""A file of one's own as the data of a task: found, read whole, known by its content.

The sha256 of the content stands in the config of a run and is part of its identity; the path is not. So the same data
under another path make the same run, edited data make another, and a run is never gone on with or measured with data
that are not its own.
"""

from __future__ import annotations

import functools
import hashlib
import os
import stat
import time
from abc import abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from pydantic import Field, model_validator

from rnnlab.errors import UserError
from rnnlab.tasks.task import Task
from rnnlab.words import bytes_text, nearest

Parsed = TypeVar("Parsed")

_MOST_KEPT = 4
"""Files whose content is held in memory at once: a sweep over files needs one at a time."""

_SETTLED_SECONDS = 3.0
"""A file written a moment ago may be written again without a later time, so until then it is read each time."""


class DataError(UserError, ValueError):
    """The data of a task cannot be used; the message says which key names them, what was got, and what to do."""

    exit_code: ClassVar[int] = 2

    def __init__(self, key: str, sentence: str) -> None:
        super().__init__(key, sentence)
        self.key, self.sentence = key, sentence

    def __str__(self) -> str:
        return f"task.{self.key}: {self.sentence}"


def fact(description: str, **bounds: Any) -> Any:
    """Declare a key that the file answers, for a class whose `read_from_file` names it."""
    return Field(default=None, description=f"{description}; if it is left out, what the file has.", **bounds)


class FileTask(Task):
    """A task whose sequences come from a file. A subclass says how the file is read, and gives its facts."""

    not_determining: ClassVar[frozenset[str]] = frozenset({"file"})

    file: str = Field(
        min_length=1, description="The data; a path that is not absolute begins at the config file's folder."
    )
    sha256: str = fact("The checksum of the file, which it must then have", pattern="^[0-9a-f]{64}$")

    @classmethod
    @abstractmethod
    def facts_of(cls, path: Path) -> dict[str, Any]:
        """Read the file and give the keys that it answers.

        Raises:
            DataError: it cannot be used.
        """

    @classmethod
    def complete(cls, values: Mapping[str, Any], folder: Path) -> dict[str, Any]:
        """Fill in what the file answers; where nothing is missing, as in the config of a run, it is not read.

        Raises:
            DataError: the file cannot be used, or is not what the keys say.
        """
        name = values.get("file")
        if name is None:
            raise DataError("file", "it is missing; name the file that holds the data")
        if not isinstance(name, str) or not name:
            return dict(values)  # for the key itself to refuse
        path = absolute(name, folder)
        given = {key: value for key, value in values.items() if value is not None}
        if cls.read_from_file <= given.keys():
            return {**given, "file": str(path)}
        facts = cls.facts_of(path)
        for key in sorted(cls.read_from_file & given.keys()):
            cls.compare(key, given[key], facts[key], path)
        return {**facts, **given, "file": str(path)}

    @classmethod
    def compare(cls, key: str, given: Any, found: Any, path: Path) -> None:
        """Hold a key that a person gave against the file.

        Raises:
            DataError: they differ.
        """
        if given != found:
            raise DataError(key, f"got {given}, but {path} has {found}; leave the key out, or name another file")

    @model_validator(mode="before")
    @classmethod
    def _completed(cls, values: Any) -> Any:
        """Let the class be made from Python like any other; a relative path begins at the current folder."""
        return cls.complete(values, Path.cwd()) if isinstance(values, Mapping) else values


def absolute(name: str, folder: Path) -> Path:
    """Give the path that a config means; `~` is the home folder.

    Raises:
        DataError: it cannot be a path.
    """
    try:
        return (folder / Path(name).expanduser()).resolve()
    except (OSError, ValueError, RuntimeError):
        raise DataError("file", f"got {name!r}; this cannot be the path of a file") from None


def read_facts(path: Path, parse: Callable[[bytes, Path], Parsed]) -> tuple[Parsed, str]:
    """Read a file as it is now.

    Args:
        path: absolute.
        parse: makes what is wanted of the content, and raises a DataError where it cannot.

    Returns:
        What was made, and the sha256 of the content.

    Raises:
        DataError: it cannot be read, or parsed.
    """
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):
            what = "this is a folder" if path.is_dir() else "this is no regular file"
            raise DataError("file", f"{path}: {what}; name a file")
        is_settled = time.time() - about.st_mtime > _SETTLED_SECONDS
        read = _parsed if is_settled else _parsed.__wrapped__
        return read(path, about.st_mtime_ns, about.st_size, parse)
    except OSError as error:
        raise DataError("file", _why(path, error)) from None


@functools.lru_cache(maxsize=_MOST_KEPT)
def _parsed(path: Path, _: int, size: int, parse: Callable[[bytes, Path], Parsed]) -> tuple[Parsed, str]:
    check_fits(path, size)
    content = path.read_bytes()
    return parse(content, path), hashlib.sha256(content).hexdigest()


@functools.lru_cache(maxsize=_MOST_KEPT)
def read_known(path: str, sha256: str, parse: Callable[[bytes, Path], Parsed]) -> Parsed:
    """Read the file of a config that says which content it means; what was read is kept.

    Raises:
        DataError: it has vanished, or has another content by now.
    """
    parsed, found = read_facts(Path(path), parse)
    if found != sha256:
        raise DataError(
            "file",
            f"{path} has changed: its sha256 begins with {found[:12]}, and this run's data had {sha256[:12]}. "
            "Put the data back, or train on what is there now, which is another run",
        )
    return parsed


def check_fits(path: Path, size: int) -> None:
    """See that so many bytes of data fit into the memory of this machine, if it tells.

    Raises:
        DataError: they do not.
    """
    try:
        available = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return
    if size > available:
        raise DataError(
            "file",
            f"{path} holds {bytes_text(size)} and this machine has {bytes_text(available)} of memory; "
            "name a smaller file",
        )


def _why(path: Path, error: OSError) -> str:
    match error:
        case FileNotFoundError() | NotADirectoryError():
            return f"there is no file {path}{_near(path)}"
        case PermissionError():
            return f"there is no permission to read {path}"
    return f"{path} cannot be read: {error.strerror or error}"


def _near(path: Path) -> str:
    try:
        near = nearest(path.name, [one.name for one in path.parent.iterdir() if one.is_file()])
    except OSError:
        return ""
    return f". Did you mean '{near}'?" if near else ""
