"""rnnlab labs: the five teaching labs, each number beside the published one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnnlab.cli import options, text
from rnnlab.cli.signals import STOP
from rnnlab.errors import UserError
from rnnlab.words import unknown_name

if TYPE_CHECKING:
    from rnnlab.labs.report import LabReport, LabResult, LabSection

_LEAST_DIGITS = 6
_VERDICTS = {True: "yes", False: "NO", None: ""}

_EXAMPLES = """\b
Examples:
  rnnlab labs                           list them
  rnnlab labs manual                    carry one out
  rnnlab labs handrnn --save paths.png  and draw its figure (png, svg or pdf)
  rnnlab labs gradients --full          train as long as its notebook did
  rnnlab labs --all                     all five; code 1 if a number differs
"""


class LabError(UserError):
    """There is no such lab, or it was asked for something that it does not have."""

    exit_code = 2


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog=_EXAMPLES)(labs)


def labs(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Which lab; none: list them.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Carry out every lab.")] = False,
    save: Annotated[Path | None, typer.Option("--save", metavar="FILE", help="Draw the lab's figure.")] = None,
    full: Annotated[
        bool, typer.Option("--full", help="gradients: train on 5000 batches, not 500; about half a minute.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Carry out the teaching labs, beside their published numbers."""
    from rnnlab.labs import LABS

    _check_request(name, list(LABS), every=every, save=save, full=full)
    if name is None and not every:
        print(json.dumps(LABS, indent=2) if as_json else text.table(["lab", "what it is about"], list(LABS.items())))
        return
    reports = _carry_out(list(LABS) if name is None else [name], full=full, quiet=as_json)
    if save is not None:
        _draw(reports[name or ""], save, quiet=as_json)
    if as_json:
        found = {each: _facts(report) for each, report in reports.items()}
        print(json.dumps(found if name is None else found[name], indent=2))
    elif every:
        print(_summary(reports))
    if not all(report.reproduced for report in reports.values()):
        raise typer.Exit(1)


def _check_request(name: str | None, valid: Sequence[str], *, every: bool, save: Path | None, full: bool) -> None:
    """Refuse what does not go together before anything is computed."""
    if name is not None and name not in valid:
        raise LabError(unknown_name("lab", name, valid))
    if name is not None and every:
        raise LabError(f"got '{name}' and --all; valid: one of them")
    if full and not every and name != "gradients":
        raise LabError("--full goes with the lab gradients, or with --all: no other lab takes long")
    if save is None:
        return
    if name is None:
        raise LabError("--save draws the figure of one lab; name it")
    from rnnlab.figures.style import FORMATS

    if save.suffix.removeprefix(".") not in FORMATS:
        raise LabError(f"--save: got '{save}'; valid: a file that ends in .{', .'.join(FORMATS)}")


def _carry_out(names: Sequence[str], *, full: bool, quiet: bool) -> dict[str, LabReport]:
    """Carry out labs, and print each as soon as it is done."""
    from rnnlab.labs import LABS, carry_out
    from rnnlab.studies.hooks import StoppedError

    reports = {}
    for name in names:
        try:
            reports[name] = carry_out(name, full=full, should_stop=STOP.asked)
        except StoppedError:
            raise KeyboardInterrupt from None  # nothing of a lab is kept, so there is nothing to say
        if STOP.asked():
            raise KeyboardInterrupt
        if not quiet:
            title = f"{name}: {LABS[name]}"
            print(f"{title}\n{'=' * len(title)}\n\n{_render(name, reports[name])}\n", flush=True)
    return reports


def _draw(report: LabReport, file: Path, *, quiet: bool) -> None:
    from rnnlab.figures.style import STYLES, render, using

    with using(STYLES["screen"]):
        picture = render(report.draw(), file.suffix.removeprefix("."))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(picture)
    if not quiet:
        print(file)


# As text


def _render(name: str, report: LabReport) -> str:
    parts = [f"{section.title}\n{_table(section)}\n" for section in report.sections]
    return "\n".join(
        [*parts, _verdict(name, report), *([f"next: {report.next_command}"] if report.next_command else [])]
    )


def _table(section: LabSection) -> str:
    """Put one number a line, or, where a step has several, one step on two lines."""
    if max(len(step.got) for step in section.steps) == 1:
        return _column(section)
    compared = any(step.beside for step in section.steps)
    verdict = ["agrees"] if any(step.agrees is not None for step in section.steps) else []
    header = ["", "", *section.columns, *verdict] if section.columns else []
    rows: list[list[str]] = []
    for step in section.steps:
        numbers = [_number(value, _digits(step)) for value in step.got]
        rows.append([step.what, "got" if compared else "", *numbers])
        if step.beside:
            rows.append(["", section.beside, *(_number(value, step.digits) for value in step.beside)])
            rows[-1].append(_VERDICTS[step.agrees])
    return _align(header, rows)


def _column(section: LabSection) -> str:
    compared = any(step.beside for step in section.steps)
    judged = any(step.agrees is not None for step in section.steps)
    header = ["", "got", *([section.beside] if compared else []), *(["agrees"] if judged else [])]
    rows = []
    for step in section.steps:
        beside = [_number(value, step.digits) for value in step.beside] or [""]
        rows.append([step.what, _number(step.got[0], _digits(step)), *beside, _VERDICTS[step.agrees]][: len(header)])
    return _align(header, rows)


def _align(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Align columns to the left; numbers bring a place for their sign."""
    width = max(map(len, [header, *rows]))
    padded = [[*row, *[""] * (width - len(row))] for row in [header, *rows]]
    first, *rest = text.table(padded[0], padded[1:], indent="  ").split("\n")
    return "\n".join([first, *rest] if any(header) else rest)


def _digits(step: LabResult) -> int:
    """Give the decimals of a result: at least six, unless it is a whole number."""
    whole = step.digits == 0 and all(value == round(value) for value in step.got)
    return 0 if whole else max(_LEAST_DIGITS, step.digits)


def _number(value: float, digits: int) -> str:
    return f"{value: .{digits}f}"


def _verdict(name: str, report: LabReport) -> str:
    judged = report.judged
    missed = [step.what for step in judged if not step.agrees]
    if not missed:
        return f"{name}: {len(judged)} of {len(judged)} results agree"
    return f"{name}: {len(missed)} of {len(judged)} results do NOT agree: {'; '.join(missed)}"


def _summary(reports: dict[str, LabReport]) -> str:
    return "\n".join(_verdict(name, report) for name, report in reports.items())


# As JSON


def _facts(report: LabReport) -> dict[str, Any]:
    return {
        "reproduced": report.reproduced,
        "sections": [
            {"title": section.title, "steps": [_fact(step, section.beside) for step in section.steps]}
            for section in report.sections
        ],
    }


def _fact(step: LabResult, beside: str) -> dict[str, Any]:
    fact: dict[str, Any] = {"what": step.what, "got": _plain(step.got)}
    if step.beside:
        fact["beside"] = {"source": beside, "value": _plain(step.beside)}
    return fact | {"agrees": step.agrees}


def _plain(values: tuple[float, ...]) -> float | list[float]:
    return values[0] if len(values) == 1 else list(values)
