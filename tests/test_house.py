"""The house keeps its order: rooms import upwards only, a name means one thing, a cell is compared with nowhere.

The order of the rooms stands in CONTRIBUTING.md alone, and is read from there.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter

import pytest

from tests.sources import ROOT, imports_of, modules, relative, tree_of

CELLS = {"elman", "lstm", "gru"}

FOUNDATIONS = {"errors", "nested", "picking", "shipped", "words"}
"""Single modules above all rooms, which import none of them."""


def rooms() -> list[str]:
    """Read the rooms in their order, the highest first, from the list in CONTRIBUTING.md."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    listing = re.search(r"^## The house\n+    rnnlab/\n((?:      .*\n)+)", text, re.MULTILINE)
    assert listing, "CONTRIBUTING.md has no list of rooms below '## The house'"
    return re.findall(r"^      (\w+)(?:/|\.py)(?: |$)", listing[1], re.MULTILINE)


def room_of(module: str) -> str:
    """Give the room of a module: `rnnlab.nets.cells` stands in nets."""
    return [*module.split("."), ""][1]


def test_every_room_stands_in_the_list() -> None:
    there = {room_of(name) for name in modules()} - FOUNDATIONS - {"", "__main__"}
    assert sorted(rooms()) == sorted(there)


@pytest.mark.parametrize("room", rooms())
def test_a_room_imports_only_rooms_above_it(room: str) -> None:
    """Imports inside of functions count; those for the type checker alone do not.

    The labs are written as a reader would write them, and may take the public names from `rnnlab` itself.
    """
    admitted = {*rooms()[: rooms().index(room) + 1], *FOUNDATIONS, *([""] if room == "labs" else [])}
    wrong = [
        f"{relative(modules()[name])}:{line} imports {imported}"
        for name in modules()
        if room_of(name) == room
        for imported, line in imports_of(name)
        if room_of(imported) not in admitted
    ]
    assert wrong == []


@pytest.mark.parametrize("name", sorted(FOUNDATIONS))
def test_what_stands_above_all_rooms_imports_none(name: str) -> None:
    assert list(imports_of(f"rnnlab.{name}")) == []


def circles() -> list[set[str]]:
    """Find modules that import each other in a circle, one circle after the other."""
    graph = {name: {imported for imported, _ in imports_of(name)} - {"rnnlab"} for name in modules()}
    found: list[set[str]] = []
    while True:
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            circle = error.args[1]
            found.append(set(circle))
            graph[circle[1]] = graph[circle[1]] - {circle[0]}
        else:
            return found


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Nor where one of the imports stands inside of a function."""
    assert circles() == []


def test_no_class_name_is_defined_twice() -> None:
    homes: dict[str, set[str]] = defaultdict(set)
    for file in modules().values():
        for node in ast.walk(tree_of(file)):
            if isinstance(node, ast.ClassDef):
                homes[node.name].add(relative(file))
    twice = {name: files for name, files in homes.items() if len(files) > 1}
    assert twice == {}


def test_no_module_is_hidden_by_what_its_package_gives_under_its_name() -> None:
    hidden = set()
    for package, file in modules().items():
        if file.name == "__init__.py":
            for node in tree_of(file).body:
                if isinstance(node, ast.ImportFrom):
                    given = {alias.asname or alias.name for alias in node.names} - _imported_modules(node)
                    hidden |= {f"{package}.{name}" for name in given} & modules().keys()
    assert hidden == set()


def _imported_modules(node: ast.ImportFrom) -> set[str]:
    """Name what an import takes that is a module itself."""
    return {alias.name for alias in node.names if f"{node.module}.{alias.name}" in modules()}


def test_no_name_of_a_cell_is_compared_with_or_looked_up_outside_of_the_cells() -> None:
    found = {
        relative(file)
        for name, file in modules().items()
        if not name.startswith("rnnlab.nets.cells")
        for node in ast.walk(tree_of(file))
        if CELLS.intersection(_chosen_by(node))
    }
    assert found == set()


def _chosen_by(node: ast.AST) -> Iterator[object]:
    """Give the constants that decide something: sides of comparisons, cases of a match, keys of a mapping."""
    deciding: list[ast.expr] = []
    match node:
        case ast.Compare(left=left, comparators=others):
            deciding = [left, *others]
        case ast.MatchValue(value=value):
            deciding = [value]
        case ast.Dict(keys=keys):
            deciding = [key for key in keys if key is not None]
    for expression in deciding:
        yield from (part.value for part in ast.walk(expression) if isinstance(part, ast.Constant))
