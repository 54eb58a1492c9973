"""What people say of a run: tags and a note, in `labels.json` of its folder, which belongs to no result.

The file is no part of what run.json names: a run with labels is the same run, and labels go where its folder goes.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from rnnlab.store.atomic import json_bytes, read_json, write_bytes
from rnnlab.store.errors import DamagedRunError
from rnnlab.store.record import problem_of

LABELS_FILE = "labels.json"


class Labels(BaseModel):
    """The tags of a run, sorted, and a note."""

    model_config = ConfigDict(frozen=True, strict=True, extra="allow")

    tags: list[str] = []
    note: str = ""

    def with_tags(self, added: set[str], removed: set[str]) -> Labels:
        """Give them with other tags."""
        return self.model_copy(update={"tags": sorted((set(self.tags) | added) - removed)})

    def with_note(self, note: str) -> Labels:
        """Give them with another note."""
        return self.model_copy(update={"note": note})


def read_labels(folder: Path) -> Labels:
    """Read the labels of a run folder; most have none.

    Raises:
        DamagedRunError: the file is not what `write_labels` writes.
    """
    path = folder / LABELS_FILE
    if not path.exists():
        return Labels()
    try:
        return Labels.model_validate(read_json(path))
    except ValidationError as error:
        raise DamagedRunError(f"{path} is not what rnnlab writes: {problem_of(error)}") from None


def carry_labels(old: Path, new: Path) -> None:
    """Give a folder that is to take the place of another the labels of that: they are of the run, not of its files."""
    if (old / LABELS_FILE).exists():
        write_bytes(new / LABELS_FILE, (old / LABELS_FILE).read_bytes())


def write_labels(folder: Path, labels: Labels) -> None:
    """Write them; a run without any has no file."""
    if labels == Labels():
        (folder / LABELS_FILE).unlink(missing_ok=True)
    else:
        write_bytes(folder / LABELS_FILE, json_bytes(labels.model_dump()))
