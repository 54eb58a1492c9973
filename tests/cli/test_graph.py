"""`rnnlab graph`: what it writes, and what it says to wrong wishes."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Call


def test_a_picture_is_written_and_named(call: Call) -> None:
    result = call("graph", "tiny.yaml", "--format", "svg", "--out", "deep/graph.svg")
    assert (result.code, result.out) == (0, "deep/graph.svg\n")
    assert Path("deep/graph.svg").read_text().startswith("<?xml")


def test_without_out_it_is_named_after_the_study(call: Call) -> None:
    assert call("graph", "tiny.yaml").out == "tiny-graph.png\n"


def test_dot_goes_to_stdout(call: Call) -> None:
    assert call("graph", "tiny.yaml", "--format", "dot").out.startswith("digraph rnn {")


def test_paths_are_counted(call: Call) -> None:
    result = call("graph", "tiny.yaml", "task.seq_len=4", "--paths", "U")
    assert result.err == "10 paths from U to L\n"


def test_wrong_wishes_are_sentences(call: Call) -> None:
    result = call("graph", "tiny.yaml", "--paths", "X")
    assert (result.code, result.err) == (2, "--paths: got 'X'; valid: U, W, b\n")
    result = call("graph", "tiny.yaml", "--format", "gif")
    assert result.code == 2
    assert "valid: png, svg, pdf, dot" in result.err
