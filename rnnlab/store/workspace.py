"""A run in the making: a hidden folder that its owner holds by a kernel lock, and the one rename that finishes it.

The lock is on the folder itself (flock), so it falls with its holder, however that dies, and leaves nothing to
remove. Inside: `owner.json` (who), `state-<step>.npz` (how far), `made-<checksum>/` (the finished files, until renamed)
and, while --force replaces a run, the mark `replacing` and then the old folder. The checksum is that of the new
run.json: when it is that of the run in its place, the replacement is done.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rnnlab.store.atomic import (
    json_bytes,
    npz_bytes,
    read_npz,
    sync_folder,
    write_bytes,
)
from rnnlab.store.errors import DamagedRunError
from rnnlab.store.folders import folder_hashes, short_hash
from rnnlab.store.labels import carry_labels
from rnnlab.store.locks import lock_folder, this_owner
from rnnlab.store.record import RunRecord
from rnnlab.store.replacing import finish_replacing, take_place

if TYPE_CHECKING:
    import numpy as np

_PATIENCE_SECONDS = 0.5
"""Another start may hold a workspace for an instant, to see whether it is left over: worth waiting for."""

_REPLACING = "replacing"
"""The mark of a workspace in which --force makes a finished run again."""

_HEXADECIMAL = re.compile(r"[0-9a-f]{12,64}")
_STATE = re.compile(r"state-(\d+)\.npz")
_MADE = re.compile(r"(?:made|replaced)-([0-9a-f]{12})")


class Workspace:
    """The right to make one run. Use it as a context manager; what is unfinished stays for the next start."""

    def __init__(self, study: Path, identity: str, label: str, *, patience: float = _PATIENCE_SECONDS) -> None:
        self.study, self.identity, self.label = study, identity, label
        self._patience = patience
        self._is_settled = False
        if not _HEXADECIMAL.fullmatch(identity):  # it becomes a name: nothing that leads elsewhere, no empty one
            raise DamagedRunError(f"{study}: {identity!r:.80} is no identity of a run")
        self.path = study / f".{short_hash(identity)}"
        self._lock: int | None = None

    def __enter__(self) -> Workspace:
        """Take the lock.

        Raises:
            RunBusyError: another process holds it; the message says who.
        """
        self._lock = lock_folder(self.path, patience=self._patience)
        try:
            write_bytes(self.path / "owner.json", json_bytes(this_owner().model_dump()), durable=False)
            self._clear()
        except BaseException:
            self.__exit__()  # a full disk must not leave it locked for as long as this process lives
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Give the lock back."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def save_state(self, step: int, arrays: Mapping[str, np.ndarray], *, durable: bool = True) -> None:
        """Keep how far the run has come; older states stay until `drop_states`.

        Args:
            step: how far.
            arrays: what is kept.
            durable: wait until it is on the disk. One that is not may be damaged after a power cut, and is then passed
                over: older states must stay beside it.
        """
        write_bytes(self.path / f"state-{step}.npz", npz_bytes(arrays), durable=durable)

    def settle(self) -> None:
        """Wait until the names of the saved states are on the disk; then older ones may go."""
        if not self._is_settled:
            sync_folder(self.study)  # the workspace's own name
            self._is_settled = True
        sync_folder(self.path)

    def state_steps(self) -> list[int]:
        """Give the steps of the saved states, the latest first."""
        names = (_STATE.fullmatch(path.name) for path in self.path.iterdir())
        return sorted((int(match[1]) for match in names if match), reverse=True)

    def load_state(self, step: int) -> dict[str, np.ndarray]:
        """Read a saved state.

        Raises:
            DamagedRunError: it is damaged.
        """
        return read_npz(self.path / f"state-{step}.npz")

    def latest_state(self) -> int:
        """Give the step of the latest state that is whole; 0 without any."""
        for step in self.state_steps():
            with suppress(DamagedRunError):
                self.load_state(step)
                return step
        return 0

    def drop_states(self, *, keep: int | None = None) -> None:
        """Remove the saved states, but for the one of step `keep`."""
        for step in self.state_steps():
            if step != keep:
                (self.path / f"state-{step}.npz").unlink()

    @property
    def is_replacing(self) -> bool:
        """Whether its states are those of a run that --force makes again."""
        return (self.path / _REPLACING).exists()

    def begin_replacing(self) -> None:
        """Start afresh, unless the states here are those of an interrupted replacement."""
        if not self.is_replacing:
            self.drop_states()
            write_bytes(self.path / _REPLACING, b"")
            self.settle()

    def discard(self) -> None:
        """Remove the workspace and all in it; first what a start would go on from, so that no half of that is left."""
        self._forget()
        shutil.rmtree(self.path)

    def _forget(self) -> None:
        self.drop_states()
        (self.path / _REPLACING).unlink(missing_ok=True)

    def publish(self, files: Mapping[str, bytes], record: RunRecord, *, replacing: Path | None = None) -> Path:
        """Write the finished folder and give it its final name in one rename.

        Args:
            files: the content of every file but run.json.
            record: what run.json says, of these files too.
            replacing: the folder of an earlier run with this identity, whose place and name this one takes.

        Returns:
            The folder.
        """
        run_json = json_bytes(record.to_json())
        folder = self.path / f"made-{_checksum(run_json)}"
        folder.mkdir()
        for name, content in files.items():
            (folder / name).parent.mkdir(exist_ok=True)  # of copies, which have a folder of their own
            write_bytes(folder / name, content)
        write_bytes(folder / "run.json", run_json)
        if replacing:
            carry_labels(replacing, folder)
        sync_folder(folder)
        final = replacing or self.study / f"{self.label}-{short_hash(self.identity)}"
        if replacing:
            take_place(folder, final, self.path / folder.name.replace("made", "replaced"))
        else:
            folder.rename(final)
        sync_folder(self.study)
        with suppress(OSError):  # the run is published; what is left over, the next start removes
            self.discard()
        return final

    def _clear(self) -> None:
        """Bring to its end what was interrupted after its last decisive step, and remove what it left."""
        if self.is_replacing and self._has_replaced():
            self._forget()
        for path in self.path.iterdir():
            with suppress(OSError):  # what cannot be removed is in nobody's way: every name is new
                if _MADE.fullmatch(path.name):
                    shutil.rmtree(path)
                elif path.name.startswith("."):  # a file in the writing: its writer held the lock
                    path.unlink()

    def _has_replaced(self) -> bool:
        """Tell whether the run that --force made again has its name already."""
        short = short_hash(self.identity)
        if finish_replacing(self.study, short, self.path / "replaced-000000000000"):
            return True
        made = {match[1] for match in map(_MADE.fullmatch, os.listdir(self.path)) if match}  # noqa: PTH208 (names)
        folder = folder_hashes(self.study).get(short) if made else None
        with suppress(OSError):
            return folder is not None and _checksum((folder / "run.json").read_bytes()) in made
        return False


def _checksum(run_json: bytes) -> str:
    return hashlib.sha256(run_json).hexdigest()[:12]
