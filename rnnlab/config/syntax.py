"""PyYAML's complaints about broken YAML, in plain words."""

from __future__ import annotations

import re

import yaml

# (what PyYAML says, what we say, whether the place is where the broken thing began)
_WORDS: list[tuple[str, str, bool]] = [
    (r"found character '\\t'", "a tab stands here; YAML is indented with spaces", False),
    (r"found character \"?'?(.)", "a value cannot begin with this character; put it in quotes", False),
    (r"found unexpected end of stream", "this quote is never closed", True),
    (r"found unexpected document separator", "this quote is never closed", True),
    (r"could not find expected ':'", "this is neither a `key: value` nor part of a value; a ':' is missing", True),
    (r"mapping values are not allowed", "a ':' cannot stand here; check the indentation and the line above, "
     "and put a value that contains ': ' in quotes", False),
    (r"(sequence entries|mapping keys) are not allowed", "this cannot stand here; check the indentation", False),
    (r"expected <block end>", "this does not fit the lines above; check the indentation", False),
    (r"expected ',' or '\]'", "this '[' is never closed, or a comma is missing after it", True),
    (r"expected ',' or '\}'", "this '{' is never closed, or a comma is missing after it", True),
    (r"expected the node content", "a value is missing here", False),
    (r"found unknown escape character|expected escape sequence of", "a backslash in double quotes begins an escape "
     "that YAML does not know; use single quotes", False),
    (r"expected '?<document start>", "this does not belong to the lines above; check the indentation", False),
]  # fmt: skip


def in_plain_words(error: Exception, position: tuple[int, int]) -> tuple[str, int, int]:
    """Give the sentence, line and column for what PyYAML raised; `position` is where it was reading."""
    if not isinstance(error, yaml.MarkedYAMLError):
        return "this character code does not exist", *position
    problem = error.problem or "it cannot be read"
    for pattern, words, at_start in _WORDS:
        if re.match(pattern, problem):
            mark = error.context_mark if at_start and error.context_mark else error.problem_mark
            return words, *_place(mark, position)
    return f"this is not valid YAML: {problem}", *_place(error.problem_mark, position)


def _place(mark: yaml.Mark | None, position: tuple[int, int]) -> tuple[int, int]:
    return (mark.line + 1, mark.column + 1) if mark else position
