"""Single files: written so that they are whole, read so that damage is a sentence."""

from __future__ import annotations

import csv
import errno
import io
import json
import math
import os
import socket
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from rnnlab.store.errors import DamagedRunError
from rnnlab.words import escaped

if TYPE_CHECKING:
    import numpy as np


_FORMULA = ("=", "+", "-", "@", "\t", "\r")

_LONGEST_JSON = 2**22
"""No run.json comes near it, and to read it takes no noticeable memory."""


def write_bytes(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Write a file beside its name and rename it, so that a reader sees all of it or the one before.

    `durable` waits until it is on the disk, so that it also survives a power cut.
    """
    write_pieces(path, [content], durable=durable)


def write_pieces(path: Path, pieces: Iterable[bytes], *, durable: bool = True) -> None:
    """Write what need not stand in memory as a whole, as `write_bytes` does."""
    temporary = path.with_name(temporary_name(path.name))
    try:
        with temporary.open("wb") as stream:
            stream.writelines(pieces)
            if durable:
                stream.flush()
                os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError as error:
        _remove(temporary)
        raise OSError(error.errno, error.strerror, str(path)) from None  # the name that the person knows
    except BaseException:
        _remove(temporary)
        raise


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)


def temporary_name(name: str) -> str:
    """Give the hidden name under which this process writes a file: it tells who, so that a leftover can be known."""
    return f".{name}.{os.getpid()}@{socket.gethostname()}"


def make_folder(path: Path) -> None:
    """Make a folder and those above it, and wait until the new names are on the disk."""
    if path.is_dir():
        return
    if path.parent != path:
        make_folder(path.parent)
    path.mkdir(exist_ok=True)
    with suppress(OSError):  # a folder above may be another's, to be passed through and not to be read
        sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def npz_bytes(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Lay arrays out as an npz archive; the same arrays give the same bytes (numpy writes no dates)."""
    import numpy as np

    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, **arrays)
    return stream.getvalue()


def read_npz(path: Path, names: Sequence[str] | None = None) -> dict[str, np.ndarray]:
    """Read the arrays of an npz archive, or some of them; each is checked against its checksum in the archive.

    Nothing is allocated that the file does not hold: an archive may claim any shape.

    Raises:
        DamagedRunError: the file is missing, cut short or not such an archive.
    """
    with _members(path) as (archive, members):
        missing = [name for name in names or () if name not in members]
        if missing:
            raise ValueError(f"it has no array '{missing[0]}'")
        return {name: _read_member(archive, members[name]) for name in (members if names is None else names)}


def read_npz_shapes(path: Path, names: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Read only the shapes of some arrays of an npz archive, those that it has.

    Raises:
        DamagedRunError: the file is missing, cut short or not such an archive.
    """
    shapes = {}
    with _members(path) as (archive, members):
        for name in names:
            if name in members:
                with archive.open(members[name]) as stream:
                    shapes[name] = _read_header(stream, members[name])[0]
    return shapes


@contextmanager
def _members(path: Path) -> Iterator[tuple[zipfile.ZipFile, dict[str, zipfile.ZipInfo]]]:
    """Open an archive whose arrays lie in it as they are: rnnlab compresses nothing, so nothing may unfold."""
    with _sentences(path), _open_regular(path) as stream, zipfile.ZipFile(stream) as archive:
        infos = archive.infolist()
        stored = all(
            info.compress_type == zipfile.ZIP_STORED and info.file_size == info.compress_size for info in infos
        )
        if not stored or sum(info.file_size for info in infos) > os.fstat(stream.fileno()).st_size:
            raise ValueError("its arrays are not stored as rnnlab stores them")
        yield archive, {info.filename.removesuffix(".npy"): info for info in infos}


def _read_header(stream: IO[bytes], info: zipfile.ZipInfo) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Read shape, whether columns come first, and type of an array, which must account for all that follows."""
    from numpy.lib import format as npy

    is_old = npy.read_magic(stream) == (1, 0)
    shape, by_column, dtype = (npy.read_array_header_1_0 if is_old else npy.read_array_header_2_0)(stream)
    if dtype.hasobject or any(size < 0 for size in shape):
        raise ValueError(f"'{info.filename}' is no array of numbers or words")
    if math.prod(shape) * dtype.itemsize != info.file_size - stream.tell():
        raise ValueError(f"'{info.filename}' is not as long as its shape {shape} says")
    return shape, by_column, dtype


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> np.ndarray:
    import numpy as np

    with archive.open(info) as stream:
        shape, by_column, dtype = _read_header(stream, info)
        content = np.empty(info.file_size - stream.tell(), dtype=np.uint8)
        stream.readinto(content)  # type: ignore[attr-defined]
        if stream.read(1):
            raise ValueError(f"'{info.filename}' is longer than its header says")
    array = content.view(dtype) if content.size else np.empty(0, dtype)
    return array.reshape(shape, order="F" if by_column else "C")


def _open_regular(path: Path) -> IO[bytes]:
    """Open a file for reading; a pipe or a device in its place would be waited for."""
    if path.exists() and not path.is_file() and not path.is_dir():
        raise OSError(errno.EINVAL, "it is a pipe or a device", str(path))
    return path.open("rb")


@contextmanager
def _sentences(path: Path) -> Iterator[None]:
    """Make a sentence of whatever is wrong with an archive."""
    try:
        yield
    except FileNotFoundError:
        raise DamagedRunError(f"{path} is missing") from None
    except OSError as error:
        raise DamagedRunError(f"{path} cannot be read: {error.strerror or error}") from None
    except Exception as error:  # damaged bytes come out of zipfile and numpy as almost any exception
        raise DamagedRunError(f"{path} is damaged ({error})") from None


def json_bytes(value: Any) -> bytes:
    """Lay a value out as JSON for people, with null for what is not finite: JSON has no other word for it."""
    text = json.dumps(_finite(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    return text.encode(errors="backslashreplace")  # half a character, of a name that is not UTF-8: JSON's own escape


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not -float("inf") < value < float("inf"):
        return None
    return value


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        DamagedRunError: the file is missing, cut short or something else.
    """
    try:
        with _open_regular(path) as stream:
            content = stream.read(_LONGEST_JSON + 1)
        if len(content) > _LONGEST_JSON:
            raise DamagedRunError(f"{path} is damaged (it is longer than {_LONGEST_JSON} bytes)")
        value = json.loads(content)
    except FileNotFoundError:
        raise DamagedRunError(f"{path} is missing") from None
    except OSError as error:
        raise DamagedRunError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise DamagedRunError(f"{path} is damaged (it is not the JSON that rnnlab writes)") from None
    if not isinstance(value, dict):
        raise DamagedRunError(f"{path} is damaged (it holds no JSON object)")
    return value


def csv_text(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Lay rows out as CSV; None becomes an empty cell, and no text is one that a spreadsheet would compute."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(map(csv_cell, header))
    writer.writerows(map(csv_cell, row) for row in rows)
    return stream.getvalue()


def csv_cell(value: Any) -> Any:
    """Give a cell as it may stand in CSV: text that begins like a formula gets the quote by which it stays text."""
    if not isinstance(value, str):
        return value
    return escaped(f"'{value}" if value.startswith(_FORMULA) else value, keep="\n")
