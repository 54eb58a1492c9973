"""Every byte of finished runs against the checksums in their run.json: what is damaged, missing, or not theirs."""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from rnnlab.store.atomic import read_json
from rnnlab.store.errors import DamagedRunError
from rnnlab.store.folders import RUN_FOLDER, is_run_folder, list_studies, run_folders, short_hash
from rnnlab.store.labels import LABELS_FILE
from rnnlab.store.record import RunRecord, problem_of


@dataclass(frozen=True)
class Discrepancy:
    """One thing that is not as it was written."""

    path: Path
    kind: Literal["damaged", "missing", "unexpected"]
    words: str


@dataclass(frozen=True)
class Verified:
    """One run, and what was found; nothing of a run that is whole."""

    path: Path
    findings: list[Discrepancy]

    @property
    def is_whole(self) -> bool:
        """Whether all that was written is there; what came later does no harm."""
        return all(finding.kind == "unexpected" for finding in self.findings)


def verify(path: Path) -> Iterator[Verified]:
    """Verify a run, the runs of a study, or those of every study of a runs folder; each as it is done.

    A run that the index of its study names, and that is not there, counts as one that is missing.
    """
    if is_run_folder(path):
        yield verify_run(path)
        return
    for study in [path, *list_studies(path)]:
        folders = run_folders(study)
        yield from map(verify_run, folders)
        for name in sorted(_indexed(study) - {folder.name for folder in folders}):
            gone = study / name
            yield Verified(gone, [Discrepancy(gone, "missing", "index.csv names it, and there is no such folder")])


def verify_run(folder: Path) -> Verified:
    """Compare every file of a run folder with its checksum, and look for files that are not of the run."""
    try:
        record = RunRecord.model_validate(read_json(folder / "run.json"))
    except (DamagedRunError, ValidationError, ValueError) as error:
        words = problem_of(error) if isinstance(error, ValidationError) else str(error)
        is_missing = not (folder / "run.json").exists()
        finding = Discrepancy(folder / "run.json", "missing" if is_missing else "damaged", words)
        return Verified(folder, [finding])
    findings = []
    match = RUN_FOLDER.fullmatch(folder.resolve().name)
    if match and match[1] != short_hash(record.identity):
        findings.append(
            Discrepancy(folder, "damaged", f"its run.json is of {record.identity[:12]}, and its name is not")
        )
    for name, facts in record.files.items():
        found = _verify_file(folder / name, facts.bytes, facts.sha256)
        findings += [found] if found else []
    known = {folder / name for name in (*record.files, "run.json", LABELS_FILE)}
    for parent, _, names in os.walk(folder):
        others = sorted({Path(parent) / name for name in names} - known)
        findings += [Discrepancy(path, "unexpected", "it is not of the run") for path in others]
    return Verified(folder, findings)


def _verify_file(path: Path, size: int, sha256: str) -> Discrepancy | None:
    try:
        if not path.exists():
            return Discrepancy(path, "missing", "run.json names it")
        if not path.is_file():
            return Discrepancy(path, "damaged", "it is not a file")
        if path.stat().st_size != size:
            return Discrepancy(path, "damaged", f"it has {path.stat().st_size} bytes where run.json says {size}")
        with path.open("rb") as stream:
            differs = hashlib.file_digest(stream, "sha256").hexdigest() != sha256
    except OSError as error:
        return Discrepancy(path, "damaged", f"it cannot be read: {error.strerror}")
    return (
        Discrepancy(path, "damaged", "it has changed since it was written (its checksum differs)") if differs else None
    )


def _indexed(study: Path) -> set[str]:
    """Give the runs that the index of a study names; none where it cannot be read."""
    try:
        with (study / "index.csv").open(encoding="utf-8", newline="") as stream:
            return {row["run"] for row in csv.DictReader(stream) if RUN_FOLDER.fullmatch(row.get("run") or "")}
    except (OSError, ValueError, csv.Error, KeyError):
        return set()
