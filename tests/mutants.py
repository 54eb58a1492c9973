"""Mutants, run by hand: `python -m tests.mutants rnnlab/flow rnnlab/nets [--count N] [--seed N]`.

Each mutant is one small change of one file: a comparison, a constant, an operator, a condition, a keyword or the call
of a return. It is killed if the tests of the file's room fail (tests/flow for rnnlab/flow), or take too long. One that
survives shows what no test holds, or what changes nothing. The tree is worked on as a copy; itself it stays as it is.
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
COPIED = ("rnnlab", "tests", "configs", "pyproject.toml", "setup.py", "README.md", "CHANGELOG.md", "runs/README.md")

OPERATORS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.MatMult: ast.Add, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """A change of one expression: where it stands in its file, in bytes, and what takes its place."""

    file: Path
    line: int
    start: int
    end: int
    old: str
    new: str

    def apply(self, source: bytes) -> bytes:
        """Give the source with the change."""
        return source[: self.start] + f"({self.new})".encode() + source[self.end :]

    def __str__(self) -> str:
        differing = (place for place, (old, new) in enumerate(zip(self.old, self.new, strict=False)) if old != new)
        same = next(differing, 0)
        old, new = (text[max(0, same - 30) : same + 50] for text in (self.old, self.new))
        return f"{self.file}:{self.line}: {old} -> {new}"


def changes_of(node: ast.AST) -> Iterator[ast.AST]:
    """Give every change of one expression, without those inside of it."""
    changed = copy.deepcopy(node)
    match changed:
        case ast.Compare(ops=[operator]) if type(operator) in OPERATORS:
            changed.ops = [OPERATORS[type(operator)]()]  # type: ignore[list-item] # a comparison becomes one
            yield changed
        case ast.BinOp(op=operator) | ast.BoolOp(op=operator) if type(operator) in OPERATORS:
            changed.op = OPERATORS[type(operator)]()  # type: ignore[assignment] # and so does an operator
            yield changed
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield operand
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(number)):
            yield ast.Constant(number + 1)
        case ast.Constant(value=float(number)):
            yield ast.Constant(number * 2 or 1.0)
        case ast.Call(keywords=keywords):
            for place in range(len(keywords)):
                fewer = copy.deepcopy(changed)
                del fewer.keywords[place]
                yield fewer
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test) | ast.comprehension(ifs=[test]):
            yield ast.UnaryOp(ast.Not(), test)
        case ast.Return(value=ast.Call(args=[first, *_])) if not isinstance(first, ast.Starred):
            yield first


def expressions(node: ast.AST) -> Iterator[ast.AST]:
    """Walk through what is computed: no annotations, decorators, raised messages, nor insides of f-strings."""
    skipped: tuple[ast.AST | None, ...] = ()
    match node:
        case ast.JoinedStr() | ast.Raise() | ast.Assert():
            return
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return
        case ast.FunctionDef(args=arguments, decorator_list=decorators, returns=returns):
            annotated = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
            skipped = (*decorators, returns, *annotated)
        case ast.ClassDef(decorator_list=decorators):
            skipped = tuple(decorators)
        case ast.AnnAssign(annotation=annotation):
            skipped = (annotation,)
    yield node
    for child in ast.iter_child_nodes(node):
        if not any(child is one for one in skipped):
            yield from expressions(child)


def mutants_of(file: Path) -> Iterator[Mutant]:
    """Give every mutant of a file."""
    source = (ROOT / file).read_bytes()
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for node in expressions(ast.parse(source)):
        place = node
        match node:
            case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test) | ast.comprehension(ifs=[test]):
                place = test
            case ast.Return(value=ast.expr() as value):
                place = value
        for change in changes_of(node):
            assert isinstance(place, ast.expr)
            assert place.end_lineno is not None
            assert place.end_col_offset is not None
            start = starts[place.lineno - 1] + place.col_offset
            end = starts[place.end_lineno - 1] + place.end_col_offset
            yield Mutant(file, place.lineno, start, end, ast.unparse(place), ast.unparse(change))


def sampled(folder: Path, count: int, seed: int) -> list[Mutant]:
    """Draw so many mutants of a room, always the same ones, in the order of the files."""
    files = [path.relative_to(ROOT) for path in sorted((ROOT / folder).rglob("*.py"))] or [folder]
    every = [mutant for file in files for mutant in mutants_of(file)]
    places = sorted(random.Random(seed).sample(range(len(every)), min(count, len(every))))
    return [every[place] for place in places]


def copied(folder: Path) -> None:
    """Copy what the tests need."""
    for name in COPIED:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(ROOT / name, folder / name)


def passes(folder: Path, tests: list[str], seconds: float) -> bool:
    """Run tests in the copy; a file that is named like what they test goes first."""
    environment = os.environ | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    words = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    try:
        done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def survivors(mutants: list[Mutant], tests: list[str], seconds: float) -> list[Mutant]:
    """Run the tests against each mutant, and give those that no test notices."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copied(folder)
        if not passes(folder, tests, seconds):
            sys.exit(f"{' '.join(tests)} fail, or take longer than {seconds:g} s, without any mutant")
        left = []
        for number, mutant in enumerate(mutants, 1):
            source = (ROOT / mutant.file).read_bytes()
            (folder / mutant.file).write_bytes(mutant.apply(source))
            named = f"{tests[0]}/test_{mutant.file.stem}.py"
            ordered = [named, *tests] if (folder / named).exists() else tests
            survives = passes(folder, ordered, seconds)
            (folder / mutant.file).write_bytes(source)
            left += [mutant] if survives else []
            print(f"{number:4d} of {len(mutants)} {'survives' if survives else 'killed'}  {mutant}", flush=True)
    return left


def main() -> None:
    """Read the command line, and print the counts of each room and its survivors."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rooms", nargs="+", type=Path, help="folders of rnnlab/, or files")
    parser.add_argument("--count", type=int, default=25, help="mutants of each room (25)")
    parser.add_argument("--seed", type=int, default=0, help="which ones (0)")
    parser.add_argument("--timeout", type=float, default=300, help="seconds for the tests of one mutant (300)")
    parser.add_argument("--tests", nargs="+", default=[], help="tests to run besides those of the room")
    arguments = parser.parse_args()
    for room in arguments.rooms:
        mutants = sampled(room, arguments.count, arguments.seed)
        tests = [str(Path("tests", *room.parts[1:2])), *arguments.tests]
        left = survivors(mutants, tests, arguments.timeout)
        print(f"{room}: {len(mutants)} mutants, {len(mutants) - len(left)} killed, {len(left)} survive")
        print("".join(f"  {mutant}\n" for mutant in left), end="", flush=True)


if __name__ == "__main__":
    main()
