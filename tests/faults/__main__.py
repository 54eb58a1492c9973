"""`python -m tests.faults`, under the library: every scenario, every kind of fault, every operation; with counts.

`make torture` builds the library and runs it all. `--stride 7` tries every seventh operation of each kind.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

from rnnlab.studies.run import run_one
from tests.faults.scenarios import SCENARIOS, SWEEP
from tests.faults.shim import KINDS, build, start_under
from tests.faults.trying import LostError, Trial
from tests.studies.small import small


def main() -> int:
    """Try, and say what came of it; 0 when all survived."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stride", type=int, default=1)
    parser.add_argument("--scenario", choices=SCENARIOS, action="append")
    parser.add_argument("--build", action="store_true", help="build the library and start under it")
    options = parser.parse_args()
    if options.build:
        with tempfile.TemporaryDirectory() as folder:
            done = start_under(build(Path(folder)), [each for each in sys.argv[1:] if each != "--build"])
        print(done.stdout, done.stderr, sep="")
        return done.returncode
    with tempfile.TemporaryDirectory() as warm:
        run_one(small(), runs=warm)  # PyTorch, the engine and the versions are there before the first child
    tried, failed = Counter[str](), list[str]()
    for place, (name, scenario) in enumerate(SCENARIOS.items()):
        if options.scenario and name not in options.scenario:
            continue
        with tempfile.TemporaryDirectory() as folder:
            trial = Trial(scenario, Path(folder), SWEEP)
            for shift, kind in enumerate(KINDS):
                for number in range(1 + (place + shift) % options.stride, trial.operations + 1, options.stride):
                    tried[kind.name] += 1
                    try:
                        trial.disturb(number, kind)
                    except LostError as error:
                        failed.append(f"{name}, {kind.name} at {number} of {trial.operations}: {error}")
            print(f"{name}: {trial.operations} operations", flush=True)
    for kind_name, count in tried.items():
        print(f"{kind_name}: {count} tried, {count - sum(f', {kind_name} at' in each for each in failed)} survived")
    print(f"{tried.total()} faults, {len(failed)} not survived", *failed, sep="\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
