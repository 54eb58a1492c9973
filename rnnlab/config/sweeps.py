"""A sweep: one config and its axes, as the list of runs that they stand for."""

from __future__ import annotations

import itertools
import math
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from typing import cast

from rnnlab.config.axes import AxisPlan, Entry
from rnnlab.config.draft import Draft, Violation
from rnnlab.config.errors import ConfigError, Diagnostic
from rnnlab.config.run_identity import identity
from rnnlab.config.scalars import Plain, Scalar, write_scalar
from rnnlab.config.schema import Config
from rnnlab.config.sections import COMPOSED
from rnnlab.config.validation import config_of
from rnnlab.config.writing import flatten
from rnnlab.extensions import use

MOST_PROBLEMS = 10  # of combinations that cannot be run: what is wrong with one is often wrong with a thousand


@dataclass(frozen=True)
class SweptRun:
    """One run: its config, its identity, and its value on every axis (null where the key does not apply to it)."""

    config: Config
    identity: str
    values: dict[str, Scalar]


@dataclass(frozen=True)
class Expansion:
    """The runs of a sweep; combinations that were the same run as an earlier one; combinations left out."""

    runs: list[SweptRun]
    merged: int
    excluded: int


@dataclass(frozen=True)
class Sweep:
    """A config and its axes. `axes` holds the values of each dotted key, the slowest key first."""

    base: Config
    axes: dict[str, tuple[Scalar, ...]]
    _plan: AxisPlan = field(repr=False)
    _draft: Draft = field(repr=False)

    @property
    def count(self) -> int:
        """The number of combinations, before any is left out or merged; nothing is enumerated for it."""
        return math.prod(len(self.axes[group[0]]) for group in self._plan.groups)

    @property
    def left_aside(self) -> list[str]:
        """Give for each key that was given a value and applies to no run a sentence that says so."""
        return keys_aside(self._draft.data, self.base, self.axes)

    def walk(self) -> Walk:
        """Give the runs one at a time, in order: a sweep of ten thousand need not be held in memory."""
        return Walk(self)

    def expand(self, limit: int | None = None) -> Expansion:
        """Give the runs in order, or the first `limit` of them; the counts are of what was looked at for that.

        Raises:
            ConfigError: if a combination cannot be run, or none is left.
        """
        walk = self.walk()
        runs = list(itertools.islice(walk, limit))
        return Expansion(runs, walk.merged, walk.excluded)

    def _combinations(self) -> Iterator[dict[str, Scalar]]:
        steps = [list(zip(*(self.axes[name] for name in group), strict=True)) for group in self._plan.groups]
        names = [name for group in self._plan.groups for name in group]
        for combination in itertools.product(*steps):
            yield dict(zip(names, itertools.chain.from_iterable(combination), strict=True))

    def _is_excluded(self, combination: dict[str, Scalar]) -> bool:
        return any(all(combination[key] in left_out for key, left_out in e.items()) for e in self._plan.exclude)

    def _config(self, combination: dict[str, Scalar]) -> tuple[Config | None, list[Violation]]:
        data = dict(self._draft.data)
        for dotted, value in combination.items():
            section, _, name = dotted.rpartition(".")
            if section:
                data[section] = {**cast(dict[str, Plain], data.get(section, {})), name: value}
            else:
                data[name] = value
        return config_of(data, self._draft.folder)

    def _problem(self, violation: Violation, combination: dict[str, Scalar]) -> Diagnostic:
        """Place a fault of a combination at the axis that it is about, if it is about one."""
        key = ".".join(map(str, violation.path))
        values = ", ".join(f"{name}={write_scalar(value)}" for name, value in combination.items())
        is_axis = key in self.axes
        path = ("sweep", "axes", key, self.axes[key].index(combination[key])) if is_axis else violation.path
        problem = self._draft.diagnostic(Violation(path, violation.sentence, violation.names_key))
        where = f" (in the combination {values})" if values else ""
        return Diagnostic(problem.message + where, problem.source, problem.line, problem.column)

    def _nothing_left(self) -> Diagnostic:
        return self._draft.diagnostic(Violation(("sweep", "exclude"), "every combination is left out; no run remains"))


class Walk:
    """The runs of a sweep in order, each once; what was merged and excluded is counted on the way.

    Raises ConfigError where a combination cannot be run, after looking for more of them, or when no run is left.
    """

    def __init__(self, sweep: Sweep) -> None:
        self.merged = self.excluded = 0
        self._sweep = sweep

    def __iter__(self) -> Iterator[SweptRun]:
        sweep, seen = self._sweep, set[str]()
        use(sweep.base.extensions)
        problems: list[Diagnostic] = []
        for combination in sweep._combinations():
            if len(problems) >= MOST_PROBLEMS:
                problems.append(Diagnostic("other combinations were not looked at", sweep._draft.document.source))
                break
            if sweep._is_excluded(combination):
                self.excluded += 1
                continue
            config, violations = sweep._config(combination)
            if config is None:
                problems += [sweep._problem(violation, combination) for violation in violations]
            elif (found := identity(config)) in seen:
                self.merged += 1
            else:
                seen.add(found)
                if not problems:
                    yield SweptRun(config, found, _values(config, combination))
        if problems:
            raise ConfigError(dict.fromkeys(problems))
        if not seen:
            raise ConfigError([sweep._nothing_left()])


def keys_aside(data: Mapping[str, Plain], config: Config, axes: Container[str] = ()) -> list[str]:
    """Say which keys were given a value that the config has not, since what they belong to was not chosen.

    Args:
        data: what was given, section by section.
        config: what was made of it.
        axes: keys that take several values, so that one of them may apply.
    """
    sentences = []
    for section, slots in COMPOSED.items():
        given = data.get(section)
        for key, value in given.items() if isinstance(given, dict) else ():
            owner = next((slot for slot in slots if key in slot.brought()), None)
            its = getattr(config, section)
            if owner is None or value is None or getattr(its, key) is not None or f"{section}.{owner.key}" in axes:
                continue
            chosen = getattr(its, owner.key)
            sentences.append(f"{section}.{key} is left aside: {section}.{owner.key}={chosen} has no such key")
    return sentences


def _values(config: Config, combination: dict[str, Scalar]) -> dict[str, Scalar]:
    flat = flatten(config)
    return {key: flat[key] for key in combination}


def settle(base: Config, plan: AxisPlan) -> AxisPlan:
    """Decide the exclusions that name keys other than axes: the base config has one value for each."""
    flat = flatten(base)
    entries: list[Entry] = []
    for entry in plan.exclude:
        if all(flat.get(key) in values for key, values in entry.items() if key not in plan.axes):
            entries.append({key: values for key, values in entry.items() if key in plan.axes})
    return AxisPlan(plan.axes, plan.groups, tuple(entries))
