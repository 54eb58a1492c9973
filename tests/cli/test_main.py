"""The frame of all commands: help, exit codes, streams, signals, and what is imported."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import pty
import re
import shlex
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from rnnlab.cli import init
from rnnlab.cli.main import app
from rnnlab.cli.signals import STOP
from rnnlab.config import identity, load_config
from rnnlab.shipped import shipped_configs
from tests.cli.conftest import Call
from tests.store.samples import make_run

GROUP: Any = typer.main.get_command(app)
COMMANDS = sorted(GROUP.commands)
MAIN = "from rnnlab.cli.main import main; main()"


def _shell(*arguments: str, **settings: Any) -> subprocess.CompletedProcess[str]:
    """Run rnnlab as a process of its own."""
    command = [sys.executable, "-c", MAIN, *arguments]
    return subprocess.run(command, check=False, text=True, **{"capture_output": True, "timeout": 120} | settings)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_ends_with_examples(call: Call, command: str) -> None:
    for flag in ("--help", "-h"):
        result = call(command, flag)
        assert (result.code, result.err) == (0, "")
        assert result.out.startswith(f"Usage: rnnlab {command} ")
        assert len(_examples(result.out)) >= 2, "the help shows examples"
        assert result.out.rindex("Examples:") > result.out.rindex("--help")


def test_help_lists_every_command(call: Call) -> None:
    result = call("--help")
    assert (result.code, result.err) == (0, "")
    for command in COMMANDS:
        assert f"\n  {command} " in result.out
    result = call()
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("Usage: rnnlab ")


def _examples(text: str) -> list[str]:
    """Give the command lines of a help text, without their comments, pipes and redirections."""
    lines = (line.strip() for line in text.splitlines())
    return [re.split(r"\s{2,}|\s[|>]", line)[0] for line in lines if re.match(r"rnnlab [a-z]+( |$)", line)]


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_every_example_is_a_command_line_that_exists(call: Call, command: str) -> None:
    examples = _examples(call(*filter(None, [command]), "--help").out)
    assert examples
    for example in examples:
        words = shlex.split(example)[1:]
        if words[0] in {"explore", "graph", "check", "labs", "plot"} - set(COMMANDS):
            continue  # of a part that is not there yet
        GROUP.commands[words[0]].make_context(words[0], words[1:])


def test_the_version_is_printed(call: Call) -> None:
    from importlib.metadata import version

    assert call("--version").out == f"rnnlab {version('rnnlab')}\n"


@pytest.mark.parametrize("arguments", [["nothing"], ["train"], ["ls", "--nothing"], ["train", "tiny.yaml", "--engine"]])
def test_wrong_usage_is_code_2_and_says_so(call: Call, arguments: list[str]) -> None:
    result = call(*arguments)
    assert (result.code, result.out) == (2, "")
    assert "Error: " in result.err
    assert "Traceback" not in result.err


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


# Streams


def test_piped_output_has_no_escape_codes(call: Call, tiny: Path) -> None:
    for arguments in (
        ["train", "tiny.yaml"],
        ["train", "tiny.yaml", "-f"],
        ["ls"],
        ["ls", "runs/tiny"],
        ["show", tiny],
    ):
        result = call(*arguments)
        assert "\x1b" not in result.out + result.err


LONG = ["training.batches=400", "record.every=20"]


def _in_terminal(folder: Path, *arguments: str, columns: int = 80, **environment: str) -> tuple[int, str]:
    """Run rnnlab on a terminal of so many columns; gives the exit code and all that was written."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    variables = {key: value for key, value in os.environ.items() if key not in {"COLUMNS", "LINES", "NO_COLOR"}}
    process = subprocess.Popen(
        [sys.executable, "-c", MAIN, *arguments],
        stdin=slave, stdout=slave, stderr=slave, cwd=folder, env=variables | {"TERM": "xterm"} | environment,
    )  # fmt: skip
    os.close(slave)
    written = b""
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:  # the other side is closed
            break
        if not part:
            break
        written += part
    os.close(master)
    return process.wait(), written.decode()


def _plain(text: str) -> list[str]:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).replace("\r", "\n").splitlines()


def test_the_end_of_train_fits_80_columns_and_a_bar_leaves_no_trace(tmp_path: Path) -> None:
    config = {"name": "t", "task": {"seq_len": 20}, "model": {"layers": 2, "nonlinearity": "identity"},
              "training": {"batches": 300}}  # fmt: skip
    (tmp_path / "t.yaml").write_text(yaml.safe_dump(config))
    code, written = _in_terminal(tmp_path, "train", "t.yaml", NO_COLOR="1")
    assert code == 0
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", written), "NO_COLOR is respected"
    lines = _plain(written)
    assert max(map(len, lines)) <= 80
    assert "||dL/dh_t||, layer 1, bars on a logarithmic scale   (10 of 20 timesteps)" in lines
    assert f"next: rnnlab show runs/t/default-{identity(load_config(tmp_path / 't.yaml'))[:12]}" in lines


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_ls_fits_the_terminal(tmp_path: Path, columns: int) -> None:
    for seed, scale in enumerate((0.5, 1.5)):
        config = {
            "seed": seed,
            "model": {"weight_scale": scale, "nonlinearity": ["tanh", "relu"][seed], "layers": seed},
        }
        make_run(tmp_path / "runs" / "study", seed, f"weight_scale={scale},nonlinearity=tanh,layers=2", config=config)
    for arguments in (["ls", "runs/study"], ["ls"]):
        code, written = _in_terminal(tmp_path, *arguments, columns=columns)
        assert code == 0
        lines = _plain(written)
        assert max(map(len, lines)) <= columns
        assert "\x1b" not in written
        assert ("radius first" in written or arguments == ["ls"]) is (columns == 200 or arguments == ["ls"])


def test_streams_that_are_closed_or_full_or_unread_leave_no_traceback(tmp_path: Path) -> None:
    for seed in range(300):
        make_run(tmp_path / "runs" / "study", seed, f"seed={seed}")
    rnnlab = f"{shlex.quote(sys.executable)} -c {shlex.quote(MAIN)}"
    for line, code in (
        ("ls runs/study >&-", 0),
        ("ls runs/study 2>&-", 0),
        ("ls nowhere 2>&-", 2),
        ("export runs/study --table probe >&-", 0),
        ("ls runs/study --json >/dev/full", 1),
        ("--version >/dev/full", 1),
    ):
        done = subprocess.run(
            f"{rnnlab} {line}", shell=True, check=False, capture_output=True, text=True, cwd=tmp_path, timeout=60
        )
        assert done.returncode == code, line
        assert "Traceback" not in done.stderr, line
        assert "Exception" not in done.stderr, line
    done = subprocess.run(
        f"{rnnlab} export runs/study --table loss --format json | head -1",
        shell=True, check=False, capture_output=True, text=True, cwd=tmp_path, timeout=60,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("[\n", "")


# Signals

_SLOW = """
import sys
from rnnlab.studies import training
training._SAVE_SECONDS = 0.02
from rnnlab.cli.main import main
main()
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_the_run_keeps_its_state_and_the_same_command_goes_on(
    call: Call, number: signal.Signals, code: int
) -> None:
    arguments = ["train", "tiny.yaml", "training.batches=6000", "--engine", "torch"]
    config = load_config("tiny.yaml", ["training.batches=6000"])
    workspace = Path("runs/tiny") / f".{identity(config)[:12]}"
    with subprocess.Popen(
        [sys.executable, "-c", _SLOW, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        while not list(workspace.glob("state-*.npz")):
            assert process.poll() is None, "it ended before a state was saved"
            time.sleep(0.005)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (code, "")
    assert err == "stopped; what was done is saved, and the same command goes on from there\n"
    (state,) = workspace.glob("state-*.npz")
    assert int(state.stem.partition("-")[2]) > 0
    assert not list(Path("runs/tiny").glob("*-*"))
    result = call(*arguments)
    assert result.code == 0
    assert result.out.startswith("completed in ")
    assert not workspace.exists()


def test_a_stop_that_comes_too_late_is_no_stop(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    real = shipped_configs

    def signalled() -> dict[str, Path]:
        os.kill(os.getpid(), signal.SIGTERM)
        return real()

    monkeypatch.setattr(init, "shipped_configs", signalled)
    assert call("init").code == 0
    assert STOP.signal == signal.SIGTERM


# Disks

_LIMITED = """
import resource, sys
limit = int(sys.argv.pop(1))
from rnnlab.studies import training
training._SAVE_SECONDS = 0.0
training._SAVE_SHARE = 1e9
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
    done = subprocess.run(
        [sys.executable, "-c", _LIMITED, str(limit), *arguments], check=False, capture_output=True, text=True
    )
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


# Imports

_MODULES = """
import json, sys
from rnnlab.cli.main import main
try:
    main()
except SystemExit:
    print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("arguments", "absent"),
    [
        (["--help"], {"torch", "numpy", "pydantic", "matplotlib", "rich", "yaml"}),
        # typer itself reads arguments with pydantic since 0.29, so what is asked here is that rnnlab does not.
        (["ls", "runs/study"], {"torch", "numpy", "rnnlab.config", "matplotlib", "rich"}),
        (["show", "runs/study"], {"torch", "rnnlab.config", "matplotlib", "rich"}),
        (["init"], {"torch", "numpy", "rnnlab.config", "matplotlib", "rich"}),
        (["validate", "--keys"], {"torch", "matplotlib", "rich"}),
    ],
)
def test_a_command_imports_only_what_it_needs(tmp_path: Path, arguments: list[str], absent: set[str]) -> None:
    make_run(tmp_path / "runs" / "study")
    done = subprocess.run(
        [sys.executable, "-c", _MODULES, *arguments], check=True, capture_output=True, text=True, cwd=tmp_path
    )
    assert absent & set(json.loads(done.stderr.splitlines()[-1])) == set()
