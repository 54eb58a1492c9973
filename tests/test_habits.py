"""What CONTRIBUTING.md asks of the tests, held by reading them: none asserts a time."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.sources import ROOT, relative, tree_of

CLOCKS = {"monotonic", "perf_counter", "process_time", "thread_time", "time"}

FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef


def timed_asserts(tree: ast.Module) -> Iterator[int]:
    """Give the lines of the asserts that compare what a clock told, at once or by a name that was given it."""
    for function in ast.walk(tree):
        if isinstance(function, FUNCTIONS):
            timed = _timed_names(function)
            for node in ast.walk(function):
                if isinstance(node, ast.Assert) and any(_is_timed(part, timed) for part in _compared(node)):
                    yield node.lineno


def _compared(node: ast.Assert) -> Iterator[ast.expr]:
    for part in ast.walk(node.test):
        if isinstance(part, ast.Compare):
            yield from (part.left, *part.comparators)


def _timed_names(function: ast.AST) -> set[str]:
    """Find the names that hold what a clock told, or what was computed from that."""
    timed: set[str] = set()
    while True:
        found = {
            name.id
            for node in ast.walk(function)
            if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign | ast.NamedExpr)
            if node.value is not None and _is_timed(node.value, timed)
            for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
            for name in ast.walk(target)
            if isinstance(name, ast.Name)
        }
        if found <= timed:
            return timed
        timed |= found


def _is_timed(expression: ast.expr, timed: set[str]) -> bool:
    return any(
        (isinstance(part, ast.Name) and part.id in timed) or (isinstance(part, ast.Call) and _is_clock(part.func))
        for part in ast.walk(expression)
    )


def _is_clock(function: ast.expr) -> bool:
    match function:
        case ast.Attribute(value=ast.Name(id="time"), attr=name) | ast.Name(id=name):
            return name.removesuffix("_ns") in CLOCKS
        case ast.Attribute(attr="total_seconds"):
            return True
    return False


def test_no_test_asserts_a_time() -> None:
    found = [
        f"{relative(file)}:{line}"
        for file in sorted((ROOT / "tests").rglob("*.py"))
        for line in sorted(set(timed_asserts(tree_of(file))))
    ]
    assert found == []


@pytest.mark.parametrize(
    "body",
    [
        "start = time.perf_counter()\n    work()\n    assert time.perf_counter() - start < 1.0",
        "start = time.monotonic_ns()\n    taken: int = time.monotonic_ns() - start\n    assert 0 < taken <= 10**9",
        "start = perf_counter()\n    a, b = 1, perf_counter()\n    share = (b - start) / a\n    assert share < 3, 'a'",
        "assert work() and (now() - began).total_seconds() < 60",
        "assert (taken := time.time()) and taken < 5",
    ],
)
def test_a_time_that_is_asserted_is_found(body: str) -> None:
    last = body.count("\n") + 2
    assert set(timed_asserts(ast.parse(f"def test() -> None:\n    {body}\n"))) == {last}


def test_a_deadline_that_raises_is_no_assertion() -> None:
    body = "end = time.monotonic() + 9\n    if time.monotonic() > end:\n        raise TimeoutError\n    assert done"
    assert list(timed_asserts(ast.parse(f"def test() -> None:\n    {body}\n"))) == []
