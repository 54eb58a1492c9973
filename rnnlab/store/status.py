"""status.json: how a sweep stands, renewed while it works, for people and monitors. This model is its documentation."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rnnlab.store.atomic import json_bytes, read_json, write_bytes
from rnnlab.store.errors import DamagedRunError

STATUS_FILE = "status.json"


class SweepStatus(BaseModel):
    """All that status.json says. One that is killed leaves `running`; then there is no process `pid` on `host`."""

    model_config = ConfigDict(frozen=True, strict=True, extra="allow", defer_build=True)

    pid: int = Field(description="The process that watches over the sweep.")
    host: str = Field(description="The machine that it is on.")
    started: str = Field(description="When it began, UTC, ISO 8601.")
    command: str | None = Field(description="The command; null where it was begun from Python.")
    state: Literal["running", "finished", "stopped", "ended early"] = Field(
        description="stopped: by a signal; ended early: by --max-time, --fail-fast or --max-failures."
    )
    updated: str = Field(description="When this was written, UTC, ISO 8601; every two seconds while it works.")
    total: int = Field(description="Runs of the study.")
    existed: int = Field(description="Those that were finished before.")
    made: int = Field(description="Those that it has made.")
    diverged: int = Field(description="Of those made and those that existed.")
    failed: int = Field(description="Those given up; logs/ has a file for each.")
    running: int = Field(description="Those under way.")
    share: float = Field(description="Of the work that there was to do, how much is done, from 0 to 1.")
    seconds: float = Field(description="Since it began.")
    done: int = Field(description="existed + made.")
    left: int = Field(description="total - done - failed.")
    seconds_left: float | None = Field(description="A guess at what the rest takes; null at the beginning.")
    workers: list[int | str] = Field(description="What is at work: process ids, or what the executor calls them.")


def write_status(study: Path, status: SweepStatus) -> None:
    """Put a status in the place of the one before.

    Raises:
        OSError: it cannot be written.
    """
    write_bytes(study / STATUS_FILE, json_bytes(status.model_dump()), durable=False)


def read_status(study: Path) -> SweepStatus | None:
    """Read the status of the last sweep of a study; None where there is none, or it is not whole."""
    try:
        return SweepStatus.model_validate(read_json(study / STATUS_FILE))
    except (DamagedRunError, ValidationError):
        return None
