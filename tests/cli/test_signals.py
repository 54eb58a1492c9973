"""Signals: a run that is stopped keeps what it has, and the same command goes on from there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rnnlab.cli import init
from rnnlab.cli.signals import STOP
from rnnlab.config import identity, load_config
from rnnlab.shipped import shipped_configs
from tests.cli.conftest import Call

_SLOW = """
import sys
from rnnlab.studies import training_loop
training_loop._SAVE_SECONDS = 0.02
from rnnlab.cli.main import main
main()
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_the_run_keeps_its_state_and_the_same_command_goes_on(
    call: Call, number: signal.Signals, code: int
) -> None:
    long = "training.batches=3000"  # more than a second with this engine
    arguments = ["train", "tiny.yaml", long, "--engine", "torch"]
    config = load_config("tiny.yaml", [long])
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
