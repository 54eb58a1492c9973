"""One check: a config's net, every way, every engine, every group of quantities, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rnnlab.audit.automatic import by_flow, by_modules
from rnnlab.audit.by_hand import by_hand
from rnnlab.audit.case import Answer, AuditCase, NotKnownError, make_case
from rnnlab.audit.complex_step import Projected, by_complex_step
from rnnlab.audit.engines import EngineStep, check_engines
from rnnlab.audit.groups import GroupFinding, check_groups
from rnnlab.audit.paths import by_paths
from rnnlab.audit.verdict import Finding, judge
from rnnlab.config import Config

WAYS: dict[str, Callable[[AuditCase], Answer | Projected | None]] = {
    "flow": by_flow,
    "modules": by_modules,
    "by hand": by_hand,
    "paths": by_paths,
    "complex step": by_complex_step,
}
"""By name, the one that is recorded first."""


@dataclass(frozen=True)
class CheckReport:
    """What a check found."""

    findings: list[Finding]
    steps: list[EngineStep]
    groups: list[GroupFinding]
    missing: list[str]  # ways that cannot be gone for this net
    unknown: dict[str, str]  # ways and engines that do not know a part of it, with the sentence
    unchecked: dict[str, str]  # groups of quantities that are held against nothing, with the reason
    tolerance: float

    @property
    def agrees(self) -> bool:
        """Whether nothing was found wrong."""
        return all(finding.agrees for finding in self.findings) and not self._others()

    @property
    def convicted(self) -> list[str]:
        """The ways, engines and groups of quantities that are wrong."""
        ways = dict.fromkeys(way for finding in self.findings for way in finding.convicted)
        return [*ways, *self._others()]

    def _others(self) -> list[str]:
        """Name the engines and the groups that are wrong."""
        steps = [step.name for step in self.steps if not step.agrees]
        return steps + [group.name for group in self.groups if not group.agrees]


def run_check(config: Config, tolerance: float = 1e-9) -> CheckReport:
    """Compute every gradient of a config's initial net by every way, one step by every engine, every group twice.

    Args:
        config: whose net, task and seed.
        tolerance: the largest relative difference between two ways, in float64, that is rounding.
    """
    case = make_case(config)
    with np.errstate(all="ignore"):  # what explodes or vanishes is compared, not warned about
        answers, unknown = _ask(case)
        given = {name: answer for name, answer in answers.items() if answer is not None}
        steps, unable = check_engines(config)
        groups, unchecked = check_groups(case, tolerance)
    missing = [name for name in answers if name not in given]
    return CheckReport(judge(given, tolerance), steps, groups, missing, unknown | unable, unchecked, tolerance)


def _ask(case: AuditCase) -> tuple[dict[str, Answer | Projected | None], dict[str, str]]:
    """Give what each way says, and the sentences of those that do not know a part of the net."""
    answers: dict[str, Answer | Projected | None] = {}
    unknown: dict[str, str] = {}
    for name, way in WAYS.items():
        try:
            answers[name] = way(case)
        except NotKnownError as error:
            unknown[name] = str(error)
    return answers, unknown
