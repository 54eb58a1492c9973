"""rnnlab explain and rnnlab critical: what they print, as text and as JSON, and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rnnlab.cli.signals import STOP
from tests.cli.conftest import DIVERGING, Call
from tests.cli.terminal import in_terminal, plain

QUESTIONS = [
    "Do gradients vanish or explode?",
    "Why?",
    "How far back does learning see?",
    "What would be the critical weight scale?",
    "What has training changed?",
]


def test_explain_answers_question_by_question_in_80_columns(call: Call, tiny: Path) -> None:
    result = call("explain", tiny)
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[0] == str(tiny)
    assert [line for line in lines[1:-3] if line and line[0] != " "] == QUESTIONS
    assert max(map(len, lines)) <= 80
    assert {line.split()[0] for line in lines if line.startswith("  ") and line[2] != " "} <= {
        "at", "fact", "reading", "advice",
    }  # fmt: skip
    assert "  at update 0" in lines
    assert "  at update 12" in lines
    assert "[exponent, exponent_stderr]" in " ".join(result.out.split())
    assert "lag_norm*]" in result.out
    assert call("explain", "runs/tiny").out == result.out


def test_explain_as_json_has_every_number_and_its_source(call: Call, tiny: Path) -> None:
    said = json.loads(call("explain", tiny, "--json").out)
    assert said["path"] == str(tiny)
    assert {finding["question"] for finding in said["findings"]} == set(QUESTIONS)
    assert all(
        finding.keys() == {"question", "level", "update", "sentence", "numbers", "uncertainty", "sources"}
        for finding in said["findings"]
    )
    exponent = next(finding for finding in said["findings"] if "exponent" in finding["numbers"])
    assert exponent["sources"][0] == {"file": "exponent.npz", "array": "exponent", "recorded": True}
    shown = json.loads(call("show", tiny, "--json").out)
    assert exponent["numbers"]["exponent"] == shown["summary"]["initial_exponent"]


def test_explain_fits_a_narrow_terminal(tiny: Path) -> None:
    code, written = in_terminal(Path.cwd(), "explain", str(tiny), columns=60)
    assert code == 0
    assert 50 < max(map(len, plain(written))) <= 60


def test_a_study_of_several_runs_is_no_run(call: Call, tiny: Path) -> None:
    call("train", "tiny.yaml", "seed=1", "--quiet")
    result = call("explain", "runs/tiny")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("runs/tiny holds 2 runs; name one of them, e.g. ")
    assert tiny.name in result.err
    assert call("explain", "runs/nothing").err == "there is no folder runs/nothing\n"


def test_a_run_that_has_changed_is_not_explained(call: Call, tiny: Path) -> None:
    content = bytearray((tiny / "weights.npz").read_bytes())
    content[-1] ^= 1
    (tiny / "weights.npz").write_bytes(content)
    result = call("explain", tiny)
    assert (result.code, result.out) == (2, "")
    assert "has changed since it was written" in result.err


def test_a_diverged_run_is_explained(call: Call) -> None:
    call("train", "tiny.yaml", *DIVERGING, "training.batches=400", "--quiet")
    result = call("explain", "runs/diverging")
    assert (result.code, result.err) == (0, "")
    assert "Training diverged: the loss at update" in result.out


def test_critical_gives_a_median_a_table_and_what_it_is_of(call: Call) -> None:
    result = call("critical", "tiny.yaml", "model.hidden_size=16", "--seeds", 3)
    assert (result.code, result.err) == (0, "")
    head, _, header, *rows = result.out.splitlines()
    assert head.startswith("critical weight scale ")
    assert "the median of 3 seeds, " in head
    assert header.split() == ["seed", "critical", "scale", "+-", "1/rho", "1/sigma"]
    scales = sorted(float(row.split()[1]) for row in rows[:3])
    assert [row.split()[0] for row in rows[:3]] == ["0", "1", "2"]
    assert head.split()[3] == f"{scales[1]:.3g}:"
    assert max(map(len, result.out.splitlines())) <= 80


def test_critical_as_json_and_quiet(call: Call) -> None:
    wanted = ["critical", "tiny.yaml", "model.hidden_size=16", "--seeds", 2]
    found = json.loads(call(*wanted, "--json").out)
    assert [each["seed"] for each in found["seeds"]] == [0, 1]
    assert found["lowest"] <= found["median"] <= found["highest"]
    assert all(len(each["exponents"]) == len(found["scanned"]) == 13 for each in found["seeds"])
    assert call(*wanted, "--quiet").out == ""


def test_critical_says_where_there_is_none(call: Call) -> None:
    result = call("critical", "tiny.yaml", "model.hidden_size=16", "--range", 0.1, 0.5, "--seeds", 2)
    assert result.code == 0
    assert result.out.startswith("no critical weight scale between 0.1 and 0.5 for any of 2 seeds (")
    assert "Seeds 0, 1: none from 0.1 to 0.5; gradients vanish at every scale of the scan." in _joined(result.out)
    result = call("critical", "tiny.yaml", "model.hidden_size=16", "--range", 6, 16, "--seeds", 1)
    assert "Seed 0: none from 6 to 16; gradients explode at every scale of the scan." in _joined(result.out)


def test_critical_says_where_it_jumps(call: Call) -> None:
    result = call("critical", "tiny.yaml", "model.nonlinearity=relu", "model.init=identity", "--seeds", 1)
    assert "there the exponent jumps; on one side gradients die altogether" in _joined(result.out)


def _joined(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("between", [(2, 1), (0, 1), (-1, 1), (1, "inf")])
def test_a_range_that_is_none_is_refused(call: Call, between: tuple[object, object]) -> None:
    result = call("critical", "tiny.yaml", "--range", *between)
    assert (result.code, result.out) == (2, "")
    assert "--range takes two scales, 0 < LOW < HIGH" in result.err


def test_critical_stops_when_it_is_asked_to(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(STOP), "asked", lambda _: True)
    result = call("critical", "tiny.yaml")
    assert (result.code, result.out) == (130, "")


def test_critical_shows_a_bar_on_a_terminal_that_is_gone_in_the_end(call: Call) -> None:
    del call  # it has made tiny.yaml
    code, written = in_terminal(Path.cwd(), "critical", "tiny.yaml", "model.hidden_size=16", "--seeds", "2")
    assert code == 0
    assert "nets" in written
    assert "\x1b[2K" in written, "the bar is wiped"
