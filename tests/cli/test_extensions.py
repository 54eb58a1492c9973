"""Code of a person's own through the commands: trained, kept, made again, swept, killed, and told when it fails."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from rnnlab.config import identity, load_config, load_sweep
from rnnlab.extensions import LOADER
from rnnlab.store import Run, list_runs, open_run
from rnnlab.studies.planning import plan_sweep
from rnnlab.studies.policy import Policy, Watch
from rnnlab.studies.unattended import run_sweep
from tests.cli.conftest import Call
from tests.cli.test_own_data import _SAVES_OFTEN
from tests.extensions.own import CONFIG, OWN, with_step, write


@pytest.fixture(autouse=True)
def _without() -> Iterator[None]:
    """Let no extension count before or after."""
    yield
    forget()


def forget() -> None:
    """Let the next command begin like a process of its own, which has loaded nothing yet."""
    LOADER.use_none()
    LOADER._loaded.clear()


@pytest.fixture
def study(call: Call, tmp_path: Path) -> Path:
    """Give a config beside its extension, with another folder as the current one."""
    assert call("ls").code == 0
    return write(tmp_path / "mine")


def only_run(study: str = "runs/study") -> Run:
    (entry,) = list_runs(Path(study))
    return Run(entry)


def test_a_run_keeps_a_copy_and_can_be_made_again_from_its_folder_alone(call: Call, study: Path) -> None:
    trained = call("train", study)
    assert (trained.code, trained.err) == (0, "")
    assert "(torch engine, cpu)" in trained.out
    run = only_run()
    assert (run.path / "extensions" / "own.py").read_text() == OWN
    assert run.record.config["extensions"] == {"own": hashlib.sha256(OWN.encode()).hexdigest()}
    assert call("verify", "runs").out == "1 run: 1 whole\n"
    (run.path / "extensions" / "own.py").write_text(OWN + "\n")
    assert "extensions/own.py has " in call("show", run.path).err, (
        "the copy is one of the files that a run is held against"
    )
    (run.path / "extensions" / "own.py").write_text(OWN)
    shutil.rmtree(study.parent)
    forget()
    assert "exists: completed" in call("train", run.path / "config.yaml").out
    shutil.copytree(run.path, "moved")
    assert call("train", "moved/config.yaml", "--runs", "again").code == 0
    again = only_run("again/study")
    assert again.identity == run.identity
    assert again.metrics["loss"].tobytes() == run.metrics["loss"].tobytes()
    assert (again.path / "config.yaml").read_bytes() == (run.path / "config.yaml").read_bytes()


def test_to_read_a_run_is_not_to_execute_its_code(call: Call, study: Path) -> None:
    for seed in (0, 1):
        assert call("train", study, f"seed={seed}", "--quiet").code == 0
    runs = [entry.path for entry in list_runs(Path("runs/study"))]
    forget()
    for arguments in (
        ["ls", "runs/study"],
        ["show", runs[0]],
        ["plot", "runs/study"],
        ["plot", runs[0]],
        ["plot", runs[0], "--kind", "predictions"],
        ["plot", runs[0], "--kind", "spectrum"],
        ["export", "runs/study"],
        ["diff", *runs],
    ):
        result = call(*arguments)
        assert (result.code, result.err) == (0, ""), arguments
        assert LOADER.used == [], arguments


def test_two_versions_are_told_apart_by_the_beginning_of_their_checksums(call: Call, study: Path) -> None:
    codes = [OWN, f"{OWN}# edited\n"]
    for code in codes:
        write(study.parent, code)
        assert call("train", study, "--quiet").code == 0
    runs = [entry.path for entry in list_runs(Path("runs/study"))]
    assert len(runs) == 2
    listed, differ = call("ls", "runs/study").out, call("diff", *runs).out
    for code in codes:
        assert hashlib.sha256(code.encode()).hexdigest()[:12] in listed
        assert hashlib.sha256(code.encode()).hexdigest()[:12] in differ
    assert max(map(len, listed.splitlines())) < 120


def test_a_finished_run_is_measured_and_explained_by_its_own_copy(call: Call, study: Path) -> None:
    call("train", study, "--quiet")
    (study.parent / "own.py").write_text("1 / 0\n")
    forget()
    measured = call("measure", "runs/study", "--quantities", "activity")
    assert (measured.code, measured.err) == (0, "")
    assert [source.path for source in LOADER.used] == [str(only_run().path.resolve() / "extensions" / "own.py")]
    assert call("explain", "runs/study").code == 0
    assert call("train", study).err.endswith("own.py:1: ZeroDivisionError: division by zero\n    1 / 0\n")


def test_a_sweep_over_keys_of_its_own_with_workers_of_its_own(call: Call, study: Path) -> None:
    swept = call("sweep", study, "model.pull=0.25,0.5", "task.loudness=1.0,2.0", "-j2")
    assert (swept.code, swept.err) == (0, "")
    assert swept.out.startswith("4 runs: 4 made, 0 existed in ")
    listed = call("ls", "runs/study", "--csv").out.splitlines()
    assert listed[0].startswith("run,status,task.loudness,model.pull,seed,")
    assert all((entry.path / "extensions" / "own.py").exists() for entry in list_runs(Path("runs/study")))


def test_an_edit_does_not_reach_a_sweep_that_has_begun(study: Path) -> None:
    plan = plan_sweep(load_sweep(study, ["seed=0,1"]), Path("runs"))
    (study.parent / "own.py").write_text("1 / 0\n")
    forget()  # what makes the stacks is given the code as it was
    outcome = run_sweep(plan, Policy(1, executor="inline"), Watch())
    assert (outcome.tally.made, outcome.failures) == (2, [])
    assert {(e.path / "extensions" / "own.py").read_text() for e in list_runs(plan.study)} == {OWN}


def test_after_a_kill_the_run_goes_on_and_is_the_one_that_nobody_disturbed(call: Call, study: Path) -> None:
    arguments = ["train", str(study), "training.batches=300"]
    workspace = Path("runs/study") / f".{identity(load_config(study, ['training.batches=300']))[:12]}"
    with subprocess.Popen([sys.executable, "-c", _SAVES_OFTEN, *arguments], stdout=subprocess.PIPE) as process:
        while not list(workspace.glob("state-*.npz")):
            assert process.poll() is None, "it ended before a state was saved"
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert list(workspace.glob("state-*.npz"))
    assert call(*arguments, "--quiet").code == 0
    assert call(*arguments, "--quiet", "--runs", "calm").code == 0
    disturbed, (calm,) = only_run(), list_runs(Path("calm/study"))
    assert np.array_equal(disturbed.metrics["loss"], open_run(calm.path).metrics["loss"])


STEPS = {
    "return (1 / 0,)": "own.py:22: ZeroDivisionError: division by zero\n    return (1 / 0,)",
    "return new_BH": "own.py:20: pulled.step: it gives (2, 3, 3) float64; needed: a tuple (h,) of tensors of shape "
    "(2, 3, 3)",
    "return (new_BH.sum(dim=-1),)": "own.py:20: pulled.step: it gives ((2, 3) float64,); needed: a tuple (h,)",
    "return (new_BH - new_BH.mean(dim=-2, keepdim=True),)": "own.py:20: pulled.step: h of a sequence depends on the "
    "sequences beside it",
    "return (new_BH * weights['bias'].sum(),)": "own.py:20: pulled.step: h of a net in a stack is not what it is alone",
    "return (drive_BG,)": "own.py:20: pulled.step: no state depends on 'weight_hh'; leave it out",
}


@pytest.mark.parametrize("line", STEPS)
def test_a_fault_in_a_step_is_told_with_its_line(call: Call, study: Path, line: str) -> None:
    write(study.parent, with_step(line))
    for command in ("train", "check"):
        result = call(command, study)
        assert (result.code, result.out) == (2, "")
        assert result.err.replace(f"{study.parent}/", "").startswith(STEPS[line])
    assert list_runs(Path("runs/study")) == []


TASKS_WRONG = [
    ("x_BT1.copy()", "x_BT1[:, 0]", "its targets are (5, 1) float32; needed: (5, 4, 1) float32, or (5, 4) int64"),
    ("dtype=np.float32)", "dtype=np.float64)", "its inputs are (5, 4, 1) float64; needed: (5, 4, 1) float32"),
    ("return x_BT1, x", "return x_BT1 / count, x", "2 sequences and then 3 are not those of 5 at once"),
    ("return x_BT1, x_BT1.copy()", "return x_BT1", "it gives (5, 4, 1) float32; needed: arrays of inputs and of"),
]


@pytest.mark.parametrize(("right", "wrong", "sentence"), TASKS_WRONG)
def test_a_fault_in_a_task_is_told_with_its_line(
    call: Call, study: Path, right: str, wrong: str, sentence: str
) -> None:
    write(study.parent, OWN.replace(right, wrong))
    result = call("train", study)
    assert (result.code, result.out) == (2, "")
    assert f"own.py:46: echo.sample: {sentence}" in result.err


def test_a_fault_that_shows_in_training_alone_is_told_and_nobody_is_blamed_for_it(call: Call, study: Path) -> None:
    write(
        study.parent,
        OWN.replace("count):\n        import", "count):\n        if count == 4: raise OSError('no')\n        import"),
    )
    result = call("train", study)
    assert (result.code, result.out) == (2, "")
    assert "own.py:47: OSError: no\n    if count == 4" in result.err
    assert "fault of rnnlab" not in result.err


def test_in_a_worker_it_is_told_and_not_tried_again(call: Call, study: Path) -> None:
    write(study.parent, with_step("return (1 / 0,)"))
    result = call("sweep", study, "seed=0,1", "-j1", "--log", "log.txt")
    assert result.code == 2
    assert result.err.count(f"{study.parent}/own.py:22: ZeroDivisionError: division by zero\n") == 2
    log = Path("log.txt").read_text()
    assert log.count(" failed seed=") == 2
    assert "trying again" not in log
    (details,) = {path.read_text().count("Traceback") for path in Path("runs/study/logs").glob("seed*.log")}
    assert details == 1


def test_what_nobody_can_be_blamed_for_is_no_fault_of_rnnlab_either(
    call: Call, study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rnnlab.studies.making.make_results", lambda *_: 1 / 0)
    result = call("train", study)
    assert result.code == 2
    assert result.err.startswith(f"{study.parent}/own.py: with this code rnnlab failed (ZeroDivisionError: division by")
    Path(result.err.split(" are in ")[1].strip()).unlink()


def test_check_takes_its_own_step_in_complex_numbers(call: Call, study: Path) -> None:
    result = call("check", study, "--json")
    report = json.loads(result.out)
    assert report["agrees"]
    assert all(set(each["differences"]) == {"flow", "modules", "complex step"} for each in report["quantities"])
    arctan = call("check", study, "model.cell=elman", "model.nonlinearity=arctan")
    assert arctan.code == 0
    assert "complex step" in arctan.out.splitlines()[1]


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        ("new_BH.relu()", "not supported for complex types"),
        ("new_BH / (1 + new_BH.abs())", "it is not analytic (an absolute value, a real part)"),
    ],
)
def test_check_says_where_a_step_cannot_be_taken_in_complex_numbers(
    call: Call, study: Path, function: str, reason: str
) -> None:
    write(study.parent, with_step(f"return ({function},)"))
    result = call("check", study)
    assert result.code == 0
    assert "complex step: the step of 'pulled' cannot be taken in complex numbers: " in result.out
    assert reason in result.out


def test_keys_of_its_own_are_listed(call: Call, study: Path) -> None:
    for arguments in (["--keys", "--extension", study.with_name("own.py")], [study, "--keys"]):
        listed = call("validate", *arguments)
        assert (listed.code, listed.err) == (0, "")
        assert "model.pull  (a number above 0 and of at most 1; default 0.5)\n" in listed.out
        forget()
    assert "model.pull" not in call("validate", "--keys").out
    assert '"pull"' in call("validate", study, "--schema").out


def test_an_extension_may_be_named_on_the_command_line(call: Call, study: Path) -> None:
    study.write_text(CONFIG.replace("extensions: [own.py]\n", ""))
    assert "'pulled'" in call("train", study).err
    own = study.with_name("own.py")
    for command in (["train", "--quiet"], ["validate", "--quiet"], ["check"], ["sweep", "--dry-run"]):
        result = call(command[0], study, "--extension", own, *command[1:])
        assert (result.code, result.err) == (0, ""), command
    assert only_run().record.config["extensions"].keys() == {"own"}
    assert call("train", study, "--extension", "gone.py").err == (
        f"extension gone.py: there is no file {Path('gone.py').absolute()}\n"
    )


def test_the_example_runs_as_it_is_written(call: Call) -> None:
    made = call("init", "--extension")
    assert (made.code, made.out) == (0, "mine.py\nmine.yaml\nnext: rnnlab sweep mine.yaml\n")
    assert call("init", "--extension").err == "mine.py exists; name another file, or replace it with --force\n"
    assert call("init", "--extension", "sub/other").out.endswith("next: rnnlab sweep sub/other.yaml\n")
    assert "extensions: [other.py]" in Path("sub/other.yaml").read_text()
    assert call("init", "--extension", "a", "b.yaml").code == 2
    assert call("check", "mine.yaml").code == 0
    trained = call("train", "sub/other.yaml", "training.batches=20")
    assert (trained.code, "loss of: predict zero  1.7" in trained.out) == (0, True)
    swept = call("sweep", "mine.yaml", "training.batches=3", "-j1", "--on", "inline")
    assert swept.out.startswith("3 runs: 3 made")
