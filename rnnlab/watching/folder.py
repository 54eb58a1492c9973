"""The run folder of a recording: written as `unfinished` while the training goes on, each time as a whole."""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import torch

from rnnlab.config import FORMAT_VERSION, label
from rnnlab.flow import GROUPS
from rnnlab.store import Machine, RunRecord, StackPlace, Workspace, file_facts, remove_leftovers, write_index
from rnnlab.store.atomic import npz_bytes
from rnnlab.studies.provenance import git_here, machine, versions
from rnnlab.watching.recording import Recording, layer_names

_LOOP = "loop of one's own"
"""What stands in run.json in the place of an engine."""


class RecordingFolder:
    """Where a recording goes. It is a run of its own: nothing else has its identity.

    Args:
        study: the study's folder.
        seed: what the training's randomness comes from.
        watched: what is watched, and how: the section of that name in the config.
        own: the person's own settings, by dotted keys: the section `own`.
        device: where the model is.

    Attributes:
        path: the run folder; None before it is first written.
        seconds_recording: what the recording has cost so far.
    """

    def __init__(self, study: Path, seed: int, watched: Mapping[str, Any], own: Mapping[str, Any], device: str) -> None:
        self._study, self._seed, self._device = study, seed, device
        self._label = label(own)
        self._config = {"name": study.name, "seed": seed, "watched": dict(watched), "own": dict(own)}
        self._started, self._since = datetime.now(UTC), time.perf_counter()
        unique = [self._config, self._started.isoformat(), uuid.uuid4().hex]
        self._identity = hashlib.sha256(json.dumps(unique, sort_keys=True).encode()).hexdigest()
        self.path: Path | None = None
        self.seconds_recording = 0.0

    def write(self, recording: Recording, status: Literal["completed", "diverged", "unfinished"]) -> None:
        """Put the whole folder in the place of the one before.

        Raises:
            OSError: the disk is full, or the folder may not be written.
            StoreError: another process holds it.
        """
        before = self.path if self.path is not None and self.path.exists() else None
        if before is None:
            self._study.mkdir(parents=True, exist_ok=True)
            remove_leftovers(self._study)
        arrays = recording.arrays()
        files = {"metrics.npz": npz_bytes(arrays)}
        summary = GROUPS["base"].summarise(arrays, {})
        record = self._record(recording, status, summary, files)
        with Workspace(self._study, self._identity, self._label) as workspace:
            self.path = workspace.publish(files, record, replacing=before)
        if before is None or status != "unfinished":
            with suppress(OSError):  # derived from the folders
                write_index(self._study)

    def _record(
        self, recording: Recording, status: str, summary: Mapping[str, float | None], files: Mapping[str, bytes]
    ) -> RunRecord:
        """Say what run.json says."""
        return RunRecord.model_validate(
            {
                "format": FORMAT_VERSION,
                "status": status,
                "flags": recording.flags(),
                "diverged_at": recording.diverged_at,
                "floors": {},
                "summary": summary,
                "name": self._study.name,
                "label": self._label,
                "seed": self._seed,
                "config": self._config,
                "watched": layer_names(recording.modules),
                "engine": _LOOP,
                "device": self._device,
                "threads": torch.get_num_threads(),
                "command": None,
                "git": git_here(),
                "versions": versions(),
                "machine": Machine(**machine(), instructions=torch.backends.cpu.get_cpu_capability()),
                "identity": self._identity,
                "started": self._started.isoformat(timespec="milliseconds"),
                "finished": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "seconds": round(time.perf_counter() - self._since, 3),
                "seconds_measuring": round(self.seconds_recording, 3),
                "stack": StackPlace(size=1, slot=0),
                "files": {name: file_facts(content) for name, content in files.items()},
            }
        )
