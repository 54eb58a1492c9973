"""What files, names and folders say, and who wrote them, steers no terminal, no spreadsheet, no program."""

from __future__ import annotations

import csv
import json
import os
import subprocess
from pathlib import Path

import pytest

from rnnlab.cli.recorded import recorded_command
from rnnlab.store.atomic import csv_text
from rnnlab.studies.provenance import git_commit
from tests.cli.conftest import Call
from tests.store.samples import edit_info
from tests.studies.sweeping import BARE, command

STEERING = "\x1b]0;title\x07\x1b[31m\u202eevil\x9b1A\r"


@pytest.mark.parametrize(
    "arguments", [["show", "{run}"], ["ls", "runs/tiny"], ["ls", "{run}"], ["ls"], ["diff", "{run}", "{run}"],
                  ["export", "{run}"], ["ls", "runs/tiny", "--csv"], ["verify", "runs"], ["show", "{run}", "--json"]],
)  # fmt: skip
def test_no_escape_sequence_of_a_file_or_a_name_reaches_the_terminal(
    call: Call, tiny: Path, arguments: list[str]
) -> None:
    edit_info(tiny, command=STEERING, engine=STEERING, versions={STEERING: STEERING}, flags=[STEERING])
    renamed = tiny.rename(tiny.with_name(f"{STEERING}{tiny.name[-13:]}"))
    result = call(*(each.replace("{run}", str(renamed)) for each in arguments))
    shown = result.out + result.err
    assert [letter for letter in shown if not letter.isprintable() and letter not in "\n\t"] == []
    assert result.code in {0, 2}
    assert "evil" in shown or arguments[0] in {"ls", "verify"} or "--json" in arguments


def test_a_name_that_is_not_utf_8_is_a_name(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("this file system takes no such name")
    (folder / "tiny.yaml").write_text("task: {seq_len: 3}\nmodel: {hidden_size: 2}\ntraining: {batches: 0}\n")
    runs = folder / "r"
    lines: list[list[str | Path]] = [
        ["train", "tiny.yaml"],
        ["train", folder / "tiny.yaml", "--runs", runs],
        ["ls", runs],
    ]
    lines += [["show", runs / "tiny"], ["verify", runs], ["export", runs / "tiny"]]
    for line in lines:
        done = subprocess.run(command(*line), cwd=folder, env=BARE, capture_output=True, check=False, timeout=120)
        assert (done.returncode, b"Traceback" in done.stderr) == (0, False), done.stderr
    (run_json,) = (runs / "tiny").glob("*/run.json")
    assert "caf\\udce9" in json.loads(run_json.read_text(encoding="utf-8"))["command"]


def test_text_that_a_spreadsheet_would_compute_stays_text() -> None:
    cells = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://evil")', "a=b", "tanh"]
    (header, row) = csv.reader(csv_text(cells, [[*cells[:-1], -1.5]]).splitlines())
    assert header[-2:] == ["a=b", "tanh"]
    assert all(cell.startswith("'") for cell in (*header[:-2], *row[:-2]))
    assert row[-1] == "-1.5"


@pytest.mark.parametrize(
    ("arguments", "kept"),
    [
        (["train", "a.yaml", "--token", "abc"], "rnnlab train a.yaml --token '***'"),
        (["train", "a.yaml", "--api-key=abc"], "rnnlab train a.yaml '--api-key=***'"),
        (["train", "a.yaml", "PASSWORD=abc"], "rnnlab train a.yaml 'PASSWORD=***'"),
        (["train", "https://me:abc@host/a.yaml"], "rnnlab train 'https://***@host/a.yaml'"),
        (["train", "a.yaml", "--runs", "/x/ghp_0123456789abcdef"], "rnnlab train a.yaml --runs '/x/***'"),
        (["train", "a.yaml", "seed=1", "task.seq_len=3"], "rnnlab train a.yaml seed=1 task.seq_len=3"),
        (["train", "a\x1b.yaml"], "rnnlab train 'a\\x1b.yaml'"),
    ],
)
def test_what_looks_like_a_secret_is_not_recorded(arguments: list[str], kept: str) -> None:
    assert recorded_command(arguments) == kept


IDENTITY = {f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def _git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, env={**os.environ, **IDENTITY})


def test_a_repository_executes_nothing(tmp_path: Path) -> None:
    """Its configuration names programs for watching, for hooks and for filters: all would leave a mark."""
    mark, program = tmp_path / "mark", tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {mark}\ncat\n")
    program.chmod(0o755)
    folder = tmp_path / "repository"
    folder.mkdir()
    _git(folder, "init")
    (folder / "a.txt").write_text("a\n")
    (folder / ".gitattributes").write_text("*.txt filter=evil\n")
    _git(folder, "add", ".")
    _git(folder, "commit", "-m", "first")
    for name in ("post-index-change", "reference-transaction", "pre-auto-gc", "fsmonitor-watchman"):
        (folder / ".git" / "hooks").mkdir(exist_ok=True)
        (folder / ".git" / "hooks" / name).write_text(program.read_text())
        (folder / ".git" / "hooks" / name).chmod(0o755)
    included = folder / ".git" / "included"
    included.write_text(
        f'[filter "evil"]\n clean = {program}\n smudge = {program}\n process = {program}\n required = true\n'
    )
    for key, value in {"core.fsmonitor": program, "core.pager": program, "diff.external": program,
                       "include.path": included, "core.sshCommand": program}.items():  # fmt: skip
        _git(folder, "config", key, str(value))
    assert not mark.exists()
    (folder / "a.txt").write_text("changed\n")
    state = git_commit(folder)
    assert state is not None
    assert state.changed
    assert not mark.exists()
