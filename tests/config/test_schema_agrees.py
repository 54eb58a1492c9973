"""The JSON Schema takes exactly what `validate` takes: generated documents, through both.

What a schema cannot say is listed below, and in docs/reference/config.md.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from rnnlab.config import config_from_mapping
from rnnlab.config.all_keys import keys_of
from rnnlab.config.errors import ConfigError
from rnnlab.config.schema import json_schema
from rnnlab.tasks import TASKS

_ODD: tuple[Any, ...] = (
    None, True, False, 0, 1, 2, -1, 0.5, 1.0, 1e-5, 1e300, 2**31, 2**32, 2**64, "", "x", "1", "elman", "LSTM", "adam",
    [], [1], {}, {"a": 1}, "a/b", ".hidden", "null", "uniform",
)  # fmt: skip


_BEYOND = {
    r"got \d+\.0; valid: a whole number|got \d(\.\d+)?e\+\d+; valid: a whole number": "1.0 is a whole number to JSON",
    r"an elman net needs one": "a nonlinearity is left empty where the cell needs one",
    r"model\.init: \S+ (is the exact solution|sets the biases)": "an initialiser needs other keys to be of a kind",
    r"record\.quantities: got": "the names of groups stand in one text",
    r"there is no file": "what lies on the disk",
    r"task\.table: got": "a table is text with rules of its own",
    r"task: ": "keys of a task do not go together",
}
"""What `validate` refuses and a schema takes: the sentence of the first, and why."""


def _documents(count: int, seed: int) -> Iterator[dict[str, Any]]:
    """Generate documents: mostly valid ones, of which a few keys take something odd."""
    chance = random.Random(seed)
    for _ in range(count):
        kind = chance.choice(list(TASKS))
        keys = keys_of((kind,))
        document: dict[str, Any] = {"task": {"kind": kind}}
        for dotted, key in chance.sample(sorted(keys.items()), chance.randint(0, 4)):
            section, _, name = dotted.rpartition(".")
            values = [*key.choices, *_ODD]
            within = document.setdefault(section, {}) if section else document
            within[name] = chance.choice(values)
        if chance.random() < 0.05:
            document[chance.choice(("unknown", "task", "model", "record"))] = chance.choice(_ODD)
        yield document


def _problem(document: dict[str, Any]) -> str | None:
    try:
        config_from_mapping({"name": "study", **document})
    except ConfigError as error:
        return str(error)
    return None


def test_the_schema_takes_what_validate_takes_but_for_what_it_cannot_say() -> None:
    validator = jsonschema.Draft202012Validator(json_schema())
    counts: Counter[str] = Counter()
    for document in _documents(1500, seed=0):
        problem, takes = _problem(document), validator.is_valid(document)
        if problem is None:
            assert takes, f"the schema alone refuses {document}"
            counts["taken"] += 1
        elif takes:
            every = [line for line in problem.splitlines() if "problem" not in line]
            beyond = [line for line in every if not any(re.search(pattern, line) for pattern in _BEYOND)]
            assert beyond == [], f"the schema alone takes {document}"
            counts["beyond it"] += 1
        else:
            counts["refused"] += 1
    assert min(counts[kind] for kind in ("taken", "refused", "beyond it")) > 10


@pytest.mark.parametrize("name", ["task", "model", "training", "record", "sweep", "extensions"])
def test_what_is_left_empty_is_taken_by_both(name: str) -> None:
    document = {name: None}
    assert _problem(document) is None
    assert jsonschema.Draft202012Validator(json_schema()).is_valid(document)
