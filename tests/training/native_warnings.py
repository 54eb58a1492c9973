"""Compiles the native engine's code with every warning an error; `make check` does so.

`python -m tests.training.native_warnings` takes GCC and Clang where they are here, or $CXX. An installation does not:
the next compiler's new warning must not keep anybody from a kernel.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.training.native_building import Target, compile_objects, compilers

WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Wsign-conversion", "-Wno-psabi", "-Werror")
"""All but one: that passing a vector between functions depends on the compiler's options is true, and never done."""


def check(compiler: str) -> None:
    """Compile everything, without optimisation, which is quick.

    Raises:
        RuntimeError: there was a warning.
    """
    with tempfile.TemporaryDirectory() as folder:
        compile_objects(Path(folder), Target(compiler, (*WARNINGS, "-O0", "-fsyntax-only")))


if __name__ == "__main__":
    for each in compilers():
        check(each)
        print(f"{each}: no warnings")
