"""rnnlab labs: what it prints, draws and refuses, and that one number that is not reproduced is exit code 1."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import rnnlab.labs
from rnnlab.cli.signals import STOP
from rnnlab.labs import LABS, gradients, manual, sentiment
from tests.cli.conftest import Call, Result

NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w.])")


def test_labs_lists_the_five(call: Call) -> None:
    result = call("labs")
    assert (result.code, result.err) == (0, "")
    assert [line.split()[0] for line in result.out.splitlines()[1:]] == list(LABS)
    assert all(line in result.out for line in LABS.values())
    assert json.loads(call("labs", "--json").out) == LABS


def test_all_labs_reproduce_every_published_number(call: Call) -> None:
    """The whole table is read back: each published number stands in it, and the result beside it agrees."""
    result = call("labs", "--all")
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert max(map(len, lines)) <= 80
    assert [line for line in lines if re.search(r"\bNO\b|NOT", line)] == []
    assert [name for name, count in _counts(lines) if int(count) > 0] == list(LABS)
    pairs = _pairs(lines)
    agreeing = {number for got, number, verdict in pairs if verdict and abs(got - float(number)) <= 1e-4}
    assert {text(value) for lab in (manual, gradients) for value in _results(lab.PUBLISHED)} <= agreeing
    assert {text(value) for value in sentiment.PUBLISHED["total_loss_guide"]} <= {number for _, number, _ in pairs}


def text(value: float) -> str:
    return f"{value:.16f}" if round(value, 6) != value else f"{value:g}"


def _counts(lines: list[str]) -> list[tuple[str, str]]:
    found = (re.fullmatch(r"(\w+): (\d+) of \2 results agree", line) for line in lines[-len(LABS) :])
    return [(match[1], match[2]) for match in found if match]


def _results(published: dict[str, Any]) -> list[float]:
    """Give the numbers that a lab must find; what it is given is left out."""
    given = {"sequences", "pred", "target"}
    found: list[float] = []
    for key, value in published.items():
        if key not in given:
            found += _results(value) if isinstance(value, dict) else _flat(value)
    return found


def _flat(value: Any) -> list[float]:
    return [number for item in value for number in _flat(item)] if isinstance(value, list) else [value]


def _pairs(lines: list[str]) -> list[tuple[float, str, str]]:
    """Read every number that stands beside a result: (result, number as published, verdict)."""
    pairs: list[tuple[float, str, str]] = []
    row: list[str] = []
    for line in lines:
        verdict = "yes" if line.endswith("  yes") else ""
        got = re.search(r"\bgot  (.*)", line)
        beside = re.match(r" +published  (.*)", line)
        if beside:
            pairs += zip(map(float, row), _plain(beside[1]), [verdict] * len(row), strict=True)
        elif got:
            row = NUMBER.findall(got[1])
        else:
            words = re.split(r"\s{2,}", line.strip().removesuffix("yes").strip())
            if len(words) == 3 and all(map(NUMBER.fullmatch, words[1:])):  # one result a line
                pairs.append((float(words[1]), _plain(words[2])[0], verdict))
    return pairs


def _plain(part: str) -> list[str]:
    return [text(float(number)) for number in NUMBER.findall(part)]


def test_results_have_six_decimals_or_are_whole(call: Call) -> None:
    out = call("labs", "manual").out
    results = [number for line in re.findall(r"\bgot  (.*)", out) for number in NUMBER.findall(line)]
    assert len(results) == 8 + 6 + 9
    assert all("." not in number or len(number.partition(".")[2]) >= 6 for number in results)
    assert "  1.2063236236572266  yes" in out
    assert "  0.374913  yes" in out


def test_json_has_every_step(call: Call) -> None:
    facts = json.loads(call("labs", "sentiment", "--json").out)
    assert facts["reproduced"] is True
    first = facts["sections"][0]["steps"][0]
    assert first["what"] == "epoch 50"
    assert first["beside"] == {"source": "published", "value": 0.0816}
    assert first["agrees"] is None
    assert 0.05 < first["got"] < 0.5


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_a_number_that_is_not_reproduced_is_code_1(
    call: Call, monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...]
) -> None:
    monkeypatch.setitem(manual.PUBLISHED, "loss", 1.25)
    result = call("labs", "manual", *flags)
    assert (result.code, result.err) == (1, "")
    if flags:
        assert json.loads(result.out)["reproduced"] is False
    else:
        assert re.search(r"^  loss +1\.2063\d+ +1\.25000\d+ +NO$", result.out, re.MULTILINE)
        assert result.out.endswith("manual: 1 of 18 results do NOT agree: loss\n\n")


@pytest.mark.parametrize("name", LABS)
def test_each_lab_draws_its_figure(call: Call, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(gradients, "SHORT", 10)
    pictures = []
    for file in ("new/one.png", "two.png"):
        result = call("labs", name, "--save", file)
        assert (result.code, result.err) == (0, "")
        assert result.out.endswith(f"\n{file}\n")
        pictures.append(Path(file).read_bytes())
    assert pictures[0].startswith(b"\x89PNG")
    assert pictures[0] == pictures[1]
    assert len(pictures[0]) > 5000


def test_a_figure_can_be_svg(call: Call) -> None:
    assert call("labs", "handrnn", "--save", "paths.svg", "--json").code == 0
    assert "<svg" in Path("paths.svg").read_text()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["manuel"],
            "there is no lab 'manuel'; valid: manual, gradients, byhand, handrnn, sentiment. Did you mean 'manual'?",
        ),
        (["manual", "--all"], "got 'manual' and --all; valid: one of them"),
        (["manual", "--full"], "--full goes with the lab gradients, or with --all: no other lab takes long"),
        (["--save", "a.png"], "--save draws the figure of one lab; name it"),
        (["--all", "--save", "a.png"], "--save draws the figure of one lab; name it"),
        (["manual", "--save", "a.gif"], "--save: got 'a.gif'; valid: a file that ends in .png, .svg, .pdf"),
    ],
)
def test_what_does_not_go_together_is_refused(call: Call, arguments: list[str], sentence: str) -> None:
    result = call("labs", *arguments)
    assert (result.code, result.out, result.err) == (2, "", f"{sentence}\n")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_between_labs_and_within_training(
    call: Call, monkeypatch: pytest.MonkeyPatch, number: int, code: int
) -> None:
    def stopping(carry_out: Callable[..., Any]) -> Callable[..., Any]:
        def stop_first(name: str, **options: Any) -> Any:
            STOP.signal = number
            return carry_out(name, **options)

        return stop_first

    monkeypatch.setattr(rnnlab.labs, "carry_out", stopping(rnnlab.labs.carry_out))
    for arguments in (["manual"], ["gradients"], ["--all"]):
        assert call("labs", *arguments) == Result(code, "", "")
