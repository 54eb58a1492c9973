"""The plan of a sweep: its runs, what there is of them already, and what trains each."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from rnnlab.config import Sweep
from rnnlab.errors import UserError
from rnnlab.experiment import needs_of
from rnnlab.extensions import LOADER, ExtensionSource
from rnnlab.flow.group import missing_groups
from rnnlab.store import folder_hashes, look_at, short_hash
from rnnlab.studies.stacks import PlannedRun, plan_run
from rnnlab.training import choose_engine

MOST_RUNS = 100_000
"""More are surely a slip of the pen: at a second each, a hundred thousand take a day of one core."""


class SweepError(UserError):
    """A sweep that cannot be begun."""

    exit_code = 2


@dataclass
class SweepPlan:
    """The runs of a sweep, and what there is of them already."""

    study: Path
    device: str
    runs: list[PlannedRun]
    merged: int
    excluded: int
    existing: dict[int, bool] = field(default_factory=dict)  # by place: whether it diverged
    damaged: dict[int, str] = field(default_factory=dict)  # by place: what is wrong
    folders: dict[int, Path] = field(default_factory=dict)
    extensions: tuple[ExtensionSource, ...] = ()

    @property
    def to_do(self) -> list[PlannedRun]:
        """Runs that are neither finished nor damaged."""
        return [run for index, run in enumerate(self.runs) if index not in self.existing and index not in self.damaged]

    @property
    def seconds(self) -> float:
        """A guess at the work to do, on one core."""
        return sum(run.seconds for run in self.to_do)


def plan_sweep(sweep: Sweep, runs: Path, *, engine: str = "auto", device: str = "cpu") -> SweepPlan:
    """List the runs of a sweep and look for each.

    Args:
        sweep: the config with its axes.
        runs: the runs folder.
        engine: `auto`, or the name of one: decided here for each run, so that all workers agree.
        device: `cpu`, `cuda` or `auto`.

    Raises:
        SweepError: there are too many.
        ConfigError: a combination cannot be run, or none is left.
        EngineError: there is no such engine or device here, or it cannot train one of the runs.
    """
    if sweep.count > MOST_RUNS:
        raise SweepError(
            f"this sweep has {sweep.count:,} combinations, more than the {MOST_RUNS:,} that one sweep takes; "
            "use fewer values, or split it"
        )
    if device != "cpu":
        _check_device(choose_engine(engine, device), device)
    walk = sweep.walk()
    planned = [
        plan_run(run.config, run.identity, run.values, choose_engine(engine, device, needs_of(run.config)))
        for run in walk
    ]
    plan = SweepPlan(runs / sweep.base.name, device, planned, walk.merged, walk.excluded)
    plan.extensions = tuple(LOADER.sources(sweep.base.extensions))
    find_existing(plan)
    return plan


def find_existing(plan: SweepPlan) -> None:
    """Look for every run in the study folder."""
    folders = folder_hashes(plan.study)
    plan.existing, plan.damaged, plan.folders = {}, {}, {}
    for index, run in enumerate(plan.runs):
        folder = folders.get(short_hash(run.identity))
        if folder is None:
            continue
        plan.folders[index], entry = folder, look_at(folder)
        if entry.found is None:
            plan.damaged[index] = f"{folder} is damaged: {entry.damage}. Look at it and remove it, or use --force"
        elif entry.found.identity == run.identity and not missing_groups(run.quantities, entry.found.files):
            plan.existing[index] = entry.status == "diverged"


def _check_device(engine: str, device: str) -> None:
    """Say now what every worker would say; for the CPU this is not asked, since it takes all of PyTorch."""
    from rnnlab.training import make_engine

    make_engine(engine, device)
