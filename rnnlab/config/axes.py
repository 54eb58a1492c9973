"""The `sweep:` section, read: axes with checked values, which of them move together, and what is left out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

from rnnlab.component import NO_IDENTITY
from rnnlab.config.all_keys import find_unknown, keys_of
from rnnlab.config.document import Path
from rnnlab.config.draft import Draft, Violation
from rnnlab.config.errors import listed, meant_or_listed, quoted, shown
from rnnlab.config.key import Key
from rnnlab.config.points import MOST_POINTS, points_of, whole
from rnnlab.config.scalars import Plain, Scalar
from rnnlab.config.schema import DEFAULT_TASK, SweepSection
from rnnlab.tasks import TASKS

Axes = dict[str, tuple[Scalar, ...]]
Group = tuple[str, ...]
Entry = dict[str, frozenset[Scalar]]


@dataclass(frozen=True)
class AxisPlan:
    """Axes in their order, the groups that move together (most hold one axis), and the combinations to leave out."""

    axes: Axes
    groups: tuple[Group, ...]
    exclude: tuple[Entry, ...]


def read_plan(draft: Draft) -> AxisPlan:
    """Read the `sweep:` section of a draft; what is wrong with it becomes problems of the draft."""
    return _SweepReader(draft).read()


class _SweepReader:
    """Reads the parts of the section, and goes on after what is wrong."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._section = cast(dict[str, Plain], draft.data.get("sweep", {}))
        self._axes = cast(dict[str, Plain], self._part("axes", {}, "a mapping of dotted keys to their values"))
        self._kinds = self._kinds_in_use()

    def read(self) -> AxisPlan:
        self._check_keys()
        axes = {key: values for key, spec in self._axes.items() if (values := self._axis(key, spec))}
        seeds = self._seeds()
        if seeds and "seed" not in self._axes:
            axes["seed"] = seeds
        groups = self._groups(axes)
        entries = cast(list[Plain], self._part("exclude", [], "a list of mappings of keys to values"))
        exclude = [self._entry(i, entry) for i, entry in enumerate(entries)]
        return AxisPlan(axes, _in_order(axes, groups), tuple(entry for entry in exclude if entry))

    def _report(self, path: Path, sentence: str, *, names_key: bool = False) -> None:
        self._draft.report(Violation(("sweep", *path), sentence, names_key))

    def _part(self, name: str, empty: Plain, words: str) -> Plain:
        """Give a part of the section; one that is left empty or is of a wrong type counts as left out."""
        value = self._section.get(name)
        if value is None or isinstance(value, type(empty)):
            return empty if value is None else value
        self._report((name,), f"got {shown(value)}; valid: {words}")
        return empty

    def _kinds_in_use(self) -> tuple[str, ...]:
        """Name the tasks of the study: the keys of other tasks are unknown in it."""
        task = cast(dict[str, Plain], self._draft.data.get("task", {}))
        axis = self._axes.get("task.kind")
        named = [task.get("kind", DEFAULT_TASK), *(axis if isinstance(axis, list) else [])]
        return tuple(kind for kind in TASKS if kind in named) or tuple(TASKS)

    def _check_keys(self) -> None:
        for key in self._section:
            if key in SweepSection.model_fields:
                continue
            hint = meant_or_listed(key, SweepSection.model_fields)
            hint = ". An axis stands below 'axes:'" if key in keys_of() else hint
            self._report((key,), f"unknown key {quoted(key)} in sweep{hint}", names_key=True)

    def _axis(self, dotted: str, spec: Plain) -> tuple[Scalar, ...]:
        path: Path = ("axes", dotted)
        key = self._key(path, dotted)
        if key is None:
            return ()
        try:
            points = points_of(spec)
        except ValueError as error:
            self._report(path, str(error))
            return ()
        if not isinstance(spec, list):
            points = whole(points) if int in key.types and float not in key.types else points
            return self._values(key, points, [path] * len(points), first_only=True)
        return self._values(key, points, [(*path, i) for i in range(len(points))])

    def _key(self, path: Path, dotted: str) -> Key | None:
        """Find the key of an axis or of an exclusion."""
        key = keys_of(self._kinds).get(dotted)
        if key is None:
            self._report(path, find_unknown(dotted, self._kinds), names_key=True)
        elif dotted == "name":
            self._report(path, "'name' cannot be swept: all runs of a sweep stand in one folder", names_key=True)
            return None
        elif dotted == "extensions":
            self._report(path, "'extensions' cannot be swept: all runs of a sweep have the same", names_key=True)
            return None
        elif dotted in NO_IDENTITY:
            self._report(path, f"'{dotted}' sets no runs apart and cannot be swept", names_key=True)
            return None
        return key

    def _values(
        self, key: Key, points: list[Plain], paths: list[Path], *, first_only: bool = False
    ) -> tuple[Scalar, ...]:
        """Read values by their key. Of generated points, which share one place, only the first wrong one is told."""
        values: list[Scalar] = []
        for point, path in zip(points, paths, strict=True):
            try:
                values.append(key.read(point))
            except ValueError as error:
                self._report(path, str(error))
                if first_only:
                    break
        return tuple(values)

    def _seeds(self) -> tuple[int, ...]:
        count = self._section.get("seeds")
        first = self._draft.data.get("seed", 0)
        if count is None:
            return ()
        if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= MOST_POINTS:
            self._report(("seeds",), f"got {shown(count)}; valid: a whole number from 1 to {MOST_POINTS}")
            return ()
        if not isinstance(first, int) or isinstance(first, bool):
            return ()  # told of by the key itself
        if first + count > 2**32 and first < 2**32:
            self._report(("seeds",), f"{count} seeds from {first} go beyond the largest seed, {2**32 - 1}")
        return tuple(range(first, first + count))

    def _groups(self, axes: Axes) -> list[Group]:
        groups: list[Group] = []
        for i, names in enumerate(cast(list[Plain], self._part("zip", [], "a list of lists of axes"))):
            group = self._group(i, names, axes)
            for name in group:
                if any(name in other for other in groups):
                    self._report(("zip", i), f"{quoted(name)} stands in two groups; an axis moves with one group")
            groups.append(group)
        return groups

    def _group(self, i: int, names: Plain, axes: Axes) -> Group:
        if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
            self._report(("zip", i), "a group is a list of axes, for example [model.hidden_size, model.layers]")
            return ()
        group = tuple(str(name) for name in names)
        sound = [self._check_member(("zip", i, j), name, axes) for j, name in enumerate(group)]
        if len(set(group)) < len(group):
            self._report(("zip", i), "an axis is named twice in this group")
            return ()
        lengths = {name: len(axes[name]) for name in group if name in axes}
        if len(set(lengths.values())) > 1:
            each = listed(f"{name} has {length}" for name, length in lengths.items())
            self._report(("zip", i), f"axes that move together have equally many values; {each}")
            return ()
        return group if all(sound) else ()

    def _check_member(self, path: Path, name: str, axes: Axes) -> bool:
        if name not in axes and name not in self._axes:  # an axis that is wrong itself is told of there
            hint = meant_or_listed(name, axes, "the axes")
            self._report(path, f"{quoted(name)} is not an axis of this sweep{hint}")
        return name in axes

    def _entry(self, i: int, entry: Plain) -> Entry:
        if not isinstance(entry, dict) or not entry:
            self._report(("exclude", i), "an exclusion maps keys to values, for example {model.cell: lstm}")
            return {}
        read: Entry = {}
        for dotted, value in entry.items():
            path: Path = ("exclude", i, dotted)
            key = self._key(path, dotted)
            if key is not None:
                points: list[Plain] = value if isinstance(value, list) else [value]
                paths: list[Path] = [(*path, j) if isinstance(value, list) else path for j in range(len(points))]
                read[dotted] = frozenset(self._values(key, points, paths))
        return read


def _in_order(axes: Axes, zipped: Iterable[Group]) -> tuple[Group, ...]:
    """Put each group where its first axis stands."""
    group_of = {name: group for group in zipped for name in group}
    return tuple(dict.fromkeys(group_of.get(name, (name,)) for name in axes))
