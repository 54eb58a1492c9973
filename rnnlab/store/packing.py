"""Runs in one file, to be sent to somebody: a tar archive of their folders, and back, each byte verified.

<study>/<run>/run.json, config.yaml, metrics.npz, ...   only what run.json names, and labels
"""

from __future__ import annotations

import os
import re
import shutil
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

from rnnlab.store.atomic import make_folder, temporary_name
from rnnlab.store.errors import DamagedRunError, StoreError
from rnnlab.store.folders import folder_hashes, look_at, short_hash
from rnnlab.store.index import write_index
from rnnlab.store.labels import LABELS_FILE
from rnnlab.store.verifying import verify_run

_NAME = re.compile(r"[^./\x00-\x1f][^/\x00-\x1f]*")
"""What a study, a run and a file of it may be called: nothing hidden, nothing that leads elsewhere."""

_LARGEST_MEMBER = 2**36  # bytes: no file of a run comes near it


def pack(folders: Sequence[Path], target: Path) -> int:
    """Write run folders into one archive, whole or not at all.

    Args:
        folders: of whole runs; each is verified first.
        target: the file, `.tar.gz`.

    Returns:
        How many bytes it has.

    Raises:
        DamagedRunError: a run is not whole.
    """
    for folder in folders:
        verified = verify_run(folder)
        if not verified.is_whole:
            wrong = next(found for found in verified.findings if found.kind != "unexpected")
            raise DamagedRunError(f"{wrong.path} is {wrong.kind}: {wrong.words}; nothing was packed", folder)
    make_folder(target.parent)
    temporary = target.with_name(temporary_name(target.name))
    try:
        with tarfile.open(temporary, "w:gz", compresslevel=6) as archive:
            for folder in folders:
                _add(archive, folder)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return target.stat().st_size


def _add(archive: tarfile.TarFile, folder: Path) -> None:
    names = [*look_at(folder).record.files, "run.json"]
    names += [LABELS_FILE] if (folder / LABELS_FILE).exists() else []
    within = folder.resolve()
    for name in names:
        archive.add(folder / name, f"{within.parent.name}/{within.name}/{name}", recursive=False, filter=_anonymous)


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Leave out whose file it was: that is nobody else's business."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


@dataclass
class Unpacked:
    """What became of the runs of an archive: folders that are new, that existed, and why others were refused."""

    made: list[Path] = field(default_factory=list)
    existed: list[Path] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


def unpack(archive: Path, runs: Path) -> Unpacked:
    """Take the runs of an archive into a runs folder; each is verified before it is seen there.

    Raises:
        StoreError: the file is no such archive, or is cut short; nothing was taken.
    """
    make_folder(runs)
    waiting = runs / f".unpacking-{os.getpid()}"
    result = Unpacked()
    waiting.mkdir()
    try:
        folders = _extract(archive, waiting)
        for folder in folders:
            _take(folder, runs, result)
        for study in dict.fromkeys(made.parent for made in result.made):
            write_index(study)
    finally:
        shutil.rmtree(waiting, ignore_errors=True)
    return result


def _extract(archive: Path, waiting: Path) -> list[Path]:
    """Write the files of an archive below a folder; gives the run folders."""
    folders: dict[Path, None] = {}
    try:
        with tarfile.open(archive, "r:*") as members:
            for member, stream in _regular_files(members):
                parts = PurePosixPath(member.name).parts
                path = waiting.joinpath(*parts)
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("xb") as file:
                    shutil.copyfileobj(stream, file)
                folders[waiting.joinpath(*parts[:2])] = None
    except (tarfile.TarError, EOFError, zlib.error, FileExistsError, NotADirectoryError) as error:
        raise StoreError(
            f"{archive} is not what rnnlab pack writes, or is cut short ({error}); nothing was taken"
        ) from None
    if not folders:
        raise StoreError(f"{archive} holds no runs")
    return list(folders)


def _regular_files(archive: tarfile.TarFile) -> Iterator[tuple[tarfile.TarInfo, IO[bytes]]]:
    """Give the files of the archive.

    Raises:
        TarError: it holds something else, or a name that leads out of the folder.
    """
    for member in archive:
        if member.isdir():  # of one that was packed by hand
            continue
        parts = PurePosixPath(member.name).parts
        stream = archive.extractfile(member) if member.isfile() else None
        if stream is None or len(parts) < 3 or not all(map(_NAME.fullmatch, parts)) or member.size > _LARGEST_MEMBER:
            raise tarfile.TarError(f"'{member.name}' is no file of a run")
        yield member, stream


def _take(folder: Path, runs: Path, result: Unpacked) -> None:
    """Give a run that is whole its place, unless it is there already."""
    name = f"{folder.parent.name}/{folder.name}"
    wrong = [found for found in verify_run(folder).findings if found.path.name != LABELS_FILE]
    if wrong:
        first = wrong[0]
        result.refused.append(f"{name}: {first.path.name} is {first.kind}: {first.words}")
        return
    study = runs / folder.parent.name
    there = folder_hashes(study).get(short_hash(look_at(folder).record.identity))
    if there is not None:
        result.existed.append(there)
    elif (study / folder.name).exists():
        result.refused.append(f"{name}: another folder of this name is there")
    else:
        make_folder(study)
        folder.rename(study / folder.name)
        result.made.append(study / folder.name)
