"""The random streams: separate, reproducible, saved as text, and the same however they are cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from rnnlab.training import BATCHES, PROBE, WEIGHTS, make_stream, record_steps
from rnnlab.training.streams import stream_from_text, stream_to_text

seeds = st.integers(0, 2**32 - 1)


def test_a_stream_is_philox_seeded_as_the_design_says() -> None:
    expected = np.random.Generator(np.random.Philox(np.random.SeedSequence([7, 1])))
    assert_array_equal(make_stream(7, BATCHES).random(5), expected.random(5))
    assert (WEIGHTS, BATCHES, PROBE) == (0, 1, 2)


@given(seeds)
def test_the_streams_of_a_seed_differ(seed: int) -> None:
    assert len({make_stream(seed, stream).integers(2**63) for stream in (WEIGHTS, BATCHES, PROBE)}) == 3


def test_streams_are_not_correlated() -> None:
    rows = [make_stream(seed, stream).standard_normal(10_000) for seed in range(6) for stream in range(3)]
    correlations = np.corrcoef(rows) - np.eye(len(rows))
    assert np.abs(correlations).max() < 4.5 / np.sqrt(10_000)


@given(seeds, st.lists(st.sampled_from(["normal", "single", "integer", "uniform"]), max_size=7))
def test_a_stream_written_as_text_goes_on_as_it_would_have(seed: int, draws: list[str]) -> None:
    """Wherever it stands, also in the middle of a 64-bit word."""
    stream = make_stream(seed, BATCHES)
    for kind in draws:
        draw(stream, kind)
    text = stream_to_text(stream)
    twin = stream_from_text(text)
    assert stream_to_text(twin) == text
    for kind in ("single", "normal", "single", "integer", "uniform", "normal"):
        assert_array_equal(draw(stream, kind), draw(twin, kind))
    assert stream_to_text(twin) == stream_to_text(stream) != text


def draw(stream: np.random.Generator, kind: str) -> np.ndarray:
    if kind == "normal":
        return stream.standard_normal(3)
    if kind == "single":
        return stream.standard_normal(3, dtype=np.float32)
    return stream.integers(0, 2**40, 3) if kind == "integer" else stream.random(3, dtype=np.float32)


@given(seeds, st.lists(st.integers(0, 9), min_size=1, max_size=6))
def test_single_precision_normals_and_integers_do_not_depend_on_cuts(seed: int, counts: list[int]) -> None:
    for kind in ("single", "integer"):
        whole, cut = make_stream(seed, BATCHES), make_stream(seed, BATCHES)
        sizes = (lambda stream, n: stream.standard_normal(n, dtype=np.float32)) if kind == "single" else _integers
        assert_array_equal(np.concatenate([sizes(cut, n) for n in counts]), sizes(whole, sum(counts)))


def _integers(stream: np.random.Generator, count: int) -> np.ndarray:
    return stream.integers(0, 10, count, dtype=np.int64)


@pytest.mark.parametrize(
    ("batches", "every", "expected"),
    [
        (0, 100, [0]),
        (1, 100, [0, 1]),
        (100, 100, [0, 100]),
        (101, 100, [0, 100, 101]),
        (300, 100, [0, 100, 200, 300]),
        (3, 1, [0, 1, 2, 3]),
        (5, 1000, [0, 5]),
        (7, 3, [0, 3, 6, 7]),
    ],
)
def test_recorded_steps(batches: int, every: int, expected: list[int]) -> None:
    steps = record_steps(batches, every)
    assert steps.dtype == np.int64
    assert steps.tolist() == expected
