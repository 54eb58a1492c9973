"""From a run folder to a list of findings, question by question."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from rnnlab.explain.causes import causes_findings
from rnnlab.explain.change import change_findings
from rnnlab.explain.evidence import Evidence
from rnnlab.explain.finding import RunFinding
from rnnlab.explain.reach import reach_findings
from rnnlab.explain.scale import scale_findings
from rnnlab.explain.theory import theory_findings
from rnnlab.explain.vanishing import vanishing_findings
from rnnlab.explain.watched import watched_findings
from rnnlab.store import Run, open_run
from rnnlab.studies.threads import one_thread

CHAPTERS: tuple[Callable[[Evidence], Iterator[RunFinding]], ...] = (
    vanishing_findings,
    causes_findings,
    reach_findings,
    theory_findings,
    scale_findings,
    change_findings,
)
"""What answers each question, in the order of the answers."""


@dataclass(frozen=True)
class Explanation:
    """What a run's numbers say.

    Attributes:
        path: the run folder.
        findings: question by question.
    """

    path: Path
    findings: tuple[RunFinding, ...]

    @property
    def updates(self) -> list[int]:
        """The updates of the records that are spoken of."""
        return sorted({finding.update for finding in self.findings if finding.update is not None})

    def by_question(self) -> Iterator[tuple[str, list[RunFinding]]]:
        """Give the findings of each question."""
        for question, findings in groupby(self.findings, key=lambda finding: finding.question):
            yield question, list(findings)

    def to_json(self) -> dict[str, Any]:
        """Give it as plain data."""
        return {"path": str(self.path), "findings": [finding.to_json() for finding in self.findings]}


def explain_run(run: Run | str | Path) -> Explanation:
    """Say in sentences why the gradients of a finished run vanish, explode, or do neither.

    What the run has not recorded is measured from the weights that it keeps, at its first and last record; of one that
    was recorded from somebody's own training loop only what it holds is told. Nothing is written.

    Args:
        run: an opened run, or the path of a run folder, or of a study folder with one run.

    Raises:
        MissingRunError: there is no run at that path, or more than one.
        DamagedRunError: the run is not whole.
    """
    opened = run if isinstance(run, Run) else open_run(run)
    if opened.record.is_watched:
        return Explanation(opened.path, tuple(watched_findings(opened)))
    evidence = Evidence(opened)
    with one_thread():
        return Explanation(opened.path, tuple(finding for chapter in CHAPTERS for finding in chapter(evidence)))
