"""A config file as text: everything that can be wrong with a file before its first key is read."""

from __future__ import annotations

import codecs
import os
import re
import stat
from pathlib import Path

from rnnlab.config.errors import ConfigError, Diagnostic
from rnnlab.shipped import shipped_configs
from rnnlab.words import nearest

LARGEST_FILE = 1_000_000  # bytes: far above any config, far below what would be slow to read
_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # what YAML counts as the end of a line


def read_text(path: str | os.PathLike[str]) -> str:
    """Read a config file.

    Raises:
        ConfigError: if it cannot be read, or is no text in UTF-8.
    """
    source = os.fspath(path)
    try:
        content = _content(Path(source))
    except OSError as error:
        raise _failure(source, _reason(Path(source), error)) from None
    except ValueError:
        raise _failure(source, "this cannot be the name of a file") from None
    if len(content) > LARGEST_FILE:
        raise _failure(source, f"the file is larger than {LARGEST_FILE // 1_000_000} MB, too large for a config")
    return _decoded(source, content)


def _content(path: Path) -> bytes:
    """Read at most one byte too many. Only a regular file is opened: a pipe would wait for ever."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise IsADirectoryError if path.is_dir() else OSError("it is not a regular file")
    with path.open("rb") as file:
        return file.read(LARGEST_FILE + 1)


def _reason(path: Path, error: OSError) -> str:
    match error:
        case FileNotFoundError():
            return "there is no such file" + _near_file(path)
        case PermissionError():
            return "there is no permission to read this file"
        case IsADirectoryError():
            return "this is a folder; name a YAML file in it"
        case NotADirectoryError():
            return "there is no such file: a part of its path is not a folder"
    return f"the file cannot be read: {error.strerror or error}"


def _near_file(path: Path) -> str:
    try:
        names = [one.name for one in path.parent.iterdir() if one.suffix in {".yaml", ".yml"}]
    except OSError:
        names = []
    near = nearest(path.name, names)
    if near:
        return f". Did you mean '{path.with_name(near)}'?"
    shipped = nearest(path.stem.replace("-", "_"), shipped_configs())
    return f". Did you mean '{shipped}', which comes with rnnlab?" if shipped else ""


def _decoded(source: str, content: bytes) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise _failure(source, "the file is written in UTF-16; save it as UTF-8")
    content = content.removeprefix(codecs.BOM_UTF8)
    if b"\0" in content:
        raise _failure(source, "this is a binary file, not YAML text")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        before = content[: error.start].decode()
        raise _failure(source, "this byte is not text in UTF-8; save the file as UTF-8", *place(before)) from None


def place(before: str) -> tuple[int, int]:
    """Give the line and column, from 1, of what follows the text."""
    ends = [end.end() for end in _BREAK.finditer(before)]
    return len(ends) + 1, len(before) - (ends[-1] if ends else 0) + 1


def _failure(source: str, message: str, line: int | None = None, column: int | None = None) -> ConfigError:
    return ConfigError([Diagnostic(message, source, line, column)])
