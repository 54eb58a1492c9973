"""What is packaged: every folder of code, one version, and pins for every dependency."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_every_folder_of_code_is_packaged_and_nothing_else() -> None:
    folders = {file.parent for file in (ROOT / "rnnlab").rglob("*.py")}
    packages = {".".join(folder.relative_to(ROOT).parts) for folder in folders}
    listed = PROJECT["tool"]["setuptools"]["packages"]
    assert sorted(listed) == sorted(packages | {"rnnlab.configs"})
    assert listed == sorted(listed)
    for folder in folders:
        assert (folder / "__init__.py").exists()


def test_every_config_lies_where_the_package_data_looks() -> None:
    assert PROJECT["tool"]["setuptools"]["package-dir"]["rnnlab.configs"] == "configs"
    assert PROJECT["tool"]["setuptools"]["package-data"]["rnnlab.configs"] == ["**/*.yaml"]
    others = [file for file in (ROOT / "configs").rglob("*") if file.is_file() and file.suffix != ".yaml"]
    assert others == []


def test_the_version_is_that_of_the_newest_entry_of_the_changelog() -> None:
    entries = re.findall(r"^## (\d+\.\d+\.\d+)\b", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert entries[0] == PROJECT["project"]["version"]
    assert version("rnnlab") == PROJECT["project"]["version"]


def test_the_citation_names_this_version_and_this_license() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    project = PROJECT["project"]
    assert (citation["title"], citation["version"], citation["license"]) == (
        project["name"], project["version"], project["license"],
    )  # fmt: skip
    assert (citation["abstract"], citation["keywords"]) == (project["description"], project["keywords"])


def test_a_commit_is_checked_by_what_make_check_runs() -> None:
    recipe = re.search(r"^check:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert recipe
    checks = re.findall(r"\$\(BIN\)/(ruff \w+|mypy)", recipe[1])
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    entries = [hook["entry"].removesuffix(" --force-exclude") for repo in config["repos"] for hook in repo["hooks"]]
    assert [entry.removeprefix(".venv/bin/") for entry in entries if entry.startswith(".venv/")] == checks


def pins() -> list[tuple[str, str]]:
    """Read the names and versions of constraints.txt."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pairs = (line.split("==") for line in lines if line and not line.startswith("#"))
    return [(canonicalize_name(name), pinned) for name, pinned in pairs]


def test_no_package_is_pinned_twice() -> None:
    names = [name for name, _ in pins()]
    assert sorted(names) == sorted(set(names))


def test_every_python_that_is_admitted_is_classified_and_tried() -> None:
    prefix = "Programming Language :: Python :: "
    classified = [one.removeprefix(prefix) for one in PROJECT["project"]["classifiers"] if one.startswith(prefix)]
    tried = re.search(r"^PYTHONS \?= (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert tried
    assert [f"python{each}" for each in classified] == tried[1].split()
    assert PROJECT["project"]["requires-python"] == f">={classified[0]}"


def test_every_dependency_is_pinned_at_a_version_that_is_admitted() -> None:
    extras = PROJECT["project"].get("optional-dependencies", {})
    wanted = [*PROJECT["project"]["dependencies"], *(each for extra in extras.values() for each in extra)]
    for requirement in map(Requirement, [*wanted, *PROJECT["build-system"]["requires"]]):
        pinned = dict(pins()).get(canonicalize_name(requirement.name))
        assert pinned is not None, f"{requirement.name} is not pinned"
        assert requirement.specifier.contains(pinned), f"{requirement} does not admit {pinned}"


def test_the_command_is_the_main_of_the_command_line() -> None:
    assert PROJECT["project"]["scripts"] == {"rnnlab": "rnnlab.cli.entry:main"}
