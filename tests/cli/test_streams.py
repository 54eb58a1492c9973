"""Where output goes: pipes without escape codes, terminals of any width, streams that are closed, full or unread."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from rnnlab.cli.text import wrapped
from rnnlab.config import identity, load_config
from tests.cli.conftest import COMMANDS, CONFIG, Call
from tests.cli.terminal import MAIN, in_terminal, plain
from tests.store.samples import make_run


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


def test_the_end_of_train_fits_80_columns_and_a_bar_leaves_no_trace(tmp_path: Path) -> None:
    config = {"name": "t", "task": {"seq_len": 20}, "model": {"layers": 2, "nonlinearity": "identity"},
              "training": {"batches": 300}}  # fmt: skip
    (tmp_path / "t.yaml").write_text(yaml.safe_dump(config))
    code, written = in_terminal(tmp_path, "train", "t.yaml", NO_COLOR="1")
    assert code == 0
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", written), "NO_COLOR is respected"
    lines = plain(written)
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
        code, written = in_terminal(tmp_path, *arguments, columns=columns)
        assert code == 0
        lines = plain(written)
        assert max(map(len, lines)) <= columns
        assert "\x1b" not in written
        assert arguments == ["ls"] or "radius first" in written, "columns that do not fit are folded, not left out"


def test_what_has_diverged_stands_out_on_a_terminal_that_takes_colours(tmp_path: Path) -> None:
    for seed, status in enumerate(("completed", "diverged")):
        make_run(tmp_path / "runs" / "study", seed, f"seed={seed}", status=status)
    code, written = in_terminal(tmp_path, "ls", "runs/study", columns=200)
    loud = [line for line in written.splitlines() if "\x1b[1;31m" in line]
    assert (code, len(loud)) == (0, 1)
    assert "diverged" in loud[0]
    assert "\x1b" not in in_terminal(tmp_path, "ls", "runs/study", columns=200, NO_COLOR="1")[1]
    assert "\x1b" not in in_terminal(tmp_path, "ls", "runs/study", columns=200, TERM="dumb")[1]


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


def test_a_message_is_broken_between_words_and_what_fits_stays_as_it_is() -> None:
    message = "a.yaml: one two  three\n\n  key  = 1\n  some-long-option=/path/that/is/long and more words"
    assert wrapped(message, 20).split("\n") == [
        "a.yaml: one two",
        "  three",
        "",
        "  key  = 1",
        "  some-long-option=/path/that/is/long",
        "    and more words",
    ]
    assert wrapped(message, None) == message


WRONG = {
    "best": ["runs/study", "--by", "nothing"],
    "check": ["tiny.yaml", "model.hiden_size=3", "task.nothing=1", "model.cell=lsmt"],
    "critical": ["tiny.yaml", "--seeds", "none"],
    "diff": ["nowhere", "here"],
    "doctor": ["--nothing"],
    "explain": ["runs/study"],
    "explore": ["tiny.yaml", "--save", "flow.jpg", "--weight-scale", "nan"],
    "export": ["runs/study", "--table", "nothing", "--format", "nothing"],
    "graph": ["tiny.yaml", "--format", "gif", "--style", "none"],
    "init": ["nothing"],
    "labs": ["manuel"],
    "ls": ["runs", "--where", "nothing=1"],
    "mv": ["runs/nothing", "runs/other"],
    "note": ["runs/study/seed=9", "a note on a run that is not there"],
    "pack": ["runs/study", "--out", "a-name-that-ends-in-something-else-than-what-an-archive-should-end-in.zip"],
    "rm": ["runs/nothing"],
    "tag": ["runs/study", "no", "tag=at", "all"],
    "unpack": ["nowhere.tar.gz", "--runs", "somewhere"],
    "measure": ["runs/study", "--quantities", "gradients,of,some,kind"],
    "plot": ["runs/study", "--kind", "nothing"],
    "show": ["runs/study/seed=9"],
    "sweep": ["tiny.yaml", "--max-time", "soon"],
    "train": ["tiny.yaml", "training.batches=1000000000000000000000000", "model.weight_scale=1,2,3,4,5,6,7,8,9,10"],
    "verify": ["nowhere"],
    "validate": ["tiny.yaml", "model=3", "seed=1.5"],
}
"""For each command something that it refuses, with a sentence as long as they come."""


@pytest.mark.parametrize("command", COMMANDS)
def test_every_error_fits_a_terminal_of_80_columns(tmp_path: Path, command: str) -> None:
    (tmp_path / "tiny.yaml").write_text(CONFIG)
    for seed in range(2):
        make_run(tmp_path / "runs" / "study", seed, f"seed={seed}")
    code, written = in_terminal(tmp_path, command, *WRONG[command])
    assert code == 2
    lines = plain(written)
    assert lines
    assert [line for line in lines if len(line) > 80] == []
