"""The README tells the truth: its table of keys is the schema's, its commands and its Python run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from rnnlab.config import describe_keys
from rnnlab.flow import GROUPS

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def key_table() -> str:
    """Give the table of keys as the README must have it."""
    lines = ["| key | value | default | meaning |", "|---|---|---|---|"]
    for key in describe_keys():
        default = f"`{key.default}`" if key.default else ""
        lines.append(f"| `{key.key}` | {key.type} | {default} | {key.description} |")
    return "\n".join(lines)


def test_the_table_of_keys_is_the_schema() -> None:
    found = re.search(r"<!-- keys:.*?-->\n(.*?)\n<!-- /keys -->", README, re.DOTALL)
    assert found, "the README has no table of keys"
    assert found[1] == key_table()


def quantity_table() -> str:
    """Give the table of arrays as the README of the runs must have it."""
    rows = [f"| `{each.name}` | {each.shape} | {each.meaning} |" for each in GROUPS["base"].quantities]
    return "\n".join(["| array | shape, type | meaning |", "|---|---|---|", *rows])


def test_the_table_of_arrays_is_what_is_declared() -> None:
    text = (Path(__file__).parent.parent / "runs" / "README.md").read_text(encoding="utf-8")
    found = re.search(r"<!-- quantities:.*?-->\n(.*?)\n<!-- /quantities -->", text, re.DOTALL)
    assert found, "the README of the runs has no table of arrays"
    assert found[1] == quantity_table()


def test_its_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The examples as they stand; the one that reads runs needs a sweep, and is tried in tests/store."""
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(blocks) == 3
    names: dict[str, Any] = {}
    for block in blocks[1:]:
        exec(block, names)
    assert len(names["layer"].h_list) == 10
    assert len(names["terms"]) == 3


def test_every_command_it_names_exists() -> None:
    from rnnlab.cli.main import app

    known = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    named = set(re.findall(r"(?:^    |`)rnnlab ([a-z]+)", README, re.MULTILINE))
    assert {"train", "sweep"} <= named <= known
