"""Faults of rnnlab itself, and what the machine lacks - memory, disk, permission: a sentence, a code, no traceback."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from rnnlab.cli import init
from tests.cli.conftest import Call


def test_a_fault_of_our_own_is_code_70_and_keeps_its_traceback_in_a_file(
    call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail() -> None:
        raise RuntimeError("an accident")

    monkeypatch.setattr(init, "shipped_configs", fail)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    result = call("init")
    assert (result.code, result.out) == (70, "")
    found = re.fullmatch(r"rnnlab: a fault of rnnlab itself \(RuntimeError\); the details are in (.+)\n", result.err)
    assert found
    details = Path(found[1]).read_text()
    assert details.startswith("rnnlab init\nTraceback (most recent call last):\n")
    assert details.endswith("RuntimeError: an accident\n")


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (MemoryError(), 1, "rnnlab: there is not enough memory for this; choose smaller sizes"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), 1, "rnnlab: there is not enough memory for this"),
        (OSError(errno.ENOSPC, "No space left on device", "a/b"), 1, "rnnlab: a/b: No space left on device"),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), 0, ""),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_what_the_machine_lacks_is_a_sentence(
    call: Call, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, sentence: str
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(init, "shipped_configs", fail)
    result = call("init")
    assert (result.code, result.out) == (code, "")
    assert result.err.startswith(sentence)


@pytest.mark.parametrize("command", ["train", "explore", "validate", "graph", "check"])
def test_several_values_are_refused_without_a_word_about_another_command_s_runs(call: Call, command: str) -> None:
    result = call(command, "tiny.yaml", "seed=1,2", "sweep.seeds=3")
    assert (result.code, result.out) == (2, "")
    assert result.err == (
        "command line: seed=1,2: several values are for `rnnlab sweep`; here a key takes one value\n"
        "command line: sweep.seeds=3: this is read by `rnnlab sweep` only; here one run is described\n"
    )


_LIMITED = """
import resource, sys
limit = int(sys.argv.pop(1))
from rnnlab.studies import training_loop
training_loop._SAVE_SECONDS = 0.0
training_loop._SAVE_SHARE = 1e9
from rnnlab.cli.main import main
import torch
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
main()
"""


@pytest.mark.parametrize(
    ("limit", "overrides", "file"),
    [
        (10, ["training.batches=0"], "owner.json"),
        (300, ["training.batches=0"], "config.yaml"),
        (3000, ["training.batches=0"], "metrics.npz"),
        (3000, ["training.batches=3000"], "state"),
    ],
)
def test_a_full_disk_is_a_sentence_and_the_same_command_goes_on(
    call: Call, limit: int, overrides: list[str], file: str
) -> None:
    arguments = ["train", "tiny.yaml", *overrides]
    unmeasured = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}  # a file, too
    done = subprocess.run(
        [sys.executable, "-c", _LIMITED, str(limit), *arguments],
        check=False, capture_output=True, text=True, env=unmeasured,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1, done.stderr
    assert "File too large; nothing finished is lost, and the same command goes on" in done.stderr
    assert not list(Path("runs/tiny").glob("*-*")), file
    assert call(*arguments).code == 0
    assert sorted(path.name for path in Path("runs/tiny").iterdir() if path.name.startswith(".")) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_runs_folder_that_may_not_be_written_is_a_sentence(call: Call) -> None:
    Path("runs").mkdir(mode=0o500)
    result = call("train", "tiny.yaml")
    assert (result.code, result.out) == (1, "")
    assert result.err == (
        "rnnlab: runs/tiny: Permission denied; nothing finished is lost, and the same command goes on\n"
    )
