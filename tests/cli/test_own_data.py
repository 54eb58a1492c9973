"""Data of one's own through the commands: from any folder, after a kill, and when the data have changed or gone."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from rnnlab.config import identity, load_config
from rnnlab.store import Run, RunEntry, list_runs, open_run
from rnnlab.tasks import arrays
from rnnlab.tasks.data_file import read_known
from tests.cli.conftest import Call

_SAVES_OFTEN = """
import sys
from rnnlab.studies import training_loop
training_loop._SAVE_SECONDS = 0.02
training_loop._SAVE_SHARE = 1.0
from rnnlab.cli.main import main
main()
"""

REST = """
model: {hidden_size: 3}
training: {batches: 12, batch_size: 4, learning_rate: 0.01}
record: {every: 5, sequences: 3}
"""


def save(path: Path, seed: int = 0) -> None:
    """Write arrays whose sequences end at different timesteps."""
    generator = np.random.default_rng(seed)
    lengths = generator.integers(2, 7, size=30)
    np.savez(path, inputs=generator.normal(size=(30, 6, 2)), targets=generator.integers(3, size=30), lengths=lengths)


@pytest.fixture
def study(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a config beside its data, with another folder as the current one."""
    (tmp_path / "mine").mkdir()
    save(tmp_path / "mine" / "a.npz")
    (tmp_path / "mine" / "study.yaml").write_text("task: {kind: arrays, file: a.npz}" + REST)
    (tmp_path / "mine" / "prose.txt").write_text("to be or not to be, that is the question. " * 9)
    (tmp_path / "mine" / "prose.yaml").write_text("task: {kind: text, file: prose.txt, seq_len: 6}" + REST)
    assert call("ls").code == 0
    return tmp_path / "mine" / "study.yaml"


def forget() -> None:
    """Let the next command begin like a process of its own, which has read no file yet."""
    read_known.cache_clear()
    arrays._sequences.cache_clear()


def entries(study: str = "runs/study") -> list[RunEntry]:
    return list_runs(Path(study))


def only_run(study: str) -> Run:
    (entry,) = entries(f"runs/{study}")
    return Run(entry)


@pytest.mark.parametrize(("name", "engine"), [("study", "torch"), ("prose", "native")])
def test_own_data_go_through_every_command(call: Call, study: Path, name: str, engine: str) -> None:
    config = study.with_name(f"{name}.yaml")
    trained = call("train", config)
    assert (trained.code, trained.err) == (0, "")
    assert f"({engine} engine, cpu)" in trained.out, "auto takes the kernel where it knows the loss"
    assert "loss of: uniform guess" in trained.out
    assert call("train", config).out.endswith("Nothing to do; --force makes it again.\n")
    for arguments in (
        ["show", f"runs/{name}"],
        ["check", config],
        ["plot", f"runs/{name}"],
        ["export", f"runs/{name}"],
    ):
        result = call(*arguments)
        assert (result.code, result.err) == (0, ""), arguments
    assert call("measure", f"runs/{name}", "--quantities", "lags,activity").code == 0
    assert {"lags.npz", "activity.npz"} <= only_run(name).record.files.keys()
    swept = call("sweep", config, "seed=0,1", "model.weight_scale=0.5,1", "-j1")
    assert swept.out.startswith("4 runs: 3 made, 1 existed in ")


def test_a_run_says_what_it_was_trained_on(call: Call, study: Path) -> None:
    call("train", study)
    task = only_run("study").record.config["task"]
    assert task["file"] == str(study.with_name("a.npz"))
    assert task["sha256"] == hashlib.sha256(study.with_name("a.npz").read_bytes()).hexdigest()
    assert [task[key] for key in ("examples", "seq_len", "inputs", "outputs", "targets", "masked")] == [
        30, 6, 2, 3, "classes", True,
    ]  # fmt: skip


def test_a_sweep_over_files_names_them(call: Call, study: Path) -> None:
    save(study.with_name("b.npz"), seed=1)
    assert call("sweep", study, "task.file=a.npz,b.npz", "-j1").code == 0
    assert sorted(entry.path.name.rpartition("-")[0] for entry in entries()) == [
        "file=a.npz",
        "file=b.npz",
    ]


def test_after_a_kill_the_run_goes_on_and_is_the_one_that_nobody_disturbed(call: Call, study: Path) -> None:
    arguments = ["train", str(study), "training.batches=800"]
    workspace = Path("runs/study") / f".{identity(load_config(study, ['training.batches=800']))[:12]}"
    with subprocess.Popen([sys.executable, "-c", _SAVES_OFTEN, *arguments], stdout=subprocess.PIPE) as process:
        while not list(workspace.glob("state-*.npz")):
            assert process.poll() is None, "it ended before a state was saved"
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert list(workspace.glob("state-*.npz"))
    assert call(*arguments).code == 0
    assert call(*arguments, "--runs", "calm").code == 0
    disturbed, (calm,) = only_run("study"), entries("calm/study")
    assert np.array_equal(disturbed.metrics["loss"], open_run(calm.path).metrics["loss"])


def test_edited_data_make_another_run_and_are_never_used_for_the_old_one(call: Call, study: Path) -> None:
    call("train", study)
    (before,) = entries()
    save(study.with_name("a.npz"), seed=1)
    forget()
    for arguments in (
        ["train", before.path / "config.yaml", "--force"],
        ["measure", before.path, "--quantities", "lags"],
    ):
        refused = call(*arguments)
        assert (refused.code in {1, 2}, refused.out) == (True, "")
        assert "a.npz has changed: its sha256 begins with " in refused.err
    assert "lags.npz" not in Run(before).record.files
    assert call("train", study).out.startswith("completed in ")
    assert len(entries()) == 2


def test_a_run_whose_data_have_gone_can_still_be_looked_at(call: Call, study: Path) -> None:
    call("train", study)
    study.with_name("a.npz").unlink()
    forget()
    (entry,) = entries()
    for arguments in (["ls", "runs/study"], ["show", "runs/study"], ["plot", "runs/study"], ["export", "runs/study"]):
        result = call(*arguments)
        assert (result.code, result.err) == (0, ""), arguments
    assert "exists: completed" in call("train", entry.path / "config.yaml").out
    refused = call("measure", "runs/study", "--quantities", "lags")
    assert (refused.code, refused.out) == (1, "")
    assert refused.err.endswith(f"was not measured: task.file: there is no file {study.with_name('a.npz')}\n")
    assert call("train", study).code == 2
