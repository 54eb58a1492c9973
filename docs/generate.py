"""What the documentation takes from the program itself, when it is built: commands, keys, tasks, quantities, labs.

`make docs` runs this file: it lays the pages of docs/ out in build/docs, from where the site is built. A page says
`<!-- generated: NAME -->` where one of `GENERATED` goes, so that nothing which the program knows is written down twice.
Formulas, `$...$` and `$$...$$`, become MathML, which browsers draw by themselves.
"""

from __future__ import annotations

import importlib
import inspect
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latex2mathml.converter import convert

if TYPE_CHECKING:
    from pydantic import BaseModel

    from rnnlab.flow.describing import QuantityDescription

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "docs"


def quantities() -> str:
    """Give every quantity that a run records, as it is declared, by the file that holds it."""
    from rnnlab.flow import describe_quantities

    parts = []
    for file_name, described in groupby(describe_quantities(), key=lambda quantity: quantity.file):
        parts.append(f"## `{file_name}`")
        parts += [_quantity(quantity) for quantity in described]
    return "\n\n".join(parts)


def _quantity(quantity: QuantityDescription) -> str:
    facts = f"Shape and type: {quantity.shape}, by {', '.join(quantity.axes)}. Cells: {', '.join(quantity.cells)}."
    if quantity.column:
        facts += f" Column of [`rnnlab export`](commands.md#rnnlab-export): `{quantity.column}`."
    source = f" Source: {quantity.source}." if quantity.source else ""
    formula = [f"```text\n{quantity.equation}\n```"] if quantity.equation else []
    meaning = f"{quantity.meaning[0].upper()}{quantity.meaning[1:]}.{source}"
    return "\n\n".join([f"### `{quantity.name}`", *formula, meaning, facts])


def numbers() -> str:
    """Give the numbers of a run's summary, which are the columns of the index."""
    from rnnlab.flow import describe_numbers

    return table(["number", "meaning"], [(f"`{number.name}`", number.meaning) for number in describe_numbers()])


def record(model: Callable[[], type[BaseModel]]) -> Callable[[], str]:
    """Give a function that writes the table of a JSON file's keys."""

    def write() -> str:
        fields = model().model_fields.items()
        return table(["key", "meaning"], [(f"`{name}`", _cell(field.description or "")) for name, field in fields])

    return write


def _run_record() -> type[BaseModel]:
    from rnnlab.store.record import RunRecord

    return RunRecord


def _sweep_status() -> type[BaseModel]:
    from rnnlab.store.status import SweepStatus

    return SweepStatus


def components() -> str:
    """Give what a net and its training can be made of, as each part describes itself."""
    from rnnlab.nets import CELLS, INITIALISERS, NONLINEARITIES
    from rnnlab.training.optimizers import OPTIMIZERS
    from rnnlab.training.regularisers import REGULARISERS
    from rnnlab.training.schedules import SCHEDULES

    kinds: dict[str, Mapping[str, Any]] = {
        "model.cell": CELLS,
        "model.init": INITIALISERS,
        "training.optimizer": OPTIMIZERS,
        "training.schedule": SCHEDULES,
        "training.regulariser": REGULARISERS,
    }
    parts = []
    for key, declared in kinds.items():
        parts.append(f"## `{key}`")
        for name, component in declared.items():
            source = getattr(component, "source", "")
            said = (inspect.getdoc(component) or "").partition("\n\nRaises:")[0]
            parts += [f"### `{name}`", said, *([f"Source: {source}."] if source else [])]
    rows = [(f"`{name}`", f"`{sigma.meaning}`") for name, sigma in NONLINEARITIES.items()]
    return "\n\n".join([*parts, "## `model.nonlinearity`", table(["name", "σ(x)"], rows)])


def commands() -> str:
    """Give every command: its usage, arguments, options, and what its help says below them."""
    import typer

    from rnnlab.cli.main import app

    group: Any = typer.main.get_command(app)
    above = group.context_class(group, info_name="rnnlab", **group.context_settings)
    return "\n\n".join(_command(name, command, above) for name, command in group.commands.items())


def _command(name: str, command: Any, above: Any) -> str:
    context = command.context_class(command, info_name=name, parent=above)
    command.get_help(context)  # some write what stands below their options only when they are asked
    parts = [f"## `rnnlab {name}`", command.help, f"```text\n{command.get_usage(context).removeprefix('Usage: ')}\n```"]
    for kind, rows in groupby(command.get_params(context), key=lambda parameter: parameter.param_type_name):
        records = [(f"`{left}`", _cell(right)) for left, right in (row.get_help_record(context) for row in rows)]
        parts.append(table([kind, "meaning"], records))
    return "\n\n".join([*parts, _epilog(command.epilog)])


def _epilog(epilog: str) -> str:
    r"""Give what stands below the options: a paragraph that begins with \b is set as it is, others flow."""
    paragraphs = [paragraph.strip("\n") for paragraph in inspect.cleandoc(epilog).split("\n\n")]
    return "\n\n".join(
        f"```text\n{paragraph.removeprefix(chr(8)).strip()}\n```" if paragraph.startswith("\b") else _cell(paragraph)
        for paragraph in paragraphs
    )


def exit_codes() -> str:
    """Give the table of exit codes, as the module of the command line has it."""
    import rnnlab.cli.main

    return "\n".join(line for line in inspect.cleandoc(rnnlab.cli.main.__doc__ or "").splitlines() if line[:1] == "|")


def keys() -> str:
    """Give every key of a config, a table for each section."""
    from rnnlab.config import describe_keys

    parts = []
    for section, rows in groupby(describe_keys(), key=lambda row: row.key.rpartition(".")[0]):
        parts.append(f"### {section}" if section else "### name and seed")
        cells = [
            (f"`{row.key}`", _cell(row.type), f"`{row.default}`" if row.default else "", _cell(row.description))
            for row in rows
        ]
        parts.append(table(["key", "value", "default", "meaning"], cells))
    return "\n\n".join(parts)


def tasks() -> str:
    """Give every task: what its module says, and its loss."""
    from rnnlab.tasks import TASKS

    parts = []
    for kind, task in TASKS.items():
        said = inspect.getdoc(sys.modules[task.__module__]) or ""
        needs_a_file = any(field.is_required() for field in task.model_fields.values())
        loss = "" if needs_a_file else f"Loss: {task.model_validate({}).loss.name}. "
        parts += [f"## `{kind}`", said, f"{loss}Its class is `{task.__module__}.{task.__name__}`."]
    return "\n\n".join(parts)


def labs() -> str:
    """Give the table of the labs."""
    from rnnlab.labs import LABS

    return table(["lab", "what it is about"], [(f"`{name}`", about) for name, about in LABS.items()])


def configs() -> str:
    """Give the configs that come with rnnlab, each with its question."""
    from rnnlab.cli.init import question
    from rnnlab.shipped import shipped_configs

    rows = [(f"`{name}`", _cell(question(file))) for name, file in shipped_configs().items()]
    return table(["config", "the question it asks"], rows)


def public_names(module: str) -> Callable[[], str]:
    """Give a function that writes the docstrings of a module's public names."""

    def write() -> str:
        names: list[str] = importlib.import_module(module).__all__
        return "\n\n".join(f"::: {module}.{name}" for name in names)

    return write


def file(name: str) -> Callable[[], str]:
    """Give a function that reads a page of the repository."""
    return (ROOT / name).read_text


GENERATED: dict[str, Callable[[], str]] = {
    "quantities": quantities,
    "numbers": numbers,
    "commands": commands,
    "components": components,
    "configs": configs,
    "exit-codes": exit_codes,
    "keys": keys,
    "labs": labs,
    "run.json": record(_run_record),
    "status.json": record(_sweep_status),
    "tasks": tasks,
    "CHANGELOG.md": file("CHANGELOG.md"),
    "CONTRIBUTING.md": file("CONTRIBUTING.md"),
    **{room: public_names(room) for room in ("rnnlab", "rnnlab.nets", "rnnlab.flow", "rnnlab.explain", "rnnlab.tasks")},
}
"""What goes where a page says `<!-- generated: NAME -->`."""


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _cell(text: str) -> str:
    """Write plain text so that Markdown changes nothing in it but what stands in backticks."""
    special = re.compile(r"`[^`]*`|([\\*_|<\[])")
    return special.sub(lambda found: f"\\{found[1]}" if found[1] else found[0], " ".join(text.split()))


def fill(page: str) -> str:
    """Put what is generated where a page asks for it."""
    return re.sub(r"<!-- generated: (\S+) -->", lambda found: GENERATED[found[1]](), page)


_FORMULA = re.compile(r"^```.*?^```|`[^`\n]+`|\$\$(.+?)\$\$|\$([^$\n]+)\$", re.DOTALL | re.MULTILINE)
"""A formula of its own line or within one; or code, in which a dollar is a dollar."""


def draw_formulas(page: str) -> str:
    """Turn the formulas of a page from LaTeX into MathML."""

    def mathml(found: re.Match[str]) -> str:
        block, inline = found.groups()
        if block:
            return f'<div class="formula">{convert(block.strip(), display="block")}</div>'
        return (
            f"<span>{convert(inline)}</span>" if inline else found[0]
        )  # a line that began with <math> would be a block

    return _FORMULA.sub(mathml, page)


def lay_out(folder: Path) -> None:
    """Write every page, filled, with the style sheet and the pictures of the gallery, into an empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    for page in sorted(PAGES.rglob("*.md")):
        target = folder / page.relative_to(PAGES)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(draw_formulas(fill(page.read_text(encoding="utf-8"))), encoding="utf-8")
    shutil.copy(PAGES / "style.css", folder)
    shutil.copytree(ROOT / "runs" / "gallery", folder / "gallery", ignore=shutil.ignore_patterns("*.md"))


if __name__ == "__main__":
    lay_out(ROOT / "build" / "docs")
