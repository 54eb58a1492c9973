"""What `rnnlab plot` draws for the paths it is given: one run, or many; damaged and missing ones are named."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rnnlab.figures.errors import FigureError, find_name
from rnnlab.figures.placing import place_figures
from rnnlab.figures.wish import Placing, Wish
from rnnlab.store import DamagedRunError, MissingRunError, Run, RunEntry, list_runs, list_studies, look_at
from rnnlab.store.folders import is_run_folder

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rnnlab.figures.style import Style

Complain = Callable[[str], None]


class NamedFigure(NamedTuple):
    """A figure, and how its file is called.

    Attributes:
        name: of its file beside the runs.
        suffix: what a prefix is followed by; nothing for the overview of a run.
        figure: as matplotlib has it.
        is_alone: no other is drawn with it, so that a file's whole name may be asked for.
    """

    name: str
    suffix: str
    figure: Figure
    is_alone: bool = True


@dataclass(frozen=True)
class Chosen:
    """The runs to draw, what the figures are headed with, and where they go by default.

    Attributes:
        runs: at least one.
        title: of figures of several runs.
        folder: the folder of figures beside the runs.
        stem: what the names of files begin with; empty for a whole study.
    """

    runs: list[Run]
    title: str
    folder: Path
    stem: str


def choose_runs(paths: Sequence[Path], complain: Complain) -> Chosen:
    """Find the runs that some paths mean: run folders, or study folders with all their runs.

    Raises:
        MissingRunError: there is no run.
        DamagedRunError: there are runs, but none is whole.
    """
    entries: dict[Path, RunEntry] = {}
    problems: list[tuple[str, bool]] = []
    for path in paths:
        found = _entries(path)
        if not found:
            problems.append((_why_nothing(path), False))
        for entry in found:
            if entry.damage:
                problems.append((f"{entry.path} is damaged: {entry.damage}", True))
            else:
                entries.setdefault(entry.path.resolve(), entry)
    if not entries:
        raise (DamagedRunError if any(damaged for _, damaged in problems) else MissingRunError)(_all(problems))
    for problem, _ in problems:
        complain(f"left out: {problem}")
    return _describe(paths, list(entries.values()))


def _entries(path: Path) -> list[RunEntry]:
    if not path.is_dir():
        return []
    return [look_at(path)] if is_run_folder(path) else list_runs(path)


def _why_nothing(path: Path) -> str:
    if not path.exists():
        return f"there is no folder {path}"
    if not path.is_dir():
        return f"{path} is a file, not a run folder"
    studies = list_studies(path)
    if studies:
        return f"{path} holds studies, not runs; name one of them, e.g. {studies[0]}"
    return f"{path} is not a run folder and holds none; rnnlab ls shows what there is"


def _all(problems: Sequence[tuple[str, bool]]) -> str:
    """Write all problems, but not hundreds."""
    lines = [problem for problem, _ in problems]
    return "\n".join([*lines[:10], *([f"... and {len(lines) - 10} more"] if len(lines) > 10 else [])])


def _describe(paths: Sequence[Path], entries: list[RunEntry]) -> Chosen:
    runs = [Run(entry) for entry in entries]
    studies = list(dict.fromkeys(entry.path.resolve().parent for entry in entries))
    names = list(dict.fromkeys(str(entry.record.config["name"]) for entry in entries))
    folder = _short(studies[0] / "figures")
    if len(runs) == 1:
        return Chosen(runs, names[0], folder, runs[0].path.resolve().name)
    whole_study = len(paths) == 1 and len(studies) == 1
    identities = "".join(sorted(run.identity for run in runs))
    stem = "" if whole_study else f"overlay-{hashlib.sha256(identities.encode()).hexdigest()[:6]}"
    title = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    return Chosen(runs, title, folder, stem)


def _short(path: Path) -> Path:
    """Give a path as seen from here, if it lies below."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def draw_figures(chosen: Chosen, wish: Wish, style: Style, complain: Complain) -> Iterator[NamedFigure]:
    """Draw one figure after the other.

    Raises:
        FigureError: something was asked for that these runs cannot give.
        DamagedRunError: no run is whole.
    """
    if len(chosen.runs) == 1:
        yield _draw_one(chosen, wish, style)
        return
    from rnnlab.figures.collection import Collection
    from rnnlab.figures.sweep_figures import draw_sweep

    collection = Collection(chosen.title, chosen.runs)
    placings = place_figures(collection, wish)
    for placing in placings:
        figure = draw_sweep(collection, placing, style, complain)
        suffix = _file_name("", placing, wish)
        yield NamedFigure(_file_name(chosen.stem, placing, wish), suffix, figure, is_alone=len(placings) == 1)


def _draw_one(chosen: Chosen, wish: Wish, style: Style) -> NamedFigure:
    from rnnlab.figures.run_figures import choose_figure, draw_run, run_figure_names
    from rnnlab.figures.subject import Subject

    for place in wish.given():
        if place != "kind":
            raise FigureError(f"--{place} chooses among the axes of several runs; {chosen.runs[0].path} is one run")
    (run,), overview = chosen.runs, run_figure_names()[0]
    name = choose_figure(wish.kind or overview, run.record.files)
    figure = draw_run(Subject(run), style, name)
    if name == overview:
        return NamedFigure(chosen.stem, "", figure)
    return NamedFigure(f"{chosen.stem}-{name}", name, figure)


def _file_name(stem: str, placing: Placing, wish: Wish) -> str:
    """Name a figure by its kind and what was chosen for it, as runs are named: `quantity,y=final_loss`."""
    choices = [f"{place}={value.rpartition('.')[2]}" for place, value in wish.given().items() if place != "kind"]
    if placing.y is not None and wish.y is None and find_name(wish.kind or placing.kind, [placing.kind]) is None:
        choices.append(f"y={placing.y}")  # the kind was named by it
    name = ",".join([placing.kind, *choices])
    safe = "".join(c if c.isalnum() or c in "._=,+-" else "_" for c in name)
    return f"{stem}-{safe}" if stem else safe
