"""The sources of rnnlab and of its tests, read as syntax trees: what they import, define, compare."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]


@functools.cache
def tree_of(file: Path) -> ast.Module:
    """Parse a file, once."""
    return ast.parse(file.read_bytes(), filename=str(file))


@functools.cache
def modules() -> dict[str, Path]:
    """Give every module of rnnlab by its name; a package is the module of its `__init__.py`."""
    files = sorted((ROOT / "rnnlab").rglob("*.py"))
    names = (".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for file in files)
    return dict(zip(names, files, strict=True))


def imports_of(name: str) -> Iterator[tuple[str, int]]:
    """Give the modules of rnnlab that a module imports, inside of functions too, each with its line.

    What stands below `if TYPE_CHECKING:` is left out: it is never imported when the program runs.
    """
    for node in _that_runs(tree_of(modules()[name])):
        match node:
            case ast.ImportFrom(level=level) if level:
                raise ValueError(f"{name}:{node.lineno} imports by a relative name; write it in full")
            case ast.Import(names=aliases):
                yield from ((alias.name, node.lineno) for alias in aliases if alias.name.split(".")[0] == "rnnlab")
            case ast.ImportFrom(module=str(origin), names=aliases) if origin.split(".")[0] == "rnnlab":
                for alias in aliases:
                    below = f"{origin}.{alias.name}"
                    yield (below if below in modules() else origin), node.lineno


def _that_runs(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)):
            yield from _that_runs(child)


def relative(file: Path) -> str:
    """Write a path as it stands in the repository."""
    return file.relative_to(ROOT).as_posix()
