"""Where a run comes from: versions, machine, commit. What a number may depend on besides its config."""

from __future__ import annotations

import functools
import os
import platform
import subprocess
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rnnlab.store import GitState


@functools.cache
def versions() -> dict[str, str]:
    """Give the versions that a result may depend on in its last digits."""
    return {
        "rnnlab": version("rnnlab"),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
    }


@functools.cache
def machine() -> dict[str, Any]:
    """Describe this machine."""
    return {
        "host": platform.node(),
        "system": f"{platform.system()} {platform.release()}",
        "processor": platform.machine(),
        "cores": os.cpu_count(),
    }


@functools.cache
def git_commit(folder: Path) -> GitState | None:
    """Give the commit checked out around a folder, and whether files differ from it; None outside a repository."""
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return None
    return GitState(commit=commit, changed=bool(changed))


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments],
        capture_output=True,
        text=True,
        timeout=5,
        check=True,
        stdin=subprocess.DEVNULL,
    )
    return done.stdout.strip()


def stamp(engine: str, device: str, details: Mapping[str, str]) -> dict[str, Any]:
    """Give all that the digits of a training depend on besides config and stack: a state is good only under the same.

    Args:
        engine: its name.
        device: its device.
        details: what else its digits depend on.
    """
    return {
        "engine": engine,
        "device": device,
        "versions": versions(),
        "processor": machine()["processor"],
        "details": dict(details),
    }
