"""What is too large for this machine: refused where a run is made, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Call
from tests.studies.sweeping import EIGHT, write_config

HUGE = "model.hidden_size=1000000"


def test_train_refuses_before_anything_is_begun(call: Call, config: Path) -> None:
    result = call("train", config, HUGE, "training.batches=0")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("model.hidden_size: 1000000 needs about 20 TB of memory, most of it for the weights, ")
    assert not Path("runs").exists()


def test_validate_calls_it_valid_and_says_that_it_is_not_for_this_machine(call: Call, config: Path) -> None:
    result = call("validate", config, HUGE)
    assert (result.code, "hidden_size: 1000000" in result.out) == (0, True)
    assert result.err.startswith("valid, but not to be run on this machine: model.hidden_size: 1000000 needs about ")
    assert call("validate", config, HUGE, "--quiet").err == ""


@pytest.mark.parametrize("command", ["train", "sweep"])
def test_a_dry_run_plans_for_any_machine(call: Call, config: Path, command: str) -> None:
    result = call(command, config, HUGE, "-n")
    assert (result.code, result.err) == (0, "")


@pytest.fixture
def config(call: Call) -> Path:
    """Write a config into the current folder."""
    return write_config(Path(), EIGHT.split("sweep:", maxsplit=1)[0])
