"""Tables for papers and pages: Markdown, and LaTeX as booktabs has it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from rnnlab.cli import text

_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}


_NUMBER = re.compile(r"(-?\d+(?:\.\d+)?)(?:e([+-]\d+))?")


def markdown(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Lay a table out in Markdown; columns of numbers stand to the right."""
    cells = [[text.cell(value).replace("|", r"\|").replace("\n", " ") for value in row] for row in rows]
    rules = ["---:" if right else "---" for right in _numeric(header, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in [list(header), rules, *cells]) + "\n"


def latex(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Lay a table out as a LaTeX `tabular`, with the rules of the booktabs package."""
    columns = "".join("r" if right else "l" for right in _numeric(header, rows))
    lines = [[_latex(name) for name in header], *([_latex_cell(value) for value in row] for row in rows)]
    first, *others = [f"  {' & '.join(line)} \\\\" for line in lines]
    body = "\n".join([r"  \toprule", first, r"  \midrule", *others, r"  \bottomrule"])
    return f"\\begin{{tabular}}{{{columns}}}\n{body}\n\\end{{tabular}}\n"


def _latex_cell(value: Any) -> str:
    """Write one value; numbers as mathematics, so that a minus is one."""
    written = text.cell(value)
    if isinstance(value, str) and not isinstance(value, text.Number):
        return _latex(written)
    return _NUMBER.sub(lambda match: f"${match[1]}{_power(match[2])}$", written)


def _power(exponent: str | None) -> str:
    return "" if exponent is None else rf" \times 10^{{{int(exponent)}}}"


def _latex(written: str) -> str:
    return "".join(_LATEX.get(character, character) for character in written)


def _numeric(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[bool]:
    return [any(isinstance(row[i], int | float | text.Number) for row in rows) for i in range(len(header))]
