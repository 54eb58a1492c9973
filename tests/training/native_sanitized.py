"""Runs the native engine's code under the address and undefined-behaviour sanitizers, over odd sizes.

`python -m tests.training.native_sanitized` builds tests/training/native_driver.cpp with the kernel, and runs it, with
GCC and Clang where they are here, or with $CXX. The tests also build it for Arm, and run it in an emulator.
"""

from __future__ import annotations

import os
import platform
import runpy
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

ROOT = Path(__file__).parents[2]
SANITIZE = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer", "-g", "-O1")


@dataclass(frozen=True)
class Target:
    """What the driver is built with and for, and how it is run."""

    compiler: str
    options: tuple[str, ...] = SANITIZE
    machine: str | None = None
    """Another processor than this one, as `platform.machine` names it."""
    runner: tuple[str, ...] = ()


def compilers() -> list[str]:
    """Give the C++ compilers of this machine; each looks for what the other does not."""
    named = os.environ.get("CXX")
    return [named] if named else [name for name in ("g++", "clang++") if shutil.which(name)]


def emulated_arm() -> Target | None:
    """Give what builds for 64-bit Arm and runs it here, if it is installed."""
    compiler, emulator = shutil.which("aarch64-linux-gnu-g++"), shutil.which("qemu-aarch64")
    return Target(compiler, ("-O3", "-static"), "aarch64", (emulator,)) if compiler and emulator else None


def build_settings(machine: str | None = None) -> dict[str, Any]:
    """Read setup.py without setting anything up."""
    with mock.patch("setuptools.setup"), mock.patch("platform.machine", return_value=machine or platform.machine()):
        return runpy.run_path(str(ROOT / "setup.py"))


def run(folder: Path, target: Target) -> str:
    """Build in a folder and run; gives what the driver says."""
    program = folder / "driver"
    objects = _compile(folder, target)
    subprocess.run([target.compiler, *map(str, objects), "-o", str(program), *target.options], check=True)
    done = subprocess.run([*target.runner, str(program)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    return done.stdout.strip()


def _compile(folder: Path, target: Target) -> Sequence[Path]:
    settings = build_settings(target.machine)
    sources = ROOT / "rnnlab" / "training" / "native"
    builds = {
        folder / f"{name}.o": [
            *(sources / "kernel.cpp", *options),
            *(f"-DKERNEL={name}", f"-DVECTOR_BYTES={vector_bytes}", f"-DTILE_ROWS={rows}", f"-DTILE_VECTORS={vectors}"),
        ]
        for name, (vector_bytes, rows, vectors, options) in settings["KERNELS"].items()
    }
    builds[folder / "interface.o"] = [sources / "interface.cpp", '-DBUILD="driver"']
    builds[folder / "driver.o"] = [Path(__file__).with_name("native_driver.cpp"), f"-I{sources}"]
    common = [option for option in settings["COMMON"] if not option.startswith(("-O", "-g"))]
    processes = [
        subprocess.Popen([target.compiler, "-c", *map(str, build), "-o", str(path), *common, *target.options])
        for path, build in builds.items()
    ]
    codes = [process.wait() for process in processes]
    if any(codes):
        raise RuntimeError(f"the kernel does not compile with {target.compiler}")
    return list(builds)


def losses(said: str) -> dict[str, np.ndarray]:
    """Read the last loss of each training, by instruction set, from what the driver said."""
    lines = (line.split() for line in said.splitlines()[:-1])
    return {name: np.array(numbers, dtype=np.float64) for name, *numbers in lines}


if __name__ == "__main__":
    for each in compilers():
        with tempfile.TemporaryDirectory() as temporary:
            print(f"{each}: {run(Path(temporary), Target(each)).splitlines()[-1]}")
