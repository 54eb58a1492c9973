"""The storm: a sweep whose main process is killed by SIGKILL at random moments, and started again each time.

`python -m tests.studies.sweep_storm --kills 25` checks that nothing is lost, nothing made twice, no process left over
after a kill, finished files never change, and the results are those of an undisturbed sweep to the bit.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

from tests.studies.sweeping import wait_for

_RESULTS = ("metrics.npz", "weights.npz", "config.yaml")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the storm; 0 when all held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=25)
    parser.add_argument("--runs", type=int, default=24)
    parser.add_argument("--batches", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--longest", type=float, default=4.0, help="seconds that a start is left alone at most")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--engine", default="torch", choices=["auto", "torch", "native"])
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        storm = Storm(Path(folder), options)
        storm.run()
    return 0


class Storm:
    """One storm, in a folder of its own."""

    def __init__(self, folder: Path, options: argparse.Namespace) -> None:
        self.folder, self.options = folder, options
        self.config = folder / "storm.yaml"
        self.config.write_text(
            "task: {seq_len: 5}\nmodel: {hidden_size: 8}\n"
            f"training: {{batches: {options.batches}, batch_size: 4}}\nrecord: {{every: 500, sequences: 4}}\n"
            f"sweep: {{axes: {{model.weight_scale: {{linspace: [0.5, 1.5, {options.runs // 2}]}}}}, seeds: 2}}\n"
        )
        self.random = random.Random(options.seed)
        self.finished: dict[str, tuple[str, int]] = {}
        self.resumed = 0

    def run(self) -> None:
        """Kill, look, start again; then let it finish and compare."""
        kills = 0
        while kills < self.options.kills:
            kills += self._start_and_kill()
            self._look_at_finished()
            self.resumed += any((self.folder / "stormy" / "storm").glob(".*/state-*.npz"))
            print(f"kill {kills}: {self._finished_runs()} runs finished", flush=True)
        self._start("stormy").wait()
        self._start("calm").wait()
        self._look_at_finished()
        self._compare()
        print(f"{kills} kills, {self.resumed} with saved states, {self._finished_runs()} runs: all the same to the bit")

    def _start(self, runs: str) -> subprocess.Popen[bytes]:
        self.mark = uuid.uuid4().hex
        command = [sys.executable, "-m", "rnnlab", "sweep", str(self.config), "--quiet", f"-j{self.options.jobs}"]
        command += ["--engine", self.options.engine]
        return subprocess.Popen(
            [*command, "--runs", str(self.folder / runs)],
            env={**os.environ, "STORM_MARK": self.mark},
            stdin=subprocess.DEVNULL,
        )

    def _start_and_kill(self) -> bool:
        """Tell whether the process was killed before it was done."""
        process = self._start("stormy")
        time.sleep(self.random.uniform(0.1, self.options.longest))
        killed = process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert killed or process.returncode == 0, f"a start ended with exit code {process.returncode}"
        wait_for(lambda: not processes_marked(self.mark))
        assert killed or self._finished_runs() < self.options.runs, (
            "the sweep is done before the storm is: more batches"
        )
        return killed

    def _finished_runs(self) -> int:
        return len({name.partition("/")[0] for name in self.finished})

    def _look_at_finished(self) -> None:
        """Every file of a finished run stays as it was when it was first seen."""
        for folder in sorted((self.folder / "stormy" / "storm").glob("[!.]*-????????????")):
            for path in sorted(folder.iterdir()):
                name = f"{folder.name}/{path.name}"
                seen = (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
                assert self.finished.setdefault(name, seen) == seen, f"{name} has changed"

    def _compare(self) -> None:
        stormy, calm = (self._results(runs) for runs in ("stormy", "calm"))
        assert len(calm) == len(_RESULTS) * self.options.runs
        assert stormy == calm, f"other results: {[name for name in calm if stormy.get(name) != calm[name]]}"

    def _results(self, runs: str) -> dict[str, bytes]:
        study = self.folder / runs / "storm"
        leftovers = [path.name for path in study.iterdir() if path.name.startswith(".")]
        assert not leftovers, f"left over: {leftovers}"
        return {
            str(path.relative_to(study)): path.read_bytes() for name in _RESULTS for path in study.glob(f"*/{name}")
        }


def processes_marked(mark: str) -> list[int]:
    """Find the processes that were started with this mark in their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (process / "environ").read_bytes() and not _is_zombie(process):
                found.append(int(process.name))
        except OSError:
            continue
    return found


def _is_zombie(process: Path) -> bool:
    return "\nState:\tZ" in (process / "status").read_text()


if __name__ == "__main__":
    sys.exit(main())
