"""A text of one's own: its vocabulary, the stretches that are drawn, and the entropies that a loss is held against."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from rnnlab.tasks.text import Text
from rnnlab.training import BATCHES, make_stream

PROSE = "Über allen Gipfeln ist Ruh,\nin allen Wipfeln spürest du kaum einen Hauch. 🙂"


@pytest.fixture
def task(tmp_path: Path) -> Any:
    """Give a function that writes a text and makes the task of it."""

    def make(text: str | bytes, **keys: Any) -> Text:
        (tmp_path / "a.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
        return Text.model_validate({"file": str(tmp_path / "a.txt"), **keys})

    return make


def test_the_vocabulary_is_what_occurs(task: Any) -> None:
    made = task(PROSE, seq_len=7)
    assert made.characters() == "".join(sorted(set(PROSE)))
    assert (made.length, made.vocabulary) == (len(PROSE), len(set(PROSE)))
    assert (made.input_size, made.output_size) == (made.vocabulary, made.vocabulary)


def test_stretches_of_the_text_are_drawn_from_everywhere_with_the_next_characters(task: Any) -> None:
    made = task(PROSE, seq_len=7)
    inputs, targets = made.sample(make_stream(0, BATCHES), 3000)
    letters, found = made.characters(), set()
    assert (inputs.sum(axis=-1) == 1).all()
    for x_TV, y_T in zip(inputs, targets, strict=True):
        shown = "".join(letters[code] for code in x_TV.argmax(axis=-1))
        following = "".join(letters[code] for code in y_T)
        assert shown[1:] == following[:-1]
        found.add(PROSE.index(shown + following[-1]))
    assert found == set(range(len(PROSE) - 7)), "the first and the last stretch, too"
    stream = make_stream(0, BATCHES)
    parts = [made.sample(stream, count)[1] for count in (1, 3, 5)]
    assert np.array_equal(np.concatenate(parts), targets[:9])


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("timesteps", [1, 5, len(PROSE) - 1])
def test_the_entropies_are_those_of_all_stretches(task: Any, timesteps: int, last: bool) -> None:
    """By counting every pair of every stretch with a loop."""
    made = task(PROSE, seq_len=timesteps, last_timestep_only=last)
    pairs: Counter[tuple[str, str]] = Counter()
    for start in range(len(PROSE) - timesteps):
        stretch = PROSE[start : start + timesteps + 1]
        each = list(itertools.pairwise(stretch))
        pairs.update(each[-1:] if last else each)
    nexts, firsts = Counter[str](), Counter[str]()
    for (first, following), count in pairs.items():
        nexts[following] += count
        firsts[first] += count
    total = sum(pairs.values())
    floors = made.floors(linear=False)
    assert floors["uniform guess"] == math.log(len(set(PROSE)))
    unigram = math.fsum(-count / total * math.log(count / total) for count in nexts.values())
    assert floors["unigram entropy"] == pytest.approx(unigram, rel=1e-12, abs=1e-12)
    bigram = math.fsum(-count / total * math.log(count / firsts[first]) for (first, _), count in pairs.items())
    assert floors["bigram entropy"] == pytest.approx(bigram, rel=1e-12, abs=1e-12)


def test_of_a_long_text_they_are_those_of_the_text(task: Any) -> None:
    floors = task("aab" * 2000, seq_len=3).floors(linear=False)
    third = 1 / 3 * math.log(3) + 2 / 3 * math.log(3 / 2)
    assert floors["unigram entropy"] == pytest.approx(third, abs=1e-3)
    assert floors["bigram entropy"] == pytest.approx(2 / 3 * math.log(2), abs=1e-3)


@pytest.mark.parametrize(
    ("text", "keys", "sentence"),
    [
        ("", {}, "has 0 different characters among 0; valid: from 2 to 10000"),
        ("aaaa", {}, "has 1 different characters among 4"),
        (b"gr\xfc\xdfe", {}, "byte 3 is not text in UTF-8; save the file as UTF-8"),
        ("abc", {"seq_len": 3}, r"task\.seq_len is 3 and the text has 3 characters: it must be at most 2"),
        ("abc", {"seq_len": 2, "vocabulary": 4}, r"task\.vocabulary: got 4, but .*a\.txt has 3; leave the key out"),
    ],
)
def test_a_text_that_cannot_be_learned_from_is_refused(
    task: Any, text: str | bytes, keys: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ValidationError, match=sentence):
        task(text, **keys)


def test_a_mark_of_the_byte_order_is_no_character(task: Any) -> None:
    assert task(b"\xef\xbb\xbfab", seq_len=1).characters() == "ab"


def test_a_large_vocabulary_is_counted_alike(task: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    floors = task(PROSE, seq_len=4).floors(linear=False)
    monkeypatch.setattr("rnnlab.tasks.text._MOST_COUNTED", 2)
    assert task(PROSE, seq_len=4).floors(linear=False) == pytest.approx(floors, rel=1e-12)
