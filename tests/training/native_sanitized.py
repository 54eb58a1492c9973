"""Runs the native engine's code under the address and undefined-behaviour sanitizers, over odd sizes.

`python -m tests.training.native_sanitized` builds tests/training/native_driver.cpp with the kernel, and runs it, with
GCC and Clang where they are here, or with $CXX. The tests also build it for Arm, and run it in an emulator.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from tests.training.native_building import Target, compile_objects, compilers

SANITIZE = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer", "-g", "-O1")


def sanitized(compiler: str) -> Target:
    """Give what builds for this processor, with the sanitizers."""
    return Target(compiler, SANITIZE)


def emulated_arm() -> Target | None:
    """Give what builds for 64-bit Arm and runs it here, if it is installed."""
    compiler, emulator = shutil.which("aarch64-linux-gnu-g++"), shutil.which("qemu-aarch64")
    return Target(compiler, ("-O3", "-static"), "aarch64", (emulator,)) if compiler and emulator else None


def run(folder: Path, target: Target, every: int = 1) -> str:
    """Build in a folder and run, all trainings or one in so many; gives what the driver says."""
    program = folder / "driver"
    objects = compile_objects(folder, target)
    subprocess.run([target.compiler, *map(str, objects), "-o", str(program), *target.options], check=True)
    done = subprocess.run([*target.runner, str(program), str(every)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    return done.stdout.strip()


def losses(said: str) -> dict[tuple[str, str], np.ndarray]:
    """Read the last loss of each training, by instruction set and precision, from what the driver said."""
    lines = (line.split() for line in said.splitlines()[:-1])
    return {(name, precision): np.array(numbers, dtype=np.float64) for name, precision, *numbers in lines}


if __name__ == "__main__":
    for each in compilers():
        with tempfile.TemporaryDirectory() as temporary:
            print(f"{each}: {run(Path(temporary), sanitized(each)).splitlines()[-1]}")
