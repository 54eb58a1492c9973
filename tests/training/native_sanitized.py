"""Runs the native engine's code under the address and undefined-behaviour sanitizers, over odd sizes.

`python -m tests.training.native_sanitized` builds tests/training/native_driver.cpp with the kernel, and runs it.
"""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

ROOT = Path(__file__).parents[2]
SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer", "-g", "-O1"]


def compiler() -> str | None:
    """Give the C++ compiler of this machine."""
    return os.environ.get("CXX") or shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")


def build_settings() -> dict[str, Any]:
    """Read setup.py without setting anything up."""
    with mock.patch("setuptools.setup"):
        return runpy.run_path(str(ROOT / "setup.py"))


def run(folder: Path) -> str:
    """Build in a folder and run; gives what the driver says."""
    settings = build_settings()
    sources = ROOT / "rnnlab" / "training" / "native"
    builds = [
        [
            *(sources / "kernel.cpp", "-o", folder / f"{name}.o", *options),
            *(f"-DKERNEL={name}", f"-DVECTOR_BYTES={vector_bytes}", f"-DTILE_ROWS={rows}"),
        ]
        for name, (vector_bytes, rows, options) in settings["KERNELS"].items()
    ]
    builds.append([sources / "interface.cpp", "-o", folder / "interface.o", '-DBUILD="sanitized"'])
    builds.append([Path(__file__).with_name("native_driver.cpp"), "-o", folder / "driver.o", f"-I{sources}"])
    common = [option for option in settings["COMMON"] if not option.startswith(("-O", "-g"))]
    processes = [
        subprocess.Popen([str(compiler()), "-c", *map(str, build), *common, *SANITIZE], text=True) for build in builds
    ]
    codes = [process.wait() for process in processes]
    if any(codes):
        raise RuntimeError("the sanitized kernel does not compile")
    program = folder / "driver"
    objects = [str(path) for path in sorted(folder.glob("*.o"))]
    subprocess.run([str(compiler()), *objects, "-o", str(program), *SANITIZE], check=True)
    done = subprocess.run([str(program)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    return done.stdout.strip()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        print(run(Path(temporary)))
    sys.exit(0)
