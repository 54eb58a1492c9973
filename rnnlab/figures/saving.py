"""Where figures are written: whole or not at all, and never into a run folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rnnlab.figures.errors import FigureError, choose
from rnnlab.figures.style import render
from rnnlab.store.atomic import write_bytes

if TYPE_CHECKING:
    from rnnlab.figures.choosing import NamedFigure


@dataclass(frozen=True)
class Target:
    """A folder, and what the names of its files begin with; without a prefix they have names of their own."""

    folder: Path
    prefix: str = ""


def format_of(asked: str | None, out: str | None, formats: Sequence[str]) -> str:
    """Decide the kind of file: what was asked for, else what `--out` ends in, else the first.

    Raises:
        FigureError: there is no such format, or the name of the file says another.
    """
    ending = (out or "").rpartition(".")[2].lower()
    chosen = choose("--format", asked or (ending if ending in formats else formats[0]), formats)
    if ending in formats and ending != chosen:
        raise FigureError(f"--out: got '{out}', which ends in .{ending}, and --format says {chosen}")
    return chosen


def target_of(out: str | None, default: Path) -> Target:
    """Give where figures go: to `--out PREFIX`, or to the folder of figures beside the runs.

    A prefix that ends in a slash, or names a folder, is a folder.

    Raises:
        FigureError: it lies in a run folder.
    """
    if out is None:
        return Target(default)
    path = Path(out)
    is_folder = out.endswith("/") or path.is_dir()
    target = Target(path) if is_folder else Target(path.parent, path.name)
    for folder in (target.folder.resolve(), *target.folder.resolve().parents):
        if (folder / "run.json").exists():
            raise FigureError(
                f"--out: got '{out}', which lies in the run folder {folder}; choose a place outside of it"
            )
    return target


def save(drawn: NamedFigure, target: Target, file_format: str) -> Path:
    """Write a figure; gives its path. Folders are made, and a file of that name is replaced in one step."""
    stem = target.prefix.removesuffix(f".{file_format}")
    is_whole_name = drawn.is_alone and stem != target.prefix
    suffix = "" if is_whole_name else drawn.suffix  # so that two kinds under one prefix are two files
    name = "-".join(part for part in (stem, suffix) if part) if stem else drawn.name
    path = target.folder / f"{name}.{file_format}"
    content = render(drawn.figure, file_format)
    target.folder.mkdir(parents=True, exist_ok=True)
    write_bytes(path, content, durable=False)
    return path
