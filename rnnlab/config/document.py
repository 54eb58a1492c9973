"""YAML text to plain data, with the place of every key and every value.

PyYAML's events are read directly, so that places are kept, scalars follow YAML 1.2 (scalars.py), and what a config
has no use for - anchors, tags, several documents - is refused by name. PyYAML's own Python parser is taken even
where its C twin is installed: the two word their errors differently, and a config is a page long.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml

from rnnlab.config.errors import Diagnostic, quoted, shown
from rnnlab.config.files import place
from rnnlab.config.scalars import Plain, TooLongError, read_scalar
from rnnlab.config.syntax import in_plain_words

Path: TypeAlias = tuple[str | int, ...]
Mark: TypeAlias = tuple[int, int]

# What YAML allows in a text; PyYAML would refuse the rest without a line.
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
DEEPEST = 20  # levels of nesting: no key of a config stands deeper than 5


class _Skipped:
    """Stands for a value that has been refused already."""


_SKIPPED = _Skipped()


class _StopError(Exception):
    """Nothing more of the text can be read."""


@dataclass
class Document:
    """What a text holds. `broken` names the paths of refused values, about which nothing else should be said."""

    source: str
    data: Plain = None
    key_marks: dict[Path, Mark] = field(default_factory=dict)
    value_marks: dict[Path, Mark] = field(default_factory=dict)
    problems: list[Diagnostic] = field(default_factory=list)
    broken: set[Path] = field(default_factory=set)
    is_empty: bool = False
    is_whole: bool = True  # False: the reader had to stop, so `data` says nothing


def read_document(text: str, source: str) -> Document:
    """Read one YAML document; whatever is wrong stands in its `problems`."""
    document = Document(source)
    unprintable = _UNPRINTABLE.search(text)
    if unprintable:
        message = f"the control character U+{ord(unprintable[0]):04X} cannot stand in a config"
        document.problems.append(Diagnostic(message, source, *place(text[: unprintable.start()])))
        document.is_whole = False
        return document
    reader = _Reader(text, document)
    try:
        reader.read()
    except _StopError:
        document.is_whole = False
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        # ValueError: PyYAML passes "\UFFFFFFFF" and the like to chr() unchecked.
        message, line, column = in_plain_words(error, reader.position())
        document.problems.append(Diagnostic(message, source, line, column))
        document.is_whole = False
    return document


class _Reader:
    """Builds plain data from events."""

    def __init__(self, text: str, document: Document) -> None:
        self._loader: Any = yaml.SafeLoader(text)
        self._document = document

    def position(self) -> Mark:
        mark = self._loader.get_mark()
        return mark.line + 1, mark.column + 1

    def read(self) -> None:
        self._next()  # the start of the stream
        if isinstance(self._peek(), yaml.StreamEndEvent):
            self._document.is_empty = True
            return
        self._next()  # the start of the document
        data = self._value((), 1)
        self._document.data = None if isinstance(data, _Skipped) else data
        self._document.is_empty = data is None
        self._next()  # its end
        following = self._peek()
        if not isinstance(following, yaml.StreamEndEvent):
            self._refuse((), following, "a second document begins here; keep one config in one file")
            raise _StopError

    def _next(self) -> Any:
        return self._loader.get_event()

    def _peek(self) -> Any:
        return self._loader.peek_event()

    def _refuse(self, path: Path, event: Any, message: str) -> _Skipped:
        line, column = _mark(event)
        self._document.problems.append(Diagnostic(message, self._document.source, line, column))
        if path:
            self._document.broken.add(path)
        return _SKIPPED

    def _value(self, path: Path, depth: int) -> Plain | _Skipped:
        event = self._next()
        self._document.value_marks.setdefault(path, _mark(event))
        if isinstance(event, yaml.AliasEvent):
            name = _short(f"*{event.anchor}")
            return self._refuse(path, event, f"an alias ({name}) is not read here; write the value itself")
        if depth > DEEPEST:
            self._refuse(path, event, f"values are nested more than {DEEPEST} levels deep")
            raise _StopError
        refused = self._refuse_properties(path, event)
        value = self._content(path, event, depth)
        return _SKIPPED if refused else value

    def _refuse_properties(self, path: Path, event: Any) -> bool:
        """Refuse what may stand before a value: an anchor or a tag."""
        if event.anchor is not None:
            name = _short(f"&{event.anchor}")
            self._refuse(path, event, f"an anchor ({name}) is not read here; write the value where it is used")
        if event.tag is not None:
            name = _short(event.tag.replace("tag:yaml.org,2002:", "!!", 1))  # PyYAML's long form of `!!`
            self._refuse(path, event, f"a tag ({name}) is not read here; write the plain value")
        return event.anchor is not None or event.tag is not None

    def _content(self, path: Path, event: Any, depth: int) -> Plain | _Skipped:
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(path, depth)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path, depth)
        if event.style is not None:  # quoted, or a block of text
            text: str = event.value
            return text
        try:
            return read_scalar(event.value)
        except TooLongError as error:
            return self._refuse(path, event, str(error))

    def _sequence(self, path: Path, depth: int) -> Plain:
        items: list[Plain] = []
        while not isinstance(self._peek(), yaml.SequenceEndEvent):
            item = self._value((*path, len(items)), depth + 1)
            items.append(None if isinstance(item, _Skipped) else item)
        self._next()
        return items

    def _mapping(self, path: Path, depth: int) -> Plain:
        mapping: dict[str, Plain] = {}
        lines: dict[str, int] = {}
        while not isinstance(self._peek(), yaml.MappingEndEvent):
            event = self._peek()
            key = self._key(path, depth)
            if key is None:
                self._value((*path, ""), depth + 1)
                continue
            self._document.key_marks.setdefault((*path, key), _mark(event))
            value = self._value((*path, key), depth + 1)
            if key in lines:
                self._refuse((), event, f"the key {quoted(key)} is given twice, here and on line {lines[key]}")
            elif not isinstance(value, _Skipped):
                mapping[key] = value
            lines.setdefault(key, _mark(event)[0])
        self._next()
        return mapping

    def _key(self, path: Path, depth: int) -> str | None:
        """Read a key; None after one that is no text."""
        event = self._peek()
        key = self._value((*path, ""), depth + 1)
        if isinstance(key, str | _Skipped):
            return key if isinstance(key, str) else None
        self._refuse((), event, f"a key must be a name; got {shown(key)}")
        return None


def _mark(event: Any) -> Mark:
    return event.start_mark.line + 1, event.start_mark.column + 1


def _short(text: str) -> str:
    return quoted(text)[1:-1]
