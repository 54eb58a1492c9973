"""The examples of a page of documentation: found in its Markdown, run as they stand, and held against what is shown.

    ```console      lines that begin with `$ ` are run; what stands below one is what it prints; `...` for anything
    ```python       is executed, in one namespace a page
    ```pycon        is a session of the interpreter, held by doctest
    ```yaml title="study.yaml"    (or any language) is a file, written where the page's commands run
    ```sh           is not run (it opens a window, or takes a night); its command lines must exist

Every page runs in a folder of its own that holds the configs. A command must end with code 0, or with the code that an
`echo $?` after it shows. Times, dates, the engine and the last digits of numbers may differ from what is shown.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import math
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]

_FENCE = re.compile(r"^```(\w+)(?: +title=\"([^\"]+)\")?\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_TOLERANCE = 0.02
"""How far a shown number may be off: after training, digits depend on the processor."""


@dataclass(frozen=True)
class Block:
    """One fenced block."""

    language: str
    title: str | None
    text: str


def blocks_of(page: Path) -> list[Block]:
    """Give the fenced blocks of a page, in order."""
    return [Block(*found) for found in _FENCE.findall(page.read_text(encoding="utf-8"))]


def commands_of(block: Block) -> Iterator[tuple[str, str]]:
    """Give each command of a console block with what is shown below it."""
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        yield command, shown


@dataclass
class Reader:
    """Somebody who does what a page says, in a folder of its own."""

    folder: Path
    names: dict[str, Any] = field(default_factory=dict)
    code: int = 0

    def follow(self, blocks: list[Block]) -> None:
        """Run every block; a command that fails, or prints what the page does not show, is an AssertionError."""
        for block in blocks:
            if block.title:
                self._write(block.title, block.text)
            elif block.language == "console":
                self._type(block)
            elif block.language == "python":
                exec(compile(block.text, str(self.folder), "exec"), self.names)
            elif block.language == "pycon":
                self._interpret(block.text)

    def _write(self, name: str, text: str) -> None:
        """Write a file; one of rnnlab's own goes into a copy of it."""
        if name.startswith("rnnlab/") and not (self.folder / "rnnlab").exists():
            shutil.copytree(ROOT / "rnnlab", self.folder / "rnnlab", ignore=shutil.ignore_patterns("__pycache__"))
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def _type(self, block: Block) -> None:
        commands = list(commands_of(block))
        assert commands, f"a console block has no command:\n{block.text}"
        for index, (command, shown) in enumerate(commands):
            asked = index + 1 < len(commands) and commands[index + 1][0] == "echo $?"
            if command == "echo $?":
                assert shown.strip() == str(self.code)
                continue
            self.code, printed = self._run(command)
            assert asked or self.code == 0, f"$ {command}\nended with code {self.code}:\n{printed}"
            if shown:
                hold_alike(command, shown, printed)

    def _run(self, command: str) -> tuple[int, str]:
        """Run a command line; a plain one of rnnlab in this process, where everything is imported already."""
        plain = not re.search(r"[|<>;&$]", command) and not (self.folder / "rnnlab").exists()
        if plain and command.startswith("rnnlab "):
            return _call(_expand(shlex.split(command)))
        here = str(Path(sys.executable).parent)
        environment = os.environ | {"PATH": f"{here}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(self.folder)}
        done = subprocess.run(
            ["bash", "-c", command],
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
        )
        return done.returncode, done.stdout

    def _interpret(self, text: str) -> None:
        options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
        test = doctest.DocTestParser().get_doctest(text, self.names, "page", None, 0)
        report = io.StringIO()
        runner = doctest.DocTestRunner(optionflags=options)
        runner.run(test, out=report.write, clear_globs=False)
        self.names |= test.globs
        assert not runner.failures, report.getvalue()


def _expand(words: list[str]) -> list[str]:
    """Put the files that a pattern matches in its place, as a shell does."""
    return [file for word in words for file in (sorted(map(str, Path().glob(word))) if "*" in word else [word])]


def _call(words: list[str]) -> tuple[int, str]:
    from rnnlab.cli.main import main
    from rnnlab.cli.signals import STOP

    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    printed = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(printed),
        contextlib.redirect_stderr(printed),
    ):
        patch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as left:
            main()
    STOP.signal = None
    for number, handler in handlers.items():
        signal.signal(number, handler)
    code = left.value.code or 0
    assert isinstance(code, int)
    printed.seek(0)
    return code, printed.read()


def hold_alike(command: str, shown: str, printed: str) -> None:
    """Hold that a command printed what the page shows."""
    wanted, got = ([line.rstrip() for line in text.strip("\n").splitlines()] for text in (shown, printed))
    assert _fits(wanted, got), f"$ {command}\nprinted\n\n{printed}\nwhere the page shows\n\n{shown}"


def _fits(wanted: list[str], got: list[str]) -> bool:
    if not wanted:
        return not got
    if wanted[0] == "...":
        return any(_fits(wanted[1:], got[start:]) for start in range(len(got) + 1))
    return bool(got) and _same_line(wanted[0], got[0]) and _fits(wanted[1:], got[1:])


def _same_line(wanted: str, got: str) -> bool:
    if "..." in wanted:
        parts = (re.escape(" ".join(part.split())) for part in wanted.split("..."))
        return re.fullmatch(" ?.*".join(parts), " ".join(got.split())) is not None
    (words_a, numbers_a), (words_b, numbers_b) = map(_take_apart, (wanted, got))
    return words_a == words_b and all(_close(a, b) for a, b in zip_longest(numbers_a, numbers_b))


def _take_apart(line: str) -> tuple[str, list[str]]:
    """Give a line without what may differ, and its numbers."""
    for pattern in (
        r"(native|torch)(?= engine)",
        r"\b\d+(\.\d+)? s\b",
        r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?",
        r"[▏▎▍▌▋▊▉█]+",
    ):
        line = re.sub(pattern, "~", line)
    number = r"(?<!\w)-?\d+(?:\.\d+)?(?:e[-+]\d+)?(?!\w)"
    return " ".join(re.sub(number, "#", line).split()), re.findall(number, line)


def _close(a: str | None, b: str | None) -> bool:
    if a is None or b is None or a == b:
        return a == b
    return not (a.isdigit() and b.isdigit()) and math.isclose(float(a), float(b), rel_tol=_TOLERANCE)
