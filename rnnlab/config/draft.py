"""A config in the making: plain data, where each value was written, and what is wrong so far."""

from __future__ import annotations

import numbers
import pathlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from rnnlab.config.all_keys import CALLED_ELSEWHERE, SECTIONS, keys_of
from rnnlab.config.document import Document, Path
from rnnlab.config.errors import LONGEST_NUMBER, ConfigError, Diagnostic, meant_or_listed, quoted, shown
from rnnlab.config.scalars import Plain, Scalar

COMMAND_LINE = "command line"
MOST_REPORTED = 100  # problems of one config: more would only hide the first ones
_DEEPEST = 8  # levels of a mapping; a key of a config stands 5 deep, and a mapping may hold itself
_HOLDS_KEYS = ("task", *SECTIONS, "sweep")


@dataclass(frozen=True)
class Violation:
    """A sentence about one path; `names_key` if the key itself is at fault and the sentence names it."""

    path: Path
    sentence: str
    names_key: bool = False


@dataclass
class Draft:
    """Plain data of a config with the place of everything in it; `commands` holds the overrides by what they set."""

    document: Document
    data: dict[str, Plain]
    commands: dict[Path, str] = field(default_factory=dict)
    problems: list[Diagnostic] = field(default_factory=list)

    @property
    def folder(self) -> pathlib.Path:
        """Where relative paths begin: the file's folder; for what is no file, the current one."""
        return pathlib.Path(self.document.source).absolute().parent

    def report(self, violation: Violation) -> None:
        """Add a problem, unless that value has been refused already."""
        if not any(path[: len(violation.path)] == violation.path for path in self.document.broken):
            self.problems.append(self.diagnostic(violation))

    def report_command(self, assignment: str, sentence: str) -> None:
        """Add a problem of an override."""
        self.problems.append(Diagnostic(f"{_short(assignment)}: {sentence}", COMMAND_LINE))

    def diagnostic(self, violation: Violation) -> Diagnostic:
        """Find where the path was written."""
        for end in range(len(violation.path), 0, -1):
            if violation.path[:end] in self.commands:
                return Diagnostic(f"{_short(self.commands[violation.path[:end]])}: {violation.sentence}", COMMAND_LINE)
        message = violation.sentence if violation.names_key else f"{dotted(violation.path)}: {violation.sentence}"
        return Diagnostic(message, self.document.source, *self._mark(violation))

    def _mark(self, violation: Violation) -> tuple[int | None, int | None]:
        marks = self.document.key_marks if violation.names_key else self.document.value_marks
        for end in range(len(violation.path), 0, -1):
            if violation.path[:end] in marks:
                return marks[violation.path[:end]]
        return None, None

    def section(self, name: str) -> dict[str, Plain]:
        """Give a section to read or to write, made if it is not there."""
        return cast(dict[str, Plain], self.data.setdefault(name, {}))

    def check(self) -> None:
        """Raise everything that is wrong so far, the command line last.

        Raises:
            ConfigError: if anything is.
        """
        if not self.problems:
            return
        problems = list(dict.fromkeys(sorted(self.problems, key=_order)))
        kept, left = problems[:MOST_REPORTED], len(problems) - MOST_REPORTED
        raise ConfigError([*kept, Diagnostic(f"and {left} more problems", self.document.source)] if left > 0 else kept)


def _order(problem: Diagnostic) -> tuple[bool, int, int]:
    return problem.source == COMMAND_LINE, problem.line or 0, problem.column or 0


def _short(assignment: str) -> str:
    return quoted(assignment)[1:-1]


def dotted(path: Path) -> str:
    """Write a path as people do; places in a list are left out, since the column tells them."""
    return ".".join(quoted(part)[1:-1] for part in path if isinstance(part, str))


def draft_of(document: Document) -> Draft:
    """Begin a draft from a document whose syntax is sound.

    Raises:
        ConfigError: if the document holds no mapping at all.
    """
    draft = Draft(document, {}, problems=list(document.problems))
    if document.is_empty:
        draft.problems.append(Diagnostic("the config is empty; it has sections such as `model:`", document.source))
    elif document.is_whole and not isinstance(document.data, dict) and not draft.problems:
        mark = document.value_marks.get((), (None, None))
        sentence = f"a config is made of sections such as `model:`; got {shown(document.data)}"
        draft.problems.append(Diagnostic(sentence, document.source, *mark))
    if not isinstance(document.data, dict) or not document.is_whole:
        draft.check()
    draft.data = dict(cast(dict[str, Plain], document.data))
    _check_shape(draft)
    return draft


def _check_shape(draft: Draft) -> None:
    """Make every section a mapping of its own: an empty one counts as left out."""
    for name in _HOLDS_KEYS:
        value = draft.data.get(name)
        if isinstance(value, dict):
            draft.data[name] = dict(value)
            continue
        if value is not None:
            draft.report(Violation((name,), f"this is a section and holds keys; got {shown(value)}"))
        draft.data.pop(name, None)


def unknown_key(path: Path, kinds: tuple[str, ...]) -> Violation:
    """Say what was probably meant by a key that its section does not have."""
    section, name = (str(path[0]) if len(path) > 1 else ""), str(path[-1])
    keys = keys_of(kinds)
    siblings = [key.path[-1] for key in keys.values() if ".".join(key.path[:-1]) == section]
    where = f"in {section}" if section else "at the top level"
    if not section:
        siblings += _HOLDS_KEYS
        if name in keys:
            return Violation(
                path, f"unknown key {quoted(name)}; write '{keys[name].path[-1]}' below '{keys[name].path[0]}:'", True
            )
    homes = [key.path[:-1] for key in keys.values() if key.path[-1] == name]
    if homes:
        home = f"in {homes[0][0]}" if homes[0] else "at the top level"
        return Violation(path, f"unknown key {quoted(name)} {where}. {quoted(name)} belongs {home}", True)
    meant = CALLED_ELSEWHERE.get(name.lower())
    if meant is not None and meant in keys:
        here, _, its_name = meant.rpartition(".")
        place = "" if here == section else f" in {here}" if here else " at the top level"
        return Violation(path, f"unknown key {quoted(name)} {where}. Did you mean '{its_name}'{place}?", True)
    return Violation(path, f"unknown key {quoted(name)} {where}{meant_or_listed(name, siblings)}", True)


def document_of(data: Mapping[str, object], source: str) -> Document:
    """Take a mapping of a Python caller as a document.

    Raises:
        ConfigError: for keys that are no text and values that YAML does not have.
    """
    document = Document(source)
    document.data = _plain(data, (), document)
    document.is_empty = document.data is None
    return document


def _plain(value: object, path: Path, document: Document) -> Plain:
    if len(path) > _DEEPEST:
        return _refused(document, path[:3], "the values are nested too deeply")
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                _refused(document, path, f"a key must be a name; got {shown(key)}")
        return {str(k): _plain(v, (*path, k), document) for k, v in value.items() if isinstance(k, str)}
    if isinstance(value, list | tuple):
        return [_plain(one, (*path, i), document) for i, one in enumerate(value)]
    try:
        return _plain_scalar(value)
    except (ValueError, OverflowError) as error:
        return _refused(document, path, str(error))


def _plain_scalar(value: object) -> Scalar:
    """Give Python's own type for what counts as one, such as NumPy's numbers."""
    match value:
        case None | bool():
            return value
        case str():
            return str(value)
        case numbers.Integral():
            if abs(value) >= 10**LONGEST_NUMBER:
                raise ValueError("the number has too many digits")
            return int(value)
        case numbers.Real():
            return float(value)
    raise ValueError(f"got {shown(value)}; valid: text, a number, true, false, null, a list or a mapping")


def _refused(document: Document, path: Path, sentence: str) -> Plain:
    message = f"{dotted(path)}: {sentence}" if dotted(path) else sentence
    document.problems.append(Diagnostic(message, document.source))
    document.broken.add(path)
    return None
