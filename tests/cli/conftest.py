"""The command line called in this process: real main(), real exit codes, real streams."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer

from rnnlab.cli.main import app, main
from rnnlab.cli.signals import STOP

GROUP: Any = typer.main.get_command(app)
COMMANDS = sorted(GROUP.commands)

CONFIG = """\
# How small can a run be?
name: tiny
task: {seq_len: 4}
model: {hidden_size: 3}
training: {batches: 12, batch_size: 4, learning_rate: 0.01}
record: {every: 5, sequences: 3}
"""

DIVERGING = ["model.nonlinearity=identity", "training.optimizer=sgd", "training.learning_rate=1.5", "name=diverging"]


@dataclass(frozen=True)
class Result:
    """What a command leaves."""

    code: object
    out: str
    err: str


Call = Callable[..., Result]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[Call]:
    """Give a function that runs `rnnlab` with some arguments in an empty folder that holds tiny.yaml."""
    monkeypatch.chdir(tmp_path)
    for name in ("RNNLAB_RUNS", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)
    Path("tiny.yaml").write_text(CONFIG)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def run(*arguments: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["rnnlab", *map(str, arguments)])
        STOP.signal = None
        with pytest.raises(SystemExit) as left:
            main()
        streams = capsys.readouterr()
        return Result(left.value.code or 0, streams.out, streams.err)

    yield run
    STOP.signal = None
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def tiny(call: Call) -> Path:
    """Give the folder of a run that `rnnlab train tiny.yaml` has made."""
    assert call("train", "tiny.yaml", "--quiet").code == 0
    (folder,) = Path("runs/tiny").glob("*-*")
    return folder
