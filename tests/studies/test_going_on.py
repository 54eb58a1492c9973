"""Interrupted and gone on with: the result is byte for byte that of an undisturbed run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rnnlab.config import Config, identity
from rnnlab.store import RunBusyError, Workspace, list_runs
from rnnlab.store.atomic import npz_bytes, read_npz
from rnnlab.studies import making, training_loop
from rnnlab.studies.hooks import Hooks, StoppedError
from rnnlab.studies.run import run_one
from rnnlab.training import NetState, available_engines, make_stream
from tests.store.samples import holder
from tests.studies.small import DIVERGING, ELMAN_ADAM, LSTM_SGD_CLIPPED, StopAt, result_bytes, small

LENGTH = "training.batches=60"


def _workspace(config: Config, runs: Path) -> Path:
    return runs / config.name / f".{identity(config)[:12]}"


def _states(config: Config, runs: Path) -> list[int]:
    return sorted(int(path.stem.partition("-")[2]) for path in _workspace(config, runs).glob("state-*.npz"))


def _stop(config: Config, runs: Path, step: int) -> int:
    """Interrupt a run at a step, or soon after; gives the step of its saved state."""
    with pytest.raises(StoppedError):
        run_one(config, runs=runs, hooks=StopAt(step).hooks())
    (saved,) = _states(config, runs)
    return saved


@pytest.fixture
def single_updates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let training look up after every update, so that a stop comes where it is asked for."""
    monkeypatch.setattr(training_loop, "_ADVANCE_SECONDS", 0.0)


@pytest.mark.usefixtures("single_updates")
@pytest.mark.parametrize("overrides", [ELMAN_ADAM, LSTM_SGD_CLIPPED, ("model.cell=gru", "model.layers=2")])
@pytest.mark.parametrize("steps", [(0,), (1,), (7, 30), (1, 2, 3, 4, 40, 59)])
def test_a_run_stopped_and_gone_on_with_is_the_same_to_the_byte(
    tmp_path: Path, overrides: tuple[str, ...], steps: tuple[int, ...]
) -> None:
    config = small(LENGTH, *overrides, "record.weights=true")
    undisturbed = run_one(config, runs=tmp_path / "a").run
    for step in steps:
        saved = _stop(config, tmp_path / "b", step)
        assert saved == step
        assert list_runs(tmp_path / "b" / "study") == []
    begins: list[int] = []
    resumed = run_one(config, runs=tmp_path / "b", hooks=Hooks(on_progress=lambda p: begins.append(p.step))).run
    assert begins[0] == saved + 1
    assert result_bytes(resumed.path) == result_bytes(undisturbed.path)
    assert not _workspace(config, tmp_path / "b").exists()


@pytest.mark.usefixtures("single_updates")
@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_diverging_run_stopped_and_gone_on_with_is_the_same_to_the_byte(tmp_path: Path, step: int) -> None:
    config = small(*DIVERGING)
    undisturbed = run_one(config, runs=tmp_path / "a").run
    assert undisturbed.status == "diverged"
    assert _stop(config, tmp_path / "b", step) in {step, 40}  # once all nets have diverged, the training is at its end
    resumed = run_one(config, runs=tmp_path / "b").run
    assert resumed.info["diverged_at"] == undisturbed.info["diverged_at"]
    assert result_bytes(resumed.path) == result_bytes(undisturbed.path)


def test_a_stop_while_measuring_keeps_what_can_be_gone_on_with(tmp_path: Path) -> None:
    """Training is over, and the stop is first seen between two chunks of the measuring."""
    config = small(LENGTH)
    undisturbed = run_one(config, runs=tmp_path / "a").run
    reached = StopAt(60)
    with pytest.raises(StoppedError):
        run_one(config, runs=tmp_path / "b", hooks=reached.hooks())
    assert list_runs(tmp_path / "b" / "study") == []
    assert result_bytes(run_one(config, runs=tmp_path / "b").run.path) == result_bytes(undisturbed.path)


def _edit_state(**changes: Any) -> Callable[[Path], None]:
    def edit(path: Path) -> None:
        path.write_bytes(npz_bytes(read_npz(path) | {name: np.array(value) for name, value in changes.items()}))

    return edit


def _edit_stamp(change: Callable[[dict[str, Any]], None]) -> Callable[[Path], None]:
    def edit(path: Path) -> None:
        stamp = json.loads(str(read_npz(path)["stamp"]))
        change(stamp)
        _edit_state(stamp=json.dumps(stamp, sort_keys=True))(path)

    return edit


def _without(name: str) -> Callable[[Path], None]:
    def edit(path: Path) -> None:
        path.write_bytes(npz_bytes({key: array for key, array in read_npz(path).items() if key != name}))

    return edit


def _flip_in_the_middle(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(bytes(content))


UNUSABLE: dict[str, Callable[[Path], None]] = {
    "another torch": _edit_stamp(lambda stamp: stamp["versions"].update(torch="0.0")),
    "another rnnlab": _edit_stamp(lambda stamp: stamp["versions"].update(rnnlab="0.0.0")),
    "another engine": _edit_stamp(lambda stamp: stamp.update(engine="abacus")),
    "another instruction set": _edit_stamp(lambda stamp: stamp["details"].update(instructions="none")),
    "another device": _edit_stamp(lambda stamp: stamp.update(device="cuda")),
    "no stamp": _without("stamp"),
    "no stream": _without("stream"),
    "no step": _without("step"),
    "a stream that is no stream": _edit_state(stream="[]"),
    "two steps": _edit_state(step=[1, 2]),
    "weights of another net": _edit_state(parameters=np.zeros(2, dtype=np.float32)),
    "empty": lambda path: os.truncate(path, 0),
    "cut": lambda path: os.truncate(path, path.stat().st_size // 2),
    "changed": _flip_in_the_middle,
}


@pytest.mark.parametrize("kind", UNUSABLE)
def test_a_state_that_cannot_be_used_is_passed_over_and_the_run_starts_afresh(tmp_path: Path, kind: str) -> None:
    config = small(LENGTH)
    undisturbed = run_one(config, runs=tmp_path / "a").run
    saved = _stop(config, tmp_path / "b", 20)
    UNUSABLE[kind](_workspace(config, tmp_path / "b") / f"state-{saved}.npz")
    begins: list[int] = []
    resumed = run_one(config, runs=tmp_path / "b", hooks=Hooks(on_progress=lambda p: begins.append(p.step))).run
    assert begins[0] == 1
    assert result_bytes(resumed.path) == result_bytes(undisturbed.path)


def test_an_older_state_is_used_when_the_newest_is_damaged(tmp_path: Path) -> None:
    config = small(LENGTH)
    undisturbed = run_one(config, runs=tmp_path / "a").run
    saved = _stop(config, tmp_path / "b", 20)
    newer = _workspace(config, tmp_path / "b") / f"state-{saved + 10}.npz"
    newer.write_bytes(b"cut short by a power cut")
    begins: list[int] = []
    resumed = run_one(config, runs=tmp_path / "b", hooks=Hooks(on_progress=lambda p: begins.append(p.step))).run
    assert begins[0] == saved + 1
    assert result_bytes(resumed.path) == result_bytes(undisturbed.path)


def test_what_is_damaged_of_one_run_of_a_stack_holds_up_no_other(tmp_path: Path) -> None:
    """With the native engine a stack goes on from where each of its runs stands."""
    configs = [small(LENGTH, f"seed={seed}") for seed in (0, 1)]
    for config in configs:
        _stop(config, tmp_path, 20)
    (step,) = _states(configs[0], tmp_path)
    newer = _workspace(configs[0], tmp_path) / f"state-{step + 10}.npz"
    newer.write_bytes(bytes(1000))
    with Workspace(tmp_path / "study", identity(configs[0]), "") as workspace:
        assert (workspace.state_steps(), workspace.latest_state()) == ([step + 10, step], step)


def test_a_state_is_on_the_disk_before_the_one_before_it_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a power cut may take are files and names that nobody has waited for."""
    done: list[str] = []
    synced, unlinked = os.fsync, Path.unlink

    def sync(descriptor: int) -> None:
        done.append("sync " + Path(f"/proc/self/fd/{descriptor}").readlink().name.partition(".npz")[0])
        synced(descriptor)

    def unlink(self: Path, *, missing_ok: bool = False) -> None:
        done.append(f"remove {self.stem}")
        unlinked(self, missing_ok=missing_ok)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(Path, "unlink", unlink)
    with Workspace(tmp_path, "0" * 64, "") as workspace:
        saver = training_loop._Saver([training_loop.StackMember(_Standing.state, workspace)], "stamp")
        for session in (_Standing(1), _Standing(2), _Standing(3)):
            saver.save(session, durable=session.step != 3)
        assert workspace.state_steps() == [3, 2]
    first = ["sync .state-1", f"sync {tmp_path.name}", "sync .000000000000"]
    assert done[-6:] == [*first, "sync .state-2", "sync .000000000000", "remove state-1"]


class _Standing:
    """A training that stands at a step."""

    losses, norms = np.zeros(3, np.float32), np.zeros(3)
    state = NetState(np.zeros(2, np.float32), make_stream(0, 1), 0.1, None, losses, np.zeros((1, 2)), norms)

    def __init__(self, step: int) -> None:
        self.step = step

    def states(self) -> list[NetState]:
        return [self.state]

    def advance(self, updates: int) -> None:
        raise NotImplementedError

    def last_losses(self) -> list[float]:
        return []


def test_states_are_saved_as_it_goes_and_only_the_last_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_loop, "_SAVE_SECONDS", 0.0)
    monkeypatch.setattr(training_loop, "_SAVE_SHARE", 1e9)
    config, seen = small("training.batches=200"), []

    def look(_: object) -> None:
        seen.append(_states(config, tmp_path))

    run_one(config, runs=tmp_path, hooks=Hooks(on_progress=look))
    assert all(len(states) <= 1 for states in seen)
    assert len({states[0] for states in seen if states}) >= 3


def test_time_spent_before_a_stop_counts(tmp_path: Path) -> None:
    config = small(LENGTH)
    saved = _stop(config, tmp_path, 20)
    path = _workspace(config, tmp_path) / f"state-{saved}.npz"
    _edit_state(seconds=1000.0)(path)
    assert run_one(config, runs=tmp_path).run.info["seconds"] >= 1000


def test_a_run_that_another_process_makes_is_refused(tmp_path: Path) -> None:
    config = small()
    with holder(tmp_path / "study", identity(config)), pytest.raises(RunBusyError, match="has been working on it"):
        run_one(config, runs=tmp_path)
    assert run_one(config, runs=tmp_path).made


def test_another_run_of_the_study_may_be_made_meanwhile(tmp_path: Path) -> None:
    with holder(tmp_path / "study", identity(small())):
        assert run_one(small("seed=1"), runs=tmp_path).made


def test_an_interrupted_run_stays_while_others_are_made(tmp_path: Path) -> None:
    saved = _stop(small(LENGTH), tmp_path, 20)
    assert run_one(small("seed=1"), runs=tmp_path).made
    assert _states(small(LENGTH), tmp_path) == [saved]


@pytest.fixture
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("threads")
def test_neither_threads_nor_the_global_generator_nor_gradient_mode_change_a_result(tmp_path: Path) -> None:
    config = small("model.hidden_size=24", "training.batch_size=32")
    reference = run_one(config, runs=tmp_path / "a").run
    torch.set_num_threads(2)
    torch.manual_seed(123)
    np.random.seed(5)
    state = torch.get_rng_state()
    seen: set[int] = set()
    hooks = Hooks(on_progress=lambda _: seen.add(torch.get_num_threads()))
    again = run_one(config, runs=tmp_path / "b", hooks=hooks).run
    assert (seen, torch.get_num_threads()) == ({1}, 2)
    assert torch.equal(torch.get_rng_state(), state)
    assert result_bytes(again.path) == result_bytes(reference.path)


@pytest.mark.usefixtures("threads")
def test_the_thread_count_is_restored_after_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    torch.set_num_threads(2)
    monkeypatch.setattr(making, "make_results", fail)
    with pytest.raises(OSError, match="No space left"):
        run_one(small(), runs=tmp_path)
    assert torch.get_num_threads() == 2
    monkeypatch.undo()
    assert run_one(small(), runs=tmp_path).made  # nor is the run still locked


def test_the_same_seed_sees_the_same_batches_and_probe_whatever_the_weights(tmp_path: Path) -> None:
    """At a tiny learning rate nothing is learnt, and a net of zeros has the loss of the targets themselves."""
    still = ("training.learning_rate=1e-30", "training.optimizer=sgd", "training.batches=5", "record.every=1")
    runs = [run_one(small(*still, f"model.weight_scale={scale}"), runs=tmp_path).run for scale in (0.5, 2.0)]
    other = run_one(small(*still, "seed=1"), runs=tmp_path).run
    for name in ("probe/inputs", "probe/targets"):
        np.testing.assert_array_equal(runs[0].weights[name], runs[1].weights[name])
        assert not np.array_equal(runs[0].weights[name], other.weights[name])
    np.testing.assert_array_equal(
        2.0 * runs[0].weights["initial/weight_hh_l0"] / 0.5, runs[1].weights["initial/weight_hh_l0"]
    )
    lost = [run_one(small(*still, f"model.init={init}", "model.weight_scale=0"), runs=tmp_path).run.metrics["loss"]
            for init in ("gaussian", "kaiming-normal")]  # fmt: skip
    assert lost[0].std() > 0
    readouts = [run.weights["initial/readout_weight"] for run in runs]
    np.testing.assert_array_equal(readouts[0], readouts[1])


@pytest.mark.parametrize("engine", available_engines())
def test_the_storm_of_kills_leaves_the_same_run(engine: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.studies.storm", "--kills", "25", "--engine", engine]
    command += ["--folder", str(tmp_path)]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=root, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the same to the byte" in done.stdout
