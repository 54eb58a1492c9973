"""YAML 1.2 core scalars: what is a number, and what only looks like one to YAML 1.1."""

from __future__ import annotations

import math

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnlab.config.document import read_document
from rnnlab.config.scalars import Scalar, TooLongError, read_scalar, write_for_every_yaml, write_scalar


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None), ("~", None), ("null", None), ("NULL", None),
        ("true", True), ("False", False),
        ("5", 5), ("-3", -3), ("+3", 3), ("007", 7), ("0x1F", 31), ("0o17", 15),
        ("1e-3", 0.001), ("1.0e-4", 0.0001), ("1E5", 1e5), (".5", 0.5), ("5.", 5.0), ("-0.0", -0.0),
        (".inf", math.inf), ("-.Inf", -math.inf), ("+.INF", math.inf), ("1e999", math.inf),
        ("no", "no"), ("yes", "yes"), ("on", "on"), ("nUll", "nUll"), ("12:30:00", "12:30:00"),
        ("2020-01-01", "2020-01-01"), ("1_000", "1_000"), ("0b1", "0b1"), ("-0x1F", "-0x1F"), ("1e", "1e"),
        (".", "."), ("-", "-"), ("inf", "inf"), ("nan", "nan"), ("１", "１"), ("1\n", "1\n"),
    ],
)  # fmt: skip
def test_reads_the_core_schema(text: str, value: Scalar) -> None:
    read = read_scalar(text)
    assert read == value
    assert type(read) is type(value)
    assert str(read) == str(value)  # tells -0.0 from 0.0


def test_reads_nan() -> None:
    value = read_scalar(".nan")
    assert isinstance(value, float)
    assert math.isnan(value)


@pytest.mark.parametrize("text", ["9" * 101, "-" + "9" * 5000, "0x" + "f" * 5000])
def test_refuses_numbers_that_python_itself_would_refuse_to_print(text: str) -> None:
    with pytest.raises(TooLongError, match=f"a number of {len(text)} digits is too long"):
        read_scalar(text)


@settings(derandomize=True, deadline=None, max_examples=500)
@given(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False)
    | st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12)
)
def test_what_is_written_is_read_back_identically(value: Scalar) -> None:
    document = read_document(f"key: {write_scalar(value)}\n", "a.yaml")
    assert not document.problems
    assert isinstance(document.data, dict)
    read = document.data["key"]
    assert (type(read), str(read)) == (type(value), str(value))


def test_writes_the_numbers_that_yaml_has_words_for() -> None:
    assert [write_scalar(v) for v in (math.inf, -math.inf, math.nan, 1e-05, True)] == [
        ".inf", "-.inf", ".nan", "1e-05", "true",
    ]  # fmt: skip


@settings(derandomize=True, deadline=None, max_examples=500)
@given(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False)
    | st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12)
    | st.text("0123456789abcdefxo_:.+-eTtyYnN", max_size=12)
    | st.sampled_from(["no", "On", "Y", "2020-01-01", "1_000", "0b11", "0o17", "017", "12:30:00", "=", "<<", "NULL"])
)
def test_what_is_written_into_config_yaml_is_the_same_to_a_reader_of_yaml_1_1(value: Scalar) -> None:
    """PyYAML's own loader, as a stranger's program would call it."""
    text = f"key: {write_for_every_yaml(value)}\n"
    for document in (yaml.safe_load(text), read_document(text, "a.yaml").data):
        assert isinstance(document, dict)
        read = document["key"]
        assert (type(read), str(read)) == (type(value), str(value))


def test_small_and_large_floats_have_a_point_before_their_exponent() -> None:
    written = [write_for_every_yaml(value) for value in (1e-05, 1e22, 1.5e-07, 0.001, -math.inf)]
    assert written == ["1.0e-05", "1.0e+22", "1.5e-07", "0.001", "-.inf"]
