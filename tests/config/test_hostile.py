"""Broken files by the thousand: each is a config or a list of problems, and never a traceback."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from rnnlab.config import Config, ConfigError, load_config, load_sweep

VALID = """\
name: study
seed: 3
task:
  kind: cumulative-average
  seq_len: 10
model:
  cell: elman
  nonlinearity: tanh    # a comment
  weight_scale: 1.5
training: {batches: 100, optimizer: "adam", clip_norm: null}
record:
  weights: false
sweep:
  axes:
    model.weight_scale: {linspace: [0.25, 2.5, 3]}
    model.cell: [elman, 'lstm']
  seeds: 3
  zip: [[model.weight_scale, seed]]
  exclude:
    - {model.cell: lstm, seed: [1, 2]}
"""
JUNK = [
    "null", "[1, 2", "{a: 1}", "&a x", "*a", "!!python/object:os.system x", '"\\UFFFFFFFF"', '"\\ud800"', "9" * 5000,
    "1e999", ".nan", "- x", "? x", "|", ">", "%YAML 9.9\n---", "---", "...", "\t", "@", "`", "<<: *a", "[" * 30,
    "{" * 50,
    "'", '"', "\ufeff", "\0", "\x07", "é", "0x" + "f" * 400, "!", "&", "*", "-1", "true", ": ", "#", "%TAG ! tag:x",
    "\u2028", "\x85", "{linspace: [0, 1, 1000000000000]}", "{range: [0, 1e300, 1e-300]}", "{logspace: [1, 1000, 3]}",
    "{range: [0, 1, 0]}", "12:30", "? [a]\n: b", "\r", '"\\x4"', "[[]]", "{}", "[]", "~: ~",
]  # fmt: skip


def broken(rng: random.Random) -> bytes:
    """Break the valid text in one to four places."""
    text = VALID
    for _ in range(rng.randint(1, 4)):
        lines, at = text.split("\n"), rng.randrange(len(text) + 1)
        one, other = rng.randrange(len(lines)), rng.randrange(len(lines))
        match rng.randrange(6):
            case 0:
                text = text[:at] + text[at + rng.randint(1, 5) :]
            case 1:
                text = text[:at] + rng.choice(JUNK) + text[at:]
            case 2:
                text = "\n".join(lines[:one] + lines[one + 1 :])
            case 3:
                lines[one] = lines[one].split(":")[0] + ": " + rng.choice(JUNK)
                text = "\n".join(lines)
            case 4:
                lines[one], lines[other] = lines[other], lines[one]
                text = "\n".join(lines)
            case 5:
                text = text[:at] + chr(rng.choice([rng.randrange(128), rng.randrange(0xD000)])) + text[at:]
    content = text.encode()
    if rng.randrange(20) == 0:
        at = rng.randrange(len(content))
        content = content[:at] + rng.randbytes(4) + content[at:]
    return content


def check_problems(error: ConfigError, content: bytes) -> None:
    """Each problem has a line of the file; only a file that is no text at all has none."""
    lines = len(content.decode(errors="replace").splitlines()) + 1
    for problem in error.problems:
        assert "\n" not in str(problem)
        assert problem.source == "a.yaml"
        if problem.line is None:
            assert problem.message.startswith(
                ("this is a binary file", "the config is empty", "the file is written in")
            )
        else:
            assert 1 <= problem.line <= lines
            assert (problem.column or 0) >= 1
    str(error).encode()


@pytest.mark.parametrize("part", range(8))
def test_a_broken_file_is_a_config_or_a_list_of_problems(
    part: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rng = random.Random(part)
    refused = 0
    for _ in range(250):
        content = broken(rng)
        Path("a.yaml").write_bytes(content)
        for load in (load_config, lambda path: load_sweep(path).expand().runs[0].config):
            try:
                assert isinstance(load("a.yaml"), Config)
            except ConfigError as error:
                refused += 1
                check_problems(error, content)
    assert 300 < refused < 500  # most are broken, and not all


@pytest.mark.parametrize("text", ["[" * 100_000, "{" * 100_000, "- " * 100_000, "? " * 100_000, "a: " * 100_000])
def test_deep_nesting_is_refused_at_once(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.yaml").write_text(text)
    with pytest.raises(ConfigError):
        load_config("a.yaml")


def test_random_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rng = random.Random(0)
    for _ in range(200):
        content = bytes(rng.choice(b"\n :-[]{}'\"&*!%#,?|>@`\tab1\xff\xc3\x80") for _ in range(rng.randint(1, 60)))
        Path("a.yaml").write_bytes(content)
        with pytest.raises(ConfigError) as caught:
            load_config("a.yaml")
        check_problems(caught.value, content)
