"""run.json: what stands beside the arrays of a run. These models write it, read it, and are its documentation.

`run.schema.json` is made from them. Keys stand in the file in the order of the fields here; a key that is not known
here, as a later version may write it, is kept.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from rnnlab.store.errors import MissingPartError


class _Object(BaseModel):
    """What all parts have in common: frozen, no conversion of types, unknown keys kept."""

    model_config = ConfigDict(frozen=True, strict=True, extra="allow")


class GitState(_Object):
    """The repository that a command was given in."""

    commit: str = Field(description="The commit that was checked out.")
    changed: bool = Field(description="Whether files that git knows differed from it.")


class Machine(_Object):
    """Where a run was made."""

    host: str = Field(description="The name of the machine.")
    system: str = Field(description="Operating system and release.")
    processor: str = Field(description="The architecture of the processor.")
    cores: int | None = Field(description="How many cores it has; null where the system does not tell.")
    instructions: str = Field(description="The instruction set that the engine used; its last digits depend on it.")


class StackPlace(_Object):
    """Whom a run was trained with."""

    size: int = Field(description="How many nets trained together.")
    slot: int = Field(description="Which of them this is, from 0.")


class FileFacts(_Object):
    """A file as it was written."""

    bytes: int = Field(description="Its size.")
    sha256: str = Field(description="Its checksum, in hexadecimal digits.")


def file_facts(content: bytes) -> FileFacts:
    """Give those of a content."""
    return FileFacts(bytes=len(content), sha256=hashlib.sha256(content).hexdigest())


class _Section(dict[str, Any]):
    """Keys and values; asked for a key that is not there, it says so."""

    def __missing__(self, key: str) -> Any:
        raise MissingPartError(f"run.json is damaged: it has no '{key}'")


_READ: dict[str, type | tuple[type, ...]] = {
    "name": str,
    "seed": int,
    "task.kind": str,
    "model.cell": str,
    "model.layers": int,
    "model.hidden_size": int,
    "training.batches": int,
}
"""Keys of the config that figures and tables read, which do not read the config as a whole."""


def _check_config(config: dict[str, Any]) -> dict[str, Any]:
    """Refuse what those who read run.json could not use: sections that are none, and values of other types."""
    for name, section in config.items():
        values = section.values() if isinstance(section, dict) else [section]
        if any(isinstance(value, dict) for value in values):
            raise ValueError(f"the section '{name}' has sections of its own")
    for key, kind in _READ.items():
        section, _, name = key.rpartition(".")
        within = config.get(section, {}) if section else config
        if not isinstance(within, dict) or (name in within and not isinstance(within[name], kind)):
            raise ValueError(f"'{key}' is of another type")
    return _Section({name: _Section(each) if isinstance(each, dict) else each for name, each in config.items()})


def _check_names(files: dict[str, FileFacts]) -> dict[str, FileFacts]:
    """Refuse files outside of the folder."""
    for name in files:
        parts = PurePosixPath(name).parts
        if not parts or ".." in parts or name.startswith("/") or "\0" in name:
            raise ValueError(f"'{name}' is no file of the folder")
    return _Section(files)


def _check_identity(identity: str) -> str:
    """Refuse what is none: folders are named after it."""
    if not re.fullmatch("[0-9a-f]{64}", identity):
        raise ValueError("it is no sha256 in hexadecimal digits")
    return identity


class RunRecord(_Object):
    """All that run.json says of a run."""

    format: int = Field(description="The version of what a config means; it enters the identity.")
    status: Literal["completed", "diverged", "unfinished"] = Field(
        description="How training ended; to diverge is a result. unfinished: recorded from a loop that goes on or died."
    )
    flags: list[str] = Field(description="`overflow`, `underflow`: what the arithmetic could not hold.")
    diverged_at: int | None = Field(description="The update whose loss was the first that is not finite; or null.")
    floors: dict[str, float] = Field(description="Losses to hold the result against, by what reaches them.")
    summary: Annotated[dict[str, float | None], AfterValidator(_Section)] = Field(
        description="The run in a few numbers, as in index.csv; null: none."
    )
    name: str = Field(description="The study, which is the folder above.")
    label: str = Field(description="What sets the run apart from the study's file, for people.")
    seed: int = Field(description="What its randomness comes from.")
    config: Annotated[dict[str, Any], AfterValidator(_check_config)] = Field(
        description="The whole config, section by section, with every default."
    )
    watched: list[str] | None = Field(
        None,
        description="Of a run recorded from somebody's own training loop: what its layers are; null where rnnlab "
        "trained it.",
    )
    engine: str = Field(description="What trained it.")
    device: str = Field(description="Where: `cpu` or `cuda`.")
    threads: int = Field(description="How many threads it used.")
    command: str | None = Field(description="The command that made it; null where it was made from Python.")
    git: GitState | None = Field(description="The repository that the command was given in; null outside of one.")
    versions: dict[str, str] = Field(description="What was installed, of what the last digits may depend on.")
    machine: Machine = Field(description="Where it was made, and what the engine says of itself.")
    identity: Annotated[str, AfterValidator(_check_identity)] = Field(
        description="The sha256 of what determines the result, in hexadecimal digits."
    )
    started: str = Field(description="When its stack was begun, UTC, ISO 8601.")
    finished: str = Field(description="When it was measured, UTC, ISO 8601.")
    seconds: float = Field(allow_inf_nan=False, description="What it took: its share of the training, and measuring.")
    seconds_measuring: float = Field(allow_inf_nan=False, description="Of these, measuring.")
    stack: StackPlace = Field(description="Which nets trained together; PyTorch's last digits depend on it.")
    files: Annotated[dict[str, FileFacts], AfterValidator(_check_names)] = Field(
        description="Every other file of the folder."
    )

    @property
    def is_watched(self) -> bool:
        """Whether it was recorded from a training loop that rnnlab does not know, and so cannot be made again."""
        return self.watched is not None

    def layer_name(self, layer: int) -> str:
        """Say which layer of the arrays it is: `layer 0`, or a name in the model that was watched."""
        return f"layer {layer}" if self.watched is None else self.watched[layer]

    def to_json(self) -> dict[str, Any]:
        """Give it as plain data, in the order of the file."""
        return self.model_dump()


def problem_of(error: ValidationError) -> str:
    """Say which key does not fit."""
    first = error.errors(include_url=False, include_context=False)[0]
    key = ".".join(map(str, first["loc"]))
    return f"'{key}' is missing" if first["type"] == "missing" else f"'{key}': {first['msg'].lower()}"
