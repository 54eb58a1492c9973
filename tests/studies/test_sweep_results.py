"""What a sweep makes: the same bytes with any number of workers, interrupted or not; nothing twice; nothing touched."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from rnnlab.cli.main import main
from rnnlab.config import load_config, load_sweep
from rnnlab.store import open_run
from rnnlab.studies.planning import plan_sweep
from rnnlab.studies.policy import Policy, Tally, Watch
from rnnlab.studies.run import run_one
from rnnlab.studies.unattended import run_sweep
from tests.store.samples import contents
from tests.studies.sweeping import (
    EIGHT,
    TIDY,
    others,
    results,
    run_folders,
    start,
    stop_in_making,
    sweep_here,
    write_config,
)

MIXED = """\
name: mixed
task: {seq_len: 4}
model: {hidden_size: 5}
training: {batches: 800, batch_size: 4, optimizer: sgd}
record: {every: 400, sequences: 3}
sweep:
  axes:
    model.cell: [elman, lstm]
    model.nonlinearity: [tanh, identity]
    training.learning_rate: [0.01, 1.5]
    model.weight_scale: [0.5, 1.0]
  seeds: 2
"""
"""24 runs of three shapes, of which linear nets at the high rate diverge; an LSTM has no nonlinearity, so 8 merge."""


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the study as one worker makes it, undisturbed."""
    folder = tmp_path_factory.mktemp("calm")
    config = write_config(folder, MIXED)
    outcome = sweep_here(config, folder, jobs=1)
    assert (outcome.tally.made, outcome.failures) == (24, [])
    assert 0 < outcome.tally.diverged < 24
    return folder / "mixed"


def test_two_workers_make_the_same_bytes_as_one(tmp_path: Path, calm: Path) -> None:
    outcome = sweep_here(write_config(tmp_path, MIXED), tmp_path / "runs", jobs=2)
    assert outcome.tally.made == 24
    assert results(tmp_path / "runs" / "mixed") == results(calm)
    assert others(tmp_path / "runs" / "mixed") == TIDY


def test_a_sweep_that_is_stopped_twice_makes_the_same_bytes(tmp_path: Path, calm: Path) -> None:
    config, study = write_config(tmp_path, MIXED), tmp_path / "runs" / "mixed"
    for jobs in ("-j2", "-j1"):
        process = start(tmp_path, "sweep.yaml", jobs, "--quiet")
        assert stop_in_making(process, study, signal.SIGTERM).code == 143
        assert any(study.glob(".*/state-*.npz"))
    assert len(run_folders(study)) < 24
    sweep_here(config, tmp_path / "runs")
    assert results(study) == results(calm)
    assert others(study) == TIDY


def test_what_exists_is_left_as_it_is_and_changes_nothing_of_the_rest(tmp_path: Path, calm: Path) -> None:
    """Half of every stack is there: the other half is still made in the whole stack, so to the same bytes."""
    config, study = write_config(tmp_path, MIXED), tmp_path / "runs" / "mixed"
    shutil.copytree(calm, study)
    gone = run_folders(study)[::2]
    for folder in gone:
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
    before = {folder: contents(folder) for folder in run_folders(study)}
    outcome = sweep_here(config, tmp_path / "runs")
    assert (outcome.tally.existed, outcome.tally.made) == (12, 12)
    assert {folder: contents(folder) for folder in before} == before
    assert results(study) == results(calm)


def test_repeating_it_does_nothing_and_force_makes_everything_again(
    calm: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], handlers: None
) -> None:
    before = {folder: contents(folder) for folder in run_folders(calm)}

    def call(*arguments: str) -> str:
        words = ["rnnlab", "sweep", str(calm.parent / "sweep.yaml"), "--runs", str(calm.parent), "-j2"]
        words += ["--engine", "torch", *arguments]
        monkeypatch.setattr("sys.argv", words)
        with pytest.raises(SystemExit) as left:
            main()
        assert not left.value.code
        streams = capsys.readouterr()
        assert streams.err == ""
        return streams.out

    assert call().startswith("24 runs: 0 made, 24 existed, ")
    assert {folder: contents(folder) for folder in run_folders(calm)} == before
    assert call("--force").startswith("24 runs: 24 made, 0 existed, ")
    after = {folder: contents(folder) for folder in run_folders(calm)}
    for folder, files in before.items():
        for name in ("metrics.npz", "weights.npz", "config.yaml"):
            assert after[folder][name][0] == files[name][0]
            assert after[folder][name][1] != files[name][1]
    assert others(calm) == TIDY


def test_an_interrupted_force_goes_on_with_what_it_has_not_made_yet(tmp_path: Path) -> None:
    config, study = write_config(tmp_path, EIGHT), tmp_path / "runs" / "eight"
    sweep_here(config, tmp_path / "runs")
    old = {folder: contents(folder) for folder in run_folders(study)}
    stopped = force_here(config, tmp_path / "runs", stop_after=2)
    assert 2 <= stopped.made < 8
    assert stopped.left == 8 - stopped.made
    new = {folder: contents(folder) for folder in old if contents(folder) != old[folder]}
    assert len(new) == stopped.made
    rest = force_here(config, tmp_path / "runs")
    assert (rest.existed, rest.made) == (stopped.made, stopped.left)
    assert {folder: contents(folder) for folder in new} == new
    assert all(contents(folder) != old[folder] for folder in old)
    assert others(study) == TIDY
    assert force_here(config, tmp_path / "runs").made == 8


def test_a_sweep_without_force_gives_up_an_interrupted_replacement(tmp_path: Path) -> None:
    config = write_config(tmp_path, EIGHT)
    sweep_here(config, tmp_path / "runs")
    force_here(config, tmp_path / "runs", stop_after=2)
    assert sweep_here(config, tmp_path / "runs").tally.existed == 8
    assert others(tmp_path / "runs" / "eight") == TIDY
    assert force_here(config, tmp_path / "runs").made == 8


def force_here(config: Path, runs: Path, stop_after: int = 100) -> Tally:
    """Run a sweep with --force from this process, and stop it when so many runs are made."""
    lines: list[str] = []
    watch = Watch(on_line=lines.append, should_stop=lambda: len(lines) >= stop_after)
    plan = plan_sweep(load_sweep(config, []), runs, engine="torch")
    return run_sweep(plan, Policy(1), watch, force=True).tally


@pytest.fixture
def handlers() -> Iterator[None]:
    """Put the signal handlers back that the command line replaces."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


KEYS = ["seed=1", "training.learning_rate=0.01", "model.weight_scale=0.5"]


def test_a_run_that_train_has_made_is_found_by_the_sweep_and_agrees_with_the_one_it_makes(
    tmp_path: Path, calm: Path
) -> None:
    config = write_config(tmp_path, MIXED)
    single = run_one(load_config(config, KEYS), runs=tmp_path / "runs").run
    before = contents(single.path)
    outcome = sweep_here(config, tmp_path / "runs")
    assert (outcome.tally.existed, outcome.tally.made) == (1, 23)
    assert contents(single.path) == before
    (swept,) = [open_run(path) for path in run_folders(calm) if path.name.endswith(single.identity[:12])]
    assert swept.path.name != single.path.name
    for name in ("loss", "probe_loss", "grad_norm", "hidden_norm", "singular_values"):
        np.testing.assert_allclose(single.metrics[name], swept.metrics[name], rtol=1e-3, atol=1e-6)
    for name in ("probe/inputs", "initial/weight_hh_l0"):
        np.testing.assert_array_equal(single.weights[name], swept.weights[name])
    missing = {name for name in results(calm) if name not in results(tmp_path / "runs" / "mixed")}
    assert {name.partition("/")[0] for name in missing} == {swept.path.name}


def test_the_stack_stands_in_run_json(calm: Path) -> None:
    stacks = [open_run(path).info["stack"] for path in run_folders(calm)]
    assert all(0 <= stack["slot"] < stack["size"] for stack in stacks)
    assert any(stack["size"] > 1 for stack in stacks)
