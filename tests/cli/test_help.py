"""The help of every command: its examples, its width, and what is not usage."""

from __future__ import annotations

import re
import shlex

import pytest

from tests.cli.conftest import COMMANDS, GROUP, Call


@pytest.mark.parametrize("command", COMMANDS)
def test_help_ends_with_examples(call: Call, command: str) -> None:
    for flag in ("--help", "-h"):
        result = call(command, flag)
        assert (result.code, result.err) == (0, "")
        assert result.out.startswith(f"Usage: rnnlab {command} ")
        assert len(_examples(result.out)) >= 2, "the help shows examples"
        assert result.out.rindex("Examples:") > result.out.rindex("--help")


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_every_line_of_the_help_fits_80_columns(call: Call, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = call(*filter(None, [command]), "--help").out.splitlines()
    assert len(lines) > 10
    assert [line for line in lines if len(line) > 80] == []


def test_help_lists_every_command(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    result = call("--help")
    assert "..." not in result.out.partition("Commands:")[2], "what a command does is said whole"
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
