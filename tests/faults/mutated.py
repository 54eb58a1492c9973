"""`python -m tests.faults.mutated`: damaged run folders, thousands of them, and every command that reads.

Bytes are flipped, files cut, emptied, made folders, links or pipes; values of run.json get other types; arrays get
other shapes, types and headers; and half of them get right checksums again, as who means harm would give them. Whatever
it is, a command ends in a sentence and a code, in little memory, soon.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import resource
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np

from rnnlab.cli.main import main as rnnlab
from rnnlab.cli.signals import STOP
from rnnlab.store.atomic import npz_bytes, read_npz
from rnnlab.store.record import file_facts
from rnnlab.studies.run import run_one
from tests.studies.small import small

_SLOWEST, _MOST_MEMORY = 5.0, 500_000_000  # seconds for a command; bytes that damage may cost beyond what PyTorch takes

_COMMANDS = (["show"], ["show", "--json"], ["ls"], ["export"], ["export", "--table", "loss"], ["verify"], ["diff"])
_RARE = (["plot"], ["measure"], ["train"])

_ODD: tuple[Any, ...] = (
    None, True, -1, 0, 10**400, 1.5, float("nan"), "", "x", "\x1b[31m", "../../etc/passwd", [], [1], {},
    {"a": {"b": 1}}, "elman", "lstm", 2**40,
)  # fmt: skip


class Mutator:
    """Chance, with a seed: what it does to a run folder."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def mutate(self, folder: Path) -> str:
        """Damage a folder; gives what was done."""
        kinds: list[Callable[[Path], object]] = [self._bytes, self._cut, self._record, self._record, self._arrays]
        kinds += [self._arrays, self._replace]
        done = self._random.choices(kinds, k=self._random.choice((1, 1, 1, 2, 3)))
        for kind in done:
            kind(folder)
        mended = self._random.random() < 0.5 and self._mend(folder)
        return ", ".join(kind.__name__.strip("_") for kind in done) + (", mended" if mended else "")

    def _file(self, folder: Path) -> Path | None:
        files = [path for path in sorted(folder.iterdir()) if path.is_file() and not path.is_symlink()]
        return self._random.choice(files) if files else None

    def _bytes(self, folder: Path) -> None:
        path = self._file(folder)
        content = bytearray(path.read_bytes()) if path else bytearray()
        for _ in range(self._random.randint(1, 8) if content else 0):
            content[self._random.randrange(len(content))] = self._random.randrange(256)
        if path:
            path.write_bytes(bytes(content))

    def _cut(self, folder: Path) -> None:
        path = self._file(folder)
        if path:
            os.truncate(path, self._random.randrange(path.stat().st_size + 1))

    def _replace(self, folder: Path) -> None:
        """Put something else in the place of a file."""
        path = self._file(folder)
        if path is None:
            return
        path.unlink()
        kind = self._random.randrange(5)
        if kind == 0:
            path.mkdir()
        elif kind == 1:
            os.mkfifo(path)
        elif kind == 2:
            path.symlink_to(path)
        elif kind == 3:
            path.symlink_to("/dev/zero")

    def _record(self, folder: Path) -> None:
        """Change a value of run.json, anywhere."""
        record = _read_record(folder)
        place: Any = record
        while isinstance(place, dict) and place:
            key = self._random.choice(sorted(place))
            if isinstance(place[key], dict) and place[key] and self._random.random() < 0.8:
                place = place[key]
            else:
                if self._random.random() < 0.3:
                    del place[key]
                else:
                    place[key] = self._random.choice(_ODD)
                break
        if record:
            (folder / "run.json").write_text(json.dumps(record))

    def _arrays(self, folder: Path) -> None:
        """Change an array: its shape, its type, its name; or claim another shape in its header."""
        path = folder / self._random.choice(("metrics.npz", "weights.npz"))
        try:
            arrays = read_npz(path)
        except Exception:
            return
        name = self._random.choice(sorted(arrays))
        array, kind = arrays[name], self._random.randrange(6)
        changes: list[Callable[[], np.ndarray]] = [
            lambda: array[..., :0],
            lambda: array[None],
            lambda: array.astype("U8"),
            lambda: np.concatenate([array, array]) if array.ndim else array,
            lambda: np.full(array.shape, np.nan) if array.dtype.kind == "f" else np.zeros(array.shape, np.int8),
        ]
        if kind == 5:
            del arrays[name]
        else:
            arrays[name] = changes[kind]()
        content = npz_bytes(arrays)
        if self._random.random() < 0.3:  # the same length, and many more places
            content = content.replace(b"'shape': (", b"'shape': (9", 1)
        path.write_bytes(content)

    def _mend(self, folder: Path) -> bool:
        record = _read_record(folder)
        files = record.get("files")
        if not isinstance(files, dict):
            return False
        for name in list(files):
            path = folder / name
            if isinstance(name, str) and path.parent == folder and path.is_file() and not path.is_symlink():
                files[name] = file_facts(path.read_bytes()).model_dump()
        (folder / "run.json").write_text(json.dumps(record))
        return True


def _read_record(folder: Path) -> dict[str, Any]:
    if not (folder / "run.json").is_file() or (folder / "run.json").is_symlink():
        return {}
    try:
        record = json.loads((folder / "run.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}


def call(*arguments: object) -> tuple[object, str]:
    """Run a command in this process; gives its code and what it said on stderr."""
    sys.argv, STOP.signal = ["rnnlab", *map(str, arguments)], None
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            rnnlab()
        except SystemExit as left:
            return left.code or 0, err.getvalue()
    raise AssertionError("rnnlab returned")


def main() -> int:
    """Damage, call, count; 0 when all ended as they should."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folders", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    mutator, chance = Mutator(options.seed), random.Random(options.seed)
    codes, wrong, slowest = Counter[object](), list[str](), 0.0
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        cells = ("elman", "lstm")
        whole = [run_one(small(f"model.cell={cell}", f"name={cell}"), runs=root / "whole").run.path for cell in cells]
        for run in whole:
            call("show", run)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for number in range(options.folders):
            original = whole[number % 2]
            study = root / "runs" / original.parent.name
            folder = study / original.name
            shutil.rmtree(root / "runs", ignore_errors=True)
            shutil.copytree(original, folder)
            done = mutator.mutate(folder)
            command = chance.choice(_RARE) if number % 40 == 0 else chance.choice(_COMMANDS)
            paths: list[object] = [chance.choice((folder, study))]
            if command[0] == "diff":
                paths = [folder, original]
            elif command[0] == "train":
                paths = [original / "config.yaml", "--runs", root / "runs"]
            elif command[0] == "measure":
                paths = [folder, "--quantities", "jacobians"]
            since = time.perf_counter()
            code, said = call(*command, *paths)
            slowest = max(slowest, time.perf_counter() - since)
            codes[code] += 1
            if code not in {0, 1, 2} or "Traceback" in said:
                wrong.append(f"folder {number} ({done}): {' '.join(command)}: code {code}: {said[-300:]}")
    grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    print(f"{options.folders} folders: codes {dict(codes)}, slowest {slowest:.2f} s, memory {grown / 1e6:.0f} MB more")
    print(f"{len(wrong)} wrong", *wrong[:20], sep="\n")
    return 1 if wrong or slowest > _SLOWEST or grown > _MOST_MEMORY else 0


if __name__ == "__main__":
    sys.exit(main())
