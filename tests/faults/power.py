"""`python -m tests.faults.power`: power cuts, on an ext4 file system in a file, as root.

A copy of that file, taken while a training writes, holds what the device has been given so far: what a disk has when
its power is cut. The copy is mounted, which replays its journal; then no finished run may be gone or damaged, and the
same commands must end in the bytes of trainings that nobody disturbed.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_CONFIG = """\
name: study
task: {seq_len: 40}
model: {hidden_size: 24}
training: {batches: 12000}
record: {every: 1000, sequences: 4}
"""
_OTHER = "seed=1"


def main() -> int:
    """Cut, and say what came of it; 0 when all survived."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cuts", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if os.geteuid() != 0:
        print("power cuts: not tried; to mount a file system takes root")
        return 0
    chance, problems = random.Random(options.seed), list[str]()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "study.yaml").write_text(_CONFIG)
        for more in ((), (_OTHER,)):
            subprocess.run(_train(folder, folder / "calm", *more), check=True)
        for number in range(options.cuts):
            problems += [f"cut {number}: {each}" for each in _cut(folder, chance, force=number % 2 == 1)]
    print(f"{options.cuts} power cuts, {len(problems)} problems", *problems, sep="\n")
    return 1 if problems else 0


def _cut(folder: Path, chance: random.Random, *, force: bool) -> list[str]:
    """Cut one training short, a new one or one that replaces the finished run; gives what is wrong afterwards."""
    image, copy = folder / "image", folder / "copy"
    with image.open("wb") as file:
        file.truncate(48 * 2**20)
    subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
    with _mounted(image, folder / "disk") as disk:
        subprocess.run(_train(folder, disk), check=True)
        command = _train(folder, disk, "--force") if force else _train(folder, disk, _OTHER)
        writer = subprocess.Popen(command, start_new_session=True)
        time.sleep(chance.uniform(0.9, 3.2))
        writer.send_signal(signal.SIGSTOP)
        shutil.copyfile(image, copy)
        writer.kill()
        writer.wait()
    with _mounted(copy, folder / "after") as disk:
        return _problems(folder, disk)


def _problems(folder: Path, disk: Path) -> list[str]:
    calm, found = _bytes(folder / "calm"), []
    if not calm.items() >= _bytes(disk).items() or not _bytes(disk):
        found.append("the finished run is gone, or not what it was")
    if subprocess.run([sys.executable, "-m", "rnnlab", "verify", disk], capture_output=True, check=False).returncode:
        found.append("verify finds fault")
    for more in ((), (_OTHER,)):
        done = subprocess.run(_train(folder, disk, *more), capture_output=True, text=True, check=False)
        found += [done.stderr] if done.returncode else []
    return found if _bytes(disk) == calm else [*found, "the next start does not come to the same bytes"]


def _train(folder: Path, runs: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "rnnlab", "train", str(folder / "study.yaml"), "--runs", str(runs), "-q", *more]


def _bytes(runs: Path) -> dict[str, bytes]:
    """Give what was measured of each finished run."""
    return {file.parent.name: file.read_bytes() for file in runs.glob("study/[!.]*/metrics.npz")}


@contextmanager
def _mounted(image: Path, folder: Path) -> Iterator[Path]:
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-o", "loop", image, folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


if __name__ == "__main__":
    sys.exit(main())
