"""The documentation tells the truth: its examples run, its tables are the program's, and the site builds."""

from __future__ import annotations

import importlib.util
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from docs import generate
from rnnlab.cli.main import app
from rnnlab.config import describe_keys
from tests.pages import ROOT, Reader, blocks_of, commands_of

PAGES = {
    page.relative_to(ROOT).as_posix(): page for page in [ROOT / "README.md", *sorted(generate.PAGES.rglob("*.md"))]
}
GROUP: Any = typer.main.get_command(app)


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reader:
    """Give somebody in an empty folder with the configs."""
    monkeypatch.chdir(tmp_path)
    for name in ("RNNLAB_RUNS", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    return Reader(tmp_path)


@pytest.mark.parametrize("page", [name for name, page in PAGES.items() if blocks_of(page)])
def test_every_example_of_a_page_runs(reader: Reader, page: str) -> None:
    reader.follow(blocks_of(PAGES[page]))


@pytest.mark.parametrize("page", PAGES)
def test_a_command_line_that_is_not_run_exists(page: str) -> None:
    for block in blocks_of(PAGES[page]):
        if block.language not in {"console", "pycon", "python"}:
            for line in re.findall(r"(?:^|/)(rnnlab [a-z]+\b[^|>\n#]*)", block.text, re.MULTILINE):
                words = shlex.split(line)[1:]
                GROUP.commands[words[0]].make_context(words[0], words[1:])


@pytest.mark.parametrize("page", PAGES)
def test_no_command_hides_where_it_is_not_tried(page: str) -> None:
    """A command in an indented block, or in a fence of another kind, would never be run."""
    text = PAGES[page].read_text(encoding="utf-8")
    assert not re.findall(r"^ {4,}\$? ?rnnlab .*$", text, re.MULTILINE)
    assert not [block for block in blocks_of(PAGES[page]) if block.language != "console" and list(commands_of(block))]


def test_the_menu_names_every_page_once() -> None:
    nav = re.findall(r": ([\w/-]+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(nav) == sorted(page.relative_to(generate.PAGES).as_posix() for page in generate.PAGES.rglob("*.md"))


def test_everything_generated_is_shown_on_a_page() -> None:
    texts = [page.read_text(encoding="utf-8") for page in generate.PAGES.rglob("*.md")]
    shown = {name for text in texts for name in re.findall(r"<!-- generated: (\S+) -->", text)}
    assert shown == set(generate.GENERATED)


def test_the_table_of_keys_is_the_schema() -> None:
    plain = generate.keys().replace("\\", "")
    for key in describe_keys():
        row = f"| `{key.key}` | {key.type} | {f'`{key.default}`' if key.default else ''} | {key.description} |"
        assert row in plain
    assert plain.count("\n| `") == len(describe_keys())


def test_every_command_and_option_is_described() -> None:
    text = generate.commands()
    for name, command in GROUP.commands.items():
        assert f"## `rnnlab {name}`\n\n{command.help}" in text
        for parameter in command.params:
            if parameter.param_type_name == "option" and not parameter.hidden:
                assert all(re.search(rf"`[^`\n]*{re.escape(option)}\b", text) for option in parameter.opts)


def test_every_quantity_that_a_run_records_is_described(reader: Reader) -> None:
    import rnnlab

    elman = rnnlab.train("configs/vanishing.yaml", ["task.seq_len=3"])
    lstm = rnnlab.train("configs/lstm.yaml", ["training.batches=0"])
    sections = dict(re.findall(r"^### `(\w+)`\n\n(.*?)(?=^#|\Z)", generate.quantities(), re.DOTALL | re.MULTILINE))
    assert sections.keys() >= {*elman.metrics, *lstm.metrics}
    assert [name for name, section in sections.items() if "```text" not in section] == ["param_names"]
    assert all(f"| `{name}` |" in generate.numbers() for name in elman.summary)


def test_a_dollar_in_code_is_no_formula() -> None:
    page = "One $a_b$.\n\n```console\n$ echo $?\n```\n\n`$x$` and\n\n$$\nx^2\n$$\n"
    drawn = generate.draw_formulas(page)
    assert "$ echo $?" in drawn
    assert "`$x$`" in drawn
    assert drawn.count("<math") == 2
    assert "$$" not in drawn


@pytest.mark.skipif(importlib.util.find_spec("zensical") is None, reason="needs pip install 'rnnlab[docs]'")
def test_the_site_builds_without_a_warning_and_needs_no_network(tmp_path: Path) -> None:
    config = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    generate.lay_out(tmp_path / config["docs_dir"])
    (tmp_path / "mkdocs.yml").write_bytes((ROOT / "mkdocs.yml").read_bytes())
    built = subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--strict"],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    pages = list((tmp_path / config["site_dir"]).rglob("*.html"))
    assert len(pages) > len(list(generate.PAGES.rglob("*.md")))
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert not re.findall(r"(?:src|href)=\"https?://[^\"]*\.(?:js|css|woff2?)\b|fonts\.g", text), page
        assert "<!-- generated" not in text
