"""Small finished runs, made by the real store without any training; and processes that hold a workspace."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from rnnlab.store import RunRecord, Workspace, file_facts
from rnnlab.store.atomic import npz_bytes

METRICS = {
    "loss": np.array([0.5, 0.25], dtype=np.float32),
    "step": np.array([0, 2]),
    "probe_loss": np.array([0.6, 0.3]),
    "param_names": np.array(["weight_hh_l0", "bias_l0"]),
}


def identity_of(seed: int) -> str:
    """Give an identity that looks like a real one."""
    return hashlib.sha256(str(seed).encode()).hexdigest()


def make_info(identity: str, **changes: Any) -> dict[str, Any]:
    """Give what run.json says, but for the files."""
    info: dict[str, Any] = {
        "format": 1,
        "status": "completed",
        "flags": [],
        "diverged_at": None,
        "floors": {"predict zero": 0.1},
        "summary": {"final_loss": 0.25, "loss_over_floor": 2.5, "final_gradient_slope": 0.5},
        "identity": identity,
        "name": "study",
        "label": "default",
        "seed": 0,
        "config": {"name": "study", "seed": 0, "model": {"hidden_size": 4, "weight_scale": 1.0}},
        "started": "2026-01-01T00:00:00.000+00:00",
        "finished": "2026-01-01T00:00:01.000+00:00",
        "seconds": 1.0,
        "seconds_measuring": 0.5,
        "stack": {"size": 1, "slot": 0},
        "engine": "torch",
        "device": "cpu",
        "threads": 1,
        "command": None,
        "git": None,
        "versions": {"rnnlab": "0.1.0"},
        "machine": {"host": "here", "system": "s", "processor": "p", "cores": 2, "instructions": "i"},
    }
    return info | changes


def make_files(metrics: Mapping[str, np.ndarray] = METRICS) -> dict[str, bytes]:
    """Give the content of every file but run.json."""
    weights = {"final/weight_hh_l0": np.eye(2, dtype=np.float32)}
    return {
        "config.yaml": b"name: study\n",
        "metrics.npz": npz_bytes(metrics),
        "weights.npz": npz_bytes(weights),
    }


def make_record(files: Mapping[str, bytes], info: Mapping[str, Any]) -> RunRecord:
    """Give the record of such files, and of what else run.json says."""
    return RunRecord(**info, files={name: file_facts(content) for name, content in files.items()})


def make_run(study: Path, seed: int = 0, label: str = "default", **changes: Any) -> Path:
    """Publish a run as `run_one` does."""
    identity = identity_of(seed)
    with Workspace(study, identity, label) as workspace:
        info = make_info(identity, **{"label": label, "seed": seed} | changes)
        return workspace.publish(make_files(), make_record(make_files(), info))


def edit_info(folder: Path, **changes: Any) -> None:
    """Change run.json behind the store's back."""
    path = folder / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Give the bytes and the time of change of every file below a folder."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


_HOLD = """
import sys
from pathlib import Path
from rnnlab.store import RunRecord, Workspace, file_facts
with Workspace(Path(sys.argv[1]), sys.argv[2], "default"):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def holder(study: Path, identity: str) -> Iterator[subprocess.Popen[str]]:
    """Let another process hold a workspace, until its stdin is closed or it is killed."""
    command = [sys.executable, "-c", _HOLD, str(study), identity]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()
