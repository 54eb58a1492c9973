"""Builds the native engine's code by hand, with any compiler and options, from what setup.py says is to be compiled."""

from __future__ import annotations

import os
import platform
import runpy
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "rnnlab" / "training" / "native"
DRIVER = Path(__file__).with_name("native_driver.cpp")


@dataclass(frozen=True)
class Target:
    """What the code is built with and for, and how it is run."""

    compiler: str
    options: tuple[str, ...]
    machine: str | None = None
    """Another processor than this one, as `platform.machine` names it."""
    runner: tuple[str, ...] = ()


def compilers() -> list[str]:
    """Give the C++ compilers of this machine; each looks for what the other does not."""
    named = os.environ.get("CXX")
    return [named] if named else [name for name in ("g++", "clang++") if shutil.which(name)]


def compile_objects(folder: Path, target: Target) -> Sequence[Path]:
    """Compile the kernels, their interface and the driver into a folder.

    Raises:
        RuntimeError: one of them does not compile; the compiler has said why.
    """
    with mock.patch("setuptools.setup"), mock.patch("platform.machine", return_value=target.machine or _here()):
        settings = runpy.run_path(str(ROOT / "setup.py"))
    builds = dict(settings["objects"]())
    builds["driver"] = (str(DRIVER), {}, settings["COMMON"])
    commands = {
        folder / f"{name}.o": [
            *(target.compiler, "-c", source, f"-I{SOURCES}"),
            *(f"-D{macro}={value}" for macro, value in macros.items()),
            *(option for option in options if not option.startswith(("-O", "-g"))),
            *target.options,
        ]
        for name, (source, macros, options) in builds.items()
    }
    processes = [subprocess.Popen([*command, "-o", str(path)], cwd=ROOT) for path, command in commands.items()]
    codes = [process.wait() for process in processes]
    if any(codes):
        raise RuntimeError(f"the kernel does not compile with {target.compiler}")
    return list(commands)


def _here() -> str:
    return platform.machine()
