"""Single files: written so that they are whole, read so that damage is a sentence."""

from __future__ import annotations

import csv
import io
import json
import os
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from rnnlab.store.errors import DamagedRunError

if TYPE_CHECKING:
    import numpy as np


def write_bytes(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Write a file beside its name and rename it, so that a reader sees all of it or the one before.

    `durable` waits until it is on the disk, so that it also survives a power cut.
    """
    write_pieces(path, [content], durable=durable)


def write_pieces(path: Path, pieces: Iterable[bytes], *, durable: bool = True) -> None:
    """Write what need not stand in memory as a whole, as `write_bytes` does."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
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

    Raises:
        DamagedRunError: the file is missing, cut short or not such an archive.
    """
    import numpy as np

    # Opened here, because numpy leaves a file open that it cannot read.
    with _sentences(path), path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
        return {name: archive[name] for name in (archive.files if names is None else names)}


def read_npz_shapes(path: Path, names: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Read only the shapes of some arrays of an npz archive, those that it has.

    Raises:
        DamagedRunError: the file is missing, cut short or not such an archive.
    """
    from numpy.lib import format as npy

    def read_shape(stream: IO[bytes]) -> tuple[int, ...]:
        is_old = npy.read_magic(stream) == (1, 0)
        return (npy.read_array_header_1_0 if is_old else npy.read_array_header_2_0)(stream)[0]

    with _sentences(path), zipfile.ZipFile(path) as archive:
        members = {name: f"{name}.npy" for name in names if f"{name}.npy" in archive.NameToInfo}
        shapes = {}
        for name, member in members.items():
            with archive.open(member) as stream:
                shapes[name] = read_shape(stream)
        return shapes


@contextmanager
def _sentences(path: Path) -> Iterator[None]:
    """Make a sentence of whatever is wrong with an archive."""
    try:
        yield
    except FileNotFoundError:
        raise DamagedRunError(f"{path} is missing") from None
    except PermissionError as error:
        raise DamagedRunError(f"{path} cannot be read: {error.strerror}") from None
    except Exception as error:  # damaged bytes come out of zipfile and numpy as almost any exception
        raise DamagedRunError(f"{path} is damaged ({error})") from None


def json_bytes(value: Any) -> bytes:
    """Lay a value out as JSON for people, with null for what is not finite: JSON has no other word for it."""
    return (json.dumps(_finite(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


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
        value = json.loads(path.read_bytes())
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
    """Lay rows out as CSV; None becomes an empty cell."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return stream.getvalue()
