"""Builds the native engine where there is a C++ compiler; without one the install succeeds and torch trains.

The kernel is compiled once for each instruction set and precision; the processor decides at run time which instruction
set is used. Float32 trains; float64 is the same source once more, to hold it against other implementations to 1e-12.
"""

from __future__ import annotations

import hashlib
import os
import platform
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

FOLDER = Path("rnnlab/training/native")

COMMON = ["-std=c++20", "-O3", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math"]
COMMON += ["-fno-exceptions", "-fno-rtti", "-fvisibility=hidden", "-Wno-psabi", "-g0"]

# (bytes of a vector, rows of a register tile, vectors in each row, options). A tile's sums fill half of the vector
# registers, of which SSE and AVX2 have 16, NEON and AVX-512 32; the other half is for what is multiplied. A batch is
# padded to whole tiles, so NEON's are wider, not higher. No result depends on the number of vectors in a row.
KERNELS: dict[str, tuple[int, int, int, list[str]]] = {"baseline": (16, 4, 2, [])}
if platform.machine() in ("aarch64", "arm64"):
    KERNELS["baseline"] = (16, 4, 4, [])
if platform.machine() in ("x86_64", "AMD64"):
    KERNELS["avx2"] = (32, 4, 2, ["-mavx2", "-mfma"])
    KERNELS["avx512"] = (64, 8, 2, ["-mavx512f", "-mavx512vl", "-mavx512dq", "-mfma", "-mprefer-vector-width=512"])


PRECISIONS = (32, 64)


def objects() -> dict[str, tuple[str, dict[str, str], list[str]]]:
    """Give what is to be compiled: for the name of each object its source, its macros and its options."""
    made: dict[str, tuple[str, dict[str, str], list[str]]] = {}
    for name, (vector_bytes, rows, vectors, options) in KERNELS.items():
        for precision in PRECISIONS:
            macros = {"KERNEL": name, "PRECISION": precision, "VECTOR_BYTES": vector_bytes}
            macros |= {"TILE_ROWS": rows, "TILE_VECTORS": vectors}
            texts = {macro: str(value) for macro, value in macros.items()}
            made[f"{name}_float{precision}"] = (str(FOLDER / "kernel.cpp"), texts, COMMON + options)
    made["interface"] = (str(FOLDER / "interface.cpp"), {"BUILD": f'"{fingerprint()}"'}, COMMON)
    return made


def fingerprint() -> str:
    """Tell the sources apart: twelve digits of a hash of all of them."""
    whole = hashlib.sha256()
    for path in sorted([*FOLDER.glob("*.cpp"), *FOLDER.glob("*.h")]):
        whole.update(path.read_bytes())
    return whole.hexdigest()[:12]


class BuildKernels(build_ext):
    """Compiles kernel.cpp once for each instruction set and precision."""

    def build_extension(self, ext: Extension) -> None:
        """Compile and link, as plain objects: the library has no Python in it."""
        compiled: list[str] = []
        for name, (source, macros, options) in objects().items():
            folder = str(Path(self.build_temp) / name)
            compiled += self.compiler.compile(
                [source], output_dir=folder, macros=list(macros.items()), extra_postargs=options
            )
        path = Path(self.get_ext_fullpath(ext.name))
        path.parent.mkdir(parents=True, exist_ok=True)
        self.compiler.link_shared_object(compiled, str(path), libraries=["m"], target_lang="c")


extension = Extension(
    "rnnlab.training._native",
    sources=[str(FOLDER / "kernel.cpp"), str(FOLDER / "interface.cpp")],
    depends=sorted(map(str, FOLDER.glob("*.h"))),
    optional=True,
)

setup(ext_modules=[] if os.environ.get("RNNLAB_NO_NATIVE") else [extension], cmdclass={"build_ext": BuildKernels})
