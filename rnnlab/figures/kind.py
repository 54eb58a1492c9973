"""What a kind of figure is: of one run, or of several together. Each is declared in a file of `rnnlab/figures/kinds/`.

`rnnlab plot`, its help and its errors know the kinds from these registries; a new kind is one new file there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rnnlab.registry import Registry

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rnnlab.figures.collection import Collection, ComparedRun
    from rnnlab.figures.style import Style
    from rnnlab.figures.subject import Subject
    from rnnlab.figures.wish import Placing, Wish

Panels = list[tuple[str, list["ComparedRun"]]]
"""The heading and the runs of every panel."""


def _no_notes(_subject: Subject) -> list[str]:
    return []


@dataclass(frozen=True)
class RunKind:
    """A kind of figure of one run.

    Attributes:
        name: what `--kind` calls it.
        help: what it shows, in a line of the help.
        draw: gives the figure, which is headed elsewhere.
        place: where it stands in lists; the first is the default.
        notes: gives what must be known to read the figure of a run, below its heading; often nothing.
    """

    name: str
    help: str
    draw: Callable[[Subject, Style], Figure]
    place: int = 100
    notes: Callable[[Subject], list[str]] = _no_notes


class SweepKind(ABC):
    """A kind of figure of several runs.

    Attributes:
        name: what `--kind` calls it.
        help: what it shows, in a line of the help.
        place: where it stands in lists. Of two kinds that an option may mean it is the later one.
    """

    name: ClassVar[str]
    help: ClassVar[str]
    place: ClassVar[int] = 100

    def is_meant(self, _collection: Collection, _wish: Wish) -> bool:
        """Tell whether what was asked for, without a kind, means this one."""
        return False

    def fits(self, _collection: Collection, _wish: Wish) -> bool:
        """Tell whether these runs have something to show in it, so that it is drawn where no kind is asked for."""
        return True

    @abstractmethod
    def plan(self, collection: Collection, wish: Wish) -> Placing:
        """Choose which axis of the sweep goes where.

        Raises:
            FigureError: an axis or a quantity does not exist, or does not belong here.
        """

    def arrays(self, _placing: Placing) -> tuple[str, ...]:
        """Name the arrays of every run that it needs."""
        return ()

    def subtitle(self, _placing: Placing) -> list[str]:
        """Say what must be known to read it, beyond which runs it shows."""
        return []

    @abstractmethod
    def draw(self, collection: Collection, placing: Placing, style: Style, panels: Panels) -> Figure:
        """Give the figure, which is headed elsewhere."""


RUN_KINDS: Registry[RunKind] = Registry("kind of figure of a run", "rnnlab.figures.kinds")
"""Every kind of figure of one run."""

SWEEP_KINDS: Registry[SweepKind] = Registry("kind of figure of several runs", "rnnlab.figures.kinds")
"""Every kind of figure of several runs."""
