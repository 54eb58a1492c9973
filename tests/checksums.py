"""Checksums of what shipped configs give, to hold that a change which is no change of results leaves every bit.

    python -m tests.checksums          adds those of this processor and this PyTorch to checksums.json

Bits depend on the processor, on PyTorch and on the kernel's instruction set, so they are kept by a fingerprint of what
these three make of some numbers; where a fingerprint is not known, there is nothing to compare with.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from rnnlab.config import Config, config_from_mapping, load_sweep
from rnnlab.store import Run
from rnnlab.studies.run import run_one
from rnnlab.training import native_library

CONFIGS = Path(__file__).parent.parent / "configs"
FILE = Path(__file__).with_name("checksums.json")

_BATCHES, _EVERY = 40, 20
"""Updates of each run: enough to reach every line of a training and three records of a measuring, in milliseconds."""

NEWER = {"grad_zero_share", "grad_log_living", "grad_log_low", "grad_log_median", "grad_log_high"}
"""Arrays of metrics.npz that were added after the checksums were taken."""


def shipped() -> list[Path]:
    """Give the configs that come with rnnlab."""
    return sorted(CONFIGS.rglob("*.yaml"))


def fingerprint() -> str:
    """Tell apart what rounds differently: the compiled kernel, PyTorch's functions and LAPACK."""
    generator = np.random.Generator(np.random.Philox(0))
    x = torch.from_numpy(generator.standard_normal((3, 33, 33)))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        values = [x @ x, x.tanh(), x.exp(), x.log_softmax(-1), torch.linalg.svdvals(x)]
        values += [torch.view_as_real(torch.linalg.eigvals(x))]
    finally:
        torch.set_num_threads(threads)
    kernel = native_library.load()
    singles = x.numpy().astype(np.float32)
    arrays = [value.contiguous().numpy() for value in values]
    arrays += [kernel.apply(name, singles) for name in ("tanh", "sigmoid", "exp")]
    whole = hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()[:16]
    return f"{kernel.instructions} {whole}"


def first_and_last(path: Path) -> list[Config]:
    """Give the first and the last run of a config's sweep, cut short."""
    runs = [run.config for run in load_sweep(path, []).walk()]
    shortened = []
    for config in dict.fromkeys([0, len(runs) - 1]):
        content = runs[config].model_dump(mode="json", exclude={"sweep"})
        content["training"]["batches"] = min(content["training"]["batches"], _BATCHES)
        content["record"]["every"] = _EVERY
        shortened.append(config_from_mapping(content))
    return shortened


def digest(arrays: Mapping[str, np.ndarray]) -> str:
    """Give a checksum of names, types, shapes and bytes, in the order of the file."""
    whole = hashlib.sha256()
    for name, array in arrays.items():
        whole.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        whole.update(np.ascontiguousarray(array).tobytes())
    return whole.hexdigest()[:16]


def checksums_of(path: Path, runs: Path) -> list[str]:
    """Train a config's first and last run natively and give the checksums of their arrays."""
    made = [run_one(config, runs=runs, engine="native").run for config in first_and_last(path)]
    return [text for run in made for text in _both(run)]


def _both(run: Run) -> tuple[str, str]:
    metrics = {name: array for name, array in run.metrics.items() if name not in NEWER}
    return digest(metrics), digest(run.weights)


def known() -> dict[str, dict[str, list[str]]]:
    """Give the kept checksums, by fingerprint and config."""
    kept: dict[str, dict[str, list[str]]] = json.loads(FILE.read_text()) if FILE.exists() else {}
    return kept


def main() -> None:
    """Add the checksums of this machine."""
    with tempfile.TemporaryDirectory() as folder:
        made = {
            path.relative_to(CONFIGS).as_posix(): checksums_of(path, Path(folder) / str(index))
            for index, path in enumerate(shipped())
        }
    FILE.write_text(json.dumps(known() | {fingerprint(): made}, indent=1) + "\n")


if __name__ == "__main__":
    main()
