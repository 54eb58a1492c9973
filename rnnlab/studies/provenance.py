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


def git_here() -> GitState | None:
    """Give the commit around the current folder; None where there is none, or the folder was removed."""
    try:
        return git_commit(Path.cwd())
    except OSError:
        return None


@functools.cache
def git_commit(folder: Path) -> GitState | None:
    """Give the commit checked out around a folder, and whether files differ from it; None outside a repository.

    Nothing that the repository configures is executed: it may be somebody else's.
    """
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        filters = _disabled_filters(folder)
        changed = _git(folder, *filters, "status", "--porcelain", "--untracked-files=no", "--ignore-submodules=all")
    except (OSError, subprocess.SubprocessError):
        return None
    return GitState(commit=commit, changed=bool(changed))


_NOTHING_RUN = ("core.fsmonitor=false", f"core.hooksPath={os.devnull}", "core.pager=cat", "protocol.allow=never")
"""A repository can name programs for these: to watch files, after git has written something, to fetch."""


def _disabled_filters(folder: Path) -> list[str]:
    """Give options without the programs through which a repository's own configuration sends files when compared."""
    try:
        listed = _git(folder, "config", "--show-scope", "--includes", "--name-only", "--get-regexp", r"^filter\.")
    except subprocess.CalledProcessError:  # it says so where there is none
        return []
    own = (line.split(maxsplit=1)[1] for line in listed.splitlines() if line.startswith(("local", "worktree")))
    return [part for name in own for part in ("-c", f"{name}={'false' if name.endswith('.required') else ''}")]


def _git(folder: Path, *arguments: str) -> str:
    settings = [part for setting in _NOTHING_RUN for part in ("-c", setting)]
    done = subprocess.run(
        ["git", "-C", str(folder), "--no-pager", "--no-optional-locks", *settings, *arguments],
        env={**os.environ, "GIT_ALLOW_PROTOCOL": "none", "GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0"},
        capture_output=True,
        text=True,
        errors="replace",
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
