"""rnnlab verify: what is damaged, missing, unexpected, of a run, a study, everything."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Call


@pytest.mark.parametrize("path", [[], ["runs"], ["runs/tiny"], ["the run"]])
def test_what_is_whole_is_said_in_a_line(call: Call, tiny: Path, path: list[str]) -> None:
    result = call("verify", *(str(tiny) if each == "the run" else each for each in path))
    assert (result.code, result.out, result.err) == (0, "1 run: 1 whole\n", "")


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def _point_to(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "a bit": (
        lambda run: _flip(run / "weights.npz"),
        "damaged     {run}/weights.npz: it has changed since it was written",
    ),
    "cut": (
        lambda run: (run / "metrics.npz").write_bytes(b"PK"),
        "damaged     {run}/metrics.npz: it has 2 bytes where",
    ),
    "gone": (lambda run: (run / "config.yaml").unlink(), "missing     {run}/config.yaml: run.json names it"),
    "a folder": (lambda run: _point_to(run / "config.yaml"), "damaged     {run}/config.yaml: it is not a file"),
    "no run.json": (lambda run: (run / "run.json").unlink(), "missing     {run}/run.json: {run}/run.json is missing"),
    "other types": (lambda run: (run / "run.json").write_text('{"status": 1}'), "damaged     {run}/run.json: 'format'"),
    "no JSON": (
        lambda run: (run / "run.json").write_text("["),
        "damaged     {run}/run.json: {run}/run.json is damaged",
    ),
    "renamed": (lambda run: run.rename(run.with_name("other-000000000000")), "its name is not"),
    "the run": (shutil.rmtree, "missing     {run}: index.csv names it, and there is no such folder"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_what_is_damaged_or_missing_is_named_and_the_code_says_so(call: Call, tiny: Path, kind: str) -> None:
    damage, said = DAMAGE[kind]
    damage(tiny)
    result = call("verify", "runs/tiny")
    assert result.code == 2
    assert said.replace("{run}", str(tiny)) in result.out
    assert ": 0 whole, " in result.out


def test_what_is_not_of_the_run_is_named_and_does_no_harm(call: Call, tiny: Path) -> None:
    (tiny / "notes.txt").touch()
    result = call("verify", "--json")
    assert result.code == 0
    assert json.loads(result.out) == {
        "runs": 1,
        "whole": 1,
        "findings": [{"path": str(tiny / "notes.txt"), "kind": "unexpected", "words": "it is not of the run"}],
    }


def test_a_folder_that_is_not_there_is_a_sentence(call: Call) -> None:
    assert (call("verify", "nowhere").code, call("verify").code) == (2, 2)
