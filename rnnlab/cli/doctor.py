"""rnnlab doctor: what is installed, what this machine has, what is missing."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import typer

from rnnlab.cli import options
from rnnlab.words import bytes_text

_EXAMPLES = """\b
Examples:
  rnnlab doctor
  rnnlab doctor --json > machine.json
"""

_PACKAGES = ("rnnlab", "torch", "numpy", "pydantic", "PyYAML", "typer", "rich", "matplotlib")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=_EXAMPLES)(doctor)


def doctor(runs: options.Runs = Path("runs"), as_json: options.Json = False) -> None:
    """Say what rnnlab runs on and what is missing."""
    facts, advice = _facts(runs), _advice(runs)
    if as_json:
        print(json.dumps({**facts, "advice": advice}, indent=2))
        return
    width = max(map(len, facts))
    for name, value in facts.items():
        print(f"{name:<{width}}  {value if value is not None else 'missing'}")
    print()
    print("\n".join(advice) if advice else "Nothing is missing.")


def _facts(runs: Path) -> dict[str, Any]:
    import torch

    from rnnlab.studies.executors.local import core_count

    facts: dict[str, Any] = {"python": platform.python_version()}
    facts |= {name: _version(name) for name in _PACKAGES}
    return facts | {
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cores": core_count(),
        "memory": bytes_text(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")),
        "threads": f"1 used by rnnlab, {torch.get_num_threads()} by PyTorch alone",
        "instructions": f"{torch.backends.cpu.get_cpu_capability()} in PyTorch",
        "engine": _engine(),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu (no CUDA device)",
        "runs": os.path.realpath(runs),
        "free disk": bytes_text(shutil.disk_usage(_existing_parent(runs)).free),
        "git": shutil.which("git"),
    }


def _engine() -> str:
    """Say what --engine auto takes on the CPU."""
    from rnnlab.training import make_engine

    engine = make_engine()
    return ", ".join([engine.name, *engine.details.values()])


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _existing_parent(path: Path) -> Path:
    path = Path(os.path.realpath(path))  # which bears a link that leads to itself
    return path if path.exists() else _existing_parent(path.parent)


def _advice(runs: Path) -> list[str]:
    """Say what is missing and what to do."""
    import torch

    from rnnlab.training.native_library import missing

    reason = missing()
    advice = [f"Training takes PyTorch, which is slower by far for small nets: {reason}."] if reason else []
    if not torch.cuda.is_available() and torch.version.cuda:
        advice.append("This PyTorch is a CUDA build, but there is no CUDA device; the CPU build is far smaller.")
    if shutil.which("git") is None:
        advice.append("git is not found: runs will not name the commit they were made from.")
    if runs.is_symlink() and not runs.exists():
        advice.append(f"{runs} is a link that leads nowhere; choose another folder with --runs or RNNLAB_RUNS.")
    elif not os.access(_existing_parent(runs), os.W_OK):
        advice.append(f"{runs} cannot be written here; choose another folder with --runs or RNNLAB_RUNS.")
    if not (sys.stdout.encoding or "").lower().replace("-", "").startswith("utf"):
        advice.append("stdout is not UTF-8: bars are drawn with plain signs; set PYTHONUTF8=1 for better ones.")
    return advice
